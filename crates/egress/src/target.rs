//! Reads the host and port out of a URI the way a browser would, so that every spelling of an address is
//! that address. Runs when a connection is made, not per request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::Scheme;
use url::Host;

/// Where a URI leads, before resolving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: TargetHost,
    pub(crate) port: u16,
}

/// An address needs no resolver; a name does, except the loopback names, which RFC 6761 fixes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetHost {
    Address(IpAddr),
    Loopback,
    Name(String),
}

/// A URI from which no target can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    #[error("the URL's scheme is not http or https")]
    Scheme,
    #[error("the URL's host is not a valid name or address")]
    Host,
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
}

impl Target {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, BadTarget> {
        let port_default = scheme_port(uri)?;
        let authority = uri.authority().ok_or(BadTarget::Host)?;
        let host = match Host::parse(authority.host()).map_err(|_| BadTarget::Host)? {
            Host::Ipv4(address) => TargetHost::Address(address.into()),
            Host::Ipv6(address) => TargetHost::Address(address.into()),
            Host::Domain(name) if is_loopback_name(&name) => TargetHost::Loopback,
            Host::Domain(name) => TargetHost::Name(name),
        };
        let port = match authority.port_u16() {
            Some(0) => return Err(BadTarget::Port),
            Some(port) => port,
            None if has_port_text(authority.as_str()) => return Err(BadTarget::Port),
            None => port_default,
        };
        Ok(Self { host, port })
    }
}

/// The default port of a URI's scheme, or the reason that there is none. Cheap enough for every request.
pub(crate) fn scheme_port(uri: &Uri) -> Result<u16, BadTarget> {
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => Ok(80),
        Some(scheme) if *scheme == Scheme::HTTPS => Ok(443),
        Some(_) | None => Err(BadTarget::Scheme),
    }
}

/// The addresses of `localhost` and all below it.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// RFC 6761, section 6.3, and the spelling that many hosts files add. Expects a lower-case name.
fn is_loopback_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    ["localhost", "localhost.localdomain"].iter().any(|loopback| {
        name.strip_suffix(loopback).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// True when something stands behind the colon after the host: a port that `http` could not read.
fn has_port_text(authority: &str) -> bool {
    let host_and_port = authority.rsplit('@').next().unwrap_or(authority);
    let after_host = host_and_port.rsplit(']').next().unwrap_or(host_and_port);
    after_host.split_once(':').is_some_and(|(_, port)| !port.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<Target, BadTarget> {
        Target::parse(&uri.parse().expect("the test's URI is valid"))
    }

    #[test]
    fn spellings_of_one_address_are_one_target() {
        for uri in ["http://127.0.0.1", "http://0x7f.1/", "http://2130706433:80/", "http://u:p@0177.0.0.1."] {
            let expected = Target { host: TargetHost::Address(Ipv4Addr::LOCALHOST.into()), port: 80 };
            assert_eq!(parse(uri), Ok(expected), "{uri}");
        }
    }

    #[test]
    fn loopback_names_need_no_resolver() {
        for uri in
            ["http://localhost", "http://LOCALHOST./", "http://a.b.localhost", "http://localhost.localdomain"]
        {
            assert_eq!(parse(uri).map(|target| target.host), Ok(TargetHost::Loopback), "{uri}");
        }
        let other = parse("http://notlocalhost/").map(|target| target.host);
        assert_eq!(other, Ok(TargetHost::Name("notlocalhost".to_owned())));
    }

    #[test]
    fn ports_come_from_the_scheme_or_are_exact() {
        assert_eq!(parse("https://example.com").map(|target| target.port), Ok(443));
        assert_eq!(parse("http://example.com:8080").map(|target| target.port), Ok(8080));
        assert_eq!(parse("http://[2606:4700::1]:81/").map(|target| target.port), Ok(81));
        assert_eq!(parse("http://example.com:0/"), Err(BadTarget::Port));
        assert_eq!(parse("http://example.com:65536/"), Err(BadTarget::Port));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        assert_eq!(parse("ftp://example.com/"), Err(BadTarget::Scheme));
        assert_eq!(parse("/path"), Err(BadTarget::Scheme));
        assert_eq!(parse("http://1.2.3.4.5/"), Err(BadTarget::Host));
        assert_eq!(parse("http://[fe80::1%25eth0]/"), Err(BadTarget::Host));
    }
}
