//! Which addresses may be called. A pure function of the address and the operator's lists.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which addresses may be called. The default refuses everything that is not a public unicast address.
///
/// Decided in this order:
/// 1. `deny` refuses, always; also an IPv6 address that carries a denied IPv4 address in it.
/// 2. An IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo) is
///    refused, unless `allow` names it: then the IPv4 address inside is decided by these rules. So an
///    operator behind DNS64 may allow `64:ff9b::/96` and still refuses `64:ff9b::127.0.0.1`.
/// 3. `allow` permits, metadata services included.
/// 4. Metadata services of clouds are refused, whatever `allow_private` says.
/// 5. The built-in list (IANA special-purpose registries; for IPv6 everything outside `2000::/3`) refuses;
///    `allow_private` lifts loopback, private, shared, link-local, unique-local and site-local ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Permit the machine's own and the local network's addresses. For development.
    pub allow_private: bool,
    /// Networks permitted in spite of the built-in list.
    pub allow: Vec<IpNet>,
    /// Networks refused in spite of everything else.
    pub deny: Vec<IpNet>,
}

/// An address that the policy refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {reason}")]
pub struct Blocked {
    /// The address. For the operator's eyes: to a tenant it may tell what our resolver knows.
    pub address: IpAddr,
    /// Which rule refused it.
    pub reason: BlockReason,
}

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockReason {
    /// On the operator's deny list.
    Denied,
    /// A cloud's metadata or credential service.
    Metadata,
    /// The machine itself.
    Loopback,
    /// RFC 1918.
    Private,
    /// Carrier-grade NAT, RFC 6598.
    Shared,
    /// `169.254.0.0/16` and `fe80::/10`.
    LinkLocal,
    /// `fc00::/7` and the deprecated `fec0::/10`.
    LocalNetwork,
    /// `0.0.0.0/8` and `::`.
    Unspecified,
    /// Multicast and broadcast.
    Multicast,
    /// Documentation, benchmarking, protocol assignments, reserved, discard.
    Reserved,
    /// An IPv6 form that carries an IPv4 address.
    EmbeddedIpv4,
    /// IPv6 outside of global unicast, `2000::/3`.
    NotGlobal,
}

impl AddressPolicy {
    /// Decides about one address.
    pub fn check(&self, address: IpAddr) -> Result<(), Blocked> {
        self.decide(address).map_err(|reason| Blocked { address, reason })
    }

    /// Decides about all addresses of a name: one refused address refuses them all, so that a mixed answer
    /// gains nothing.
    pub fn check_all(&self, addresses: &[SocketAddr]) -> Result<(), Blocked> {
        addresses.iter().try_for_each(|address| self.check(address.ip()))
    }

    fn decide(&self, address: IpAddr) -> Result<(), BlockReason> {
        let embedded = embedded_ipv4(address);
        let denied = |address: IpAddr| self.deny.iter().any(|net| net.contains(&address));
        if denied(address) || embedded.is_some_and(|inner| denied(inner.into())) {
            return Err(BlockReason::Denied);
        }
        let allowed = self.allow.iter().any(|net| net.contains(&address));
        match embedded {
            Some(inner) if allowed => return self.decide(inner.into()),
            Some(_) => return Err(BlockReason::EmbeddedIpv4),
            None if allowed => return Ok(()),
            None => {}
        }
        match built_in(address) {
            None => Ok(()),
            Some(reason) if self.allow_private && reason.is_local() => Ok(()),
            Some(reason) => Err(reason),
        }
    }
}

impl BlockReason {
    /// True for what `allow_private` permits.
    fn is_local(self) -> bool {
        match self {
            Self::Loopback | Self::Private | Self::Shared | Self::LinkLocal | Self::LocalNetwork => true,
            Self::Denied
            | Self::Metadata
            | Self::Unspecified
            | Self::Multicast
            | Self::Reserved
            | Self::EmbeddedIpv4
            | Self::NotGlobal => false,
        }
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "on the deny list",
            Self::Metadata => "a cloud metadata address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "a shared (carrier-grade NAT) address",
            Self::LinkLocal => "a link-local address",
            Self::LocalNetwork => "a local IPv6 address",
            Self::Unspecified => "an unspecified address",
            Self::Multicast => "a multicast or broadcast address",
            Self::Reserved => "a reserved address",
            Self::EmbeddedIpv4 => "an IPv6 address that carries an IPv4 address",
            Self::NotGlobal => "not a global unicast address",
        })
    }
}

/// The first matching row of the built-in lists.
fn built_in(address: IpAddr) -> Option<BlockReason> {
    match address {
        IpAddr::V4(v4) => BLOCKED_V4.iter().find(|(net, _)| net.contains(&v4)).map(|(_, reason)| *reason),
        IpAddr::V6(v6) => {
            let listed = BLOCKED_V6.iter().find(|(net, _)| net.contains(&v6)).map(|(_, reason)| *reason);
            listed.or_else(|| (!GLOBAL_UNICAST_V6.contains(&v6)).then_some(BlockReason::NotGlobal))
        }
    }
}

/// The IPv4 address that an IPv6 address carries, for every form in which some host or gateway would use it.
fn embedded_ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(v6) = address else { return None };
    let octets = v6.octets();
    let at =
        |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    match v6.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible, IPv4-mapped, IPv4-translated (RFC 4291, RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(at(12))
        }
        // 6to4 (RFC 3056).
        [0x2002, ..] => Some(at(2)),
        // Teredo (RFC 4380): the client's address, inverted.
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!at(12).to_bits())),
        _ => None,
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix_len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix_len)
}

const fn v6(segments: [u16; 8], prefix_len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from_segments(segments), prefix_len)
}

const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// IANA IPv4 special-purpose registry, and metadata services first so that they keep their reason.
const BLOCKED_V4: &[(Ipv4Net, BlockReason)] = &[
    (v4(169, 254, 169, 0, 24), BlockReason::Metadata), // AWS, GCP, Azure, OpenStack, and AWS's DNS and time
    (v4(169, 254, 170, 0, 24), BlockReason::Metadata), // AWS container credentials
    (v4(168, 63, 129, 16, 32), BlockReason::Metadata), // Azure WireServer
    (v4(100, 100, 100, 200, 32), BlockReason::Metadata), // Alibaba
    (v4(192, 0, 0, 192, 32), BlockReason::Metadata),   // Oracle
    (v4(0, 0, 0, 0, 8), BlockReason::Unspecified),
    (v4(10, 0, 0, 0, 8), BlockReason::Private),
    (v4(100, 64, 0, 0, 10), BlockReason::Shared),
    (v4(127, 0, 0, 0, 8), BlockReason::Loopback),
    (v4(169, 254, 0, 0, 16), BlockReason::LinkLocal),
    (v4(172, 16, 0, 0, 12), BlockReason::Private),
    (v4(192, 0, 0, 0, 24), BlockReason::Reserved), // protocol assignments
    (v4(192, 0, 2, 0, 24), BlockReason::Reserved), // documentation
    (v4(192, 88, 99, 0, 24), BlockReason::Reserved), // 6to4 relays, deprecated
    (v4(192, 168, 0, 0, 16), BlockReason::Private),
    (v4(198, 18, 0, 0, 15), BlockReason::Reserved), // benchmarking
    (v4(198, 51, 100, 0, 24), BlockReason::Reserved), // documentation
    (v4(203, 0, 113, 0, 24), BlockReason::Reserved), // documentation
    (v4(224, 0, 0, 0, 4), BlockReason::Multicast),
    (v4(255, 255, 255, 255, 32), BlockReason::Multicast),
    (v4(240, 0, 0, 0, 4), BlockReason::Reserved),
];

/// What is refused inside `2000::/3`, and what outside of it deserves a reason of its own.
const BLOCKED_V6: &[(Ipv6Net, BlockReason)] = &[
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), BlockReason::Metadata), // AWS
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), BlockReason::Metadata), // GCP
    (v6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), BlockReason::Metadata), // OpenStack
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), BlockReason::Loopback),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), BlockReason::Unspecified),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), BlockReason::EmbeddedIpv4), // local NAT64, RFC 8215
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), BlockReason::Reserved),         // discard
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), BlockReason::Reserved),        // protocol assignments, ORCHID
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), BlockReason::Reserved),    // documentation
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), BlockReason::Reserved),        // documentation
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), BlockReason::LocalNetwork),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), BlockReason::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), BlockReason::LocalNetwork),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), BlockReason::Multicast),
];

#[cfg(test)]
mod tests;
