//! The keys that say whose logins are accepted.

use std::collections::BTreeMap;

use http::Uri;
use posthouse_engine::LoginOptions;
use posthouse_types::{Capabilities, Capability};

use super::{Config, ConfigurationError};

impl Config {
    /// Whose logins are accepted; `None` when nobody's.
    pub(crate) fn logins(&self) -> Result<Option<LoginOptions>, ConfigurationError> {
        let issuer = set(self.login_issuer.as_ref());
        let audience = set(self.login_audience.as_ref());
        let Some(url) = set(self.login_jwks_url.as_ref()) else {
            let pointless = issuer.map(|_| "login_issuer").or(audience.map(|_| "login_audience"));
            return match pointless {
                Some(key) => Err(wrong(key, "means nothing without login_jwks_url, which is not set")),
                None => Ok(None),
            };
        };
        let required = |key, value: Option<&String>| {
            value.cloned().ok_or_else(|| wrong(key, "is required with login_jwks_url, and not set"))
        };
        Ok(Some(LoginOptions {
            jwks_url: http_url(url).ok_or_else(|| wrong("login_jwks_url", "must be an http or https URL"))?,
            issuer: required("login_issuer", issuer)?,
            audience: required("login_audience", audience)?,
            organization_claim: claim("login_organization_claim", &self.login_organization_claim)?,
            role_claim: claim("login_role_claim", &self.login_role_claim)?,
            roles: roles(&self.login_roles).map_err(|reason| wrong("login_roles", reason))?,
            environment: self.login_environment,
        }))
    }
}

/// A value that is there and says something: an empty variable is how some environments leave one out.
fn set(value: Option<&String>) -> Option<&String> {
    value.filter(|text| !text.is_empty())
}

fn http_url(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let has_host = uri.host().is_some_and(|host| !host.is_empty());
    (matches!(uri.scheme_str(), Some("http" | "https")) && has_host).then_some(uri)
}

fn claim(key: &'static str, name: &str) -> Result<String, ConfigurationError> {
    if name.is_empty() {
        return Err(wrong(key, "must name a claim"));
    }
    Ok(name.to_owned())
}

/// Reads `role=capability capability; role=…`.
fn roles(text: &str) -> Result<BTreeMap<String, Capabilities>, String> {
    let mut roles = BTreeMap::new();
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (role, names) =
            entry.split_once('=').ok_or_else(|| format!("`{entry}` must be role=capability capability …"))?;
        let role = role.trim();
        let capabilities = names
            .split_whitespace()
            .map(|name| name.parse::<Capability>().map_err(|wanted| format!("`{name}` of `{role}` {wanted}")))
            .collect::<Result<Capabilities, _>>()?;
        if role.is_empty() || capabilities.is_empty() {
            return Err(format!("`{entry}` must name a role and what it may do"));
        }
        if roles.insert(role.to_owned(), capabilities).is_some() {
            return Err(format!("`{role}` is listed twice"));
        }
    }
    if roles.is_empty() {
        return Err("must name at least one role".to_owned());
    }
    Ok(roles)
}

fn wrong(key: &'static str, reason: impl Into<String>) -> ConfigurationError {
    ConfigurationError::Value { key, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use posthouse_types::Environment;

    use super::super::load;
    use super::*;

    const GOOD: [(&str, &str); 3] = [
        ("LOGIN_JWKS_URL", "https://app.example/keys"),
        ("LOGIN_ISSUER", "https://app.example"),
        ("LOGIN_AUDIENCE", "posthouse"),
    ];

    /// What the configuration is with these variables.
    fn config(variables: &[(&str, &str)]) -> Config {
        let variables =
            variables.iter().map(|(key, value)| (format!("POSTHOUSE_{key}"), (*value).to_owned()));
        load(None, variables, &[]).unwrap().config
    }

    fn refusal(variables: &[(&str, &str)]) -> String {
        config(variables).logins().unwrap_err().to_string()
    }

    fn capabilities<const N: usize>(members: [Capability; N]) -> Capabilities {
        members.into_iter().collect()
    }

    #[test]
    fn nobody_logs_in_unless_told_and_three_keys_are_enough() {
        assert!(config(&[]).logins().unwrap().is_none());
        assert!(config(&GOOD.map(|(key, _)| (key, ""))).logins().unwrap().is_none());

        let logins = config(&GOOD).logins().unwrap().unwrap();
        assert_eq!(logins.jwks_url, "https://app.example/keys");
        assert_eq!((logins.issuer.as_str(), logins.audience.as_str()), ("https://app.example", "posthouse"));
        assert_eq!((logins.organization_claim.as_str(), logins.role_claim.as_str()), ("org", "role"));
        assert_eq!(logins.environment, Environment::Live);
        let manager = capabilities([Capability::Manage, Capability::Send, Capability::Read]);
        let member = capabilities([Capability::Send, Capability::Read]);
        let expected = [("owner", manager), ("admin", manager), ("member", member)];
        assert_eq!(logins.roles, expected.map(|(role, may)| (role.to_owned(), may)).into());
    }

    #[test]
    fn every_key_is_heeded() {
        let more = [
            ("LOGIN_ORGANIZATION_CLAIM", "/context/org"),
            ("LOGIN_ROLE_CLAIM", "roles"),
            ("LOGIN_ROLES", " auditor = read ;; boss=admin\tread;"),
            ("LOGIN_ENVIRONMENT", "test"),
        ];
        let logins = config(&[GOOD.as_slice(), &more].concat()).logins().unwrap().unwrap();
        assert_eq!(
            (logins.organization_claim.as_str(), logins.role_claim.as_str()),
            ("/context/org", "roles")
        );
        assert_eq!(logins.environment, Environment::Test);
        assert_eq!(logins.roles.len(), 2);
        assert_eq!(logins.roles["auditor"], capabilities([Capability::Read]));
        assert_eq!(logins.roles["boss"], capabilities([Capability::Admin, Capability::Read]));
    }

    #[test]
    fn what_is_missing_or_pointless_is_named() {
        let [url, issuer, audience] = GOOD;
        let required = "is required with login_jwks_url, and not set";
        assert_eq!(refusal(&[url, audience]), format!("login_issuer: {required}"));
        assert_eq!(refusal(&[url, issuer]), format!("login_audience: {required}"));
        assert_eq!(refusal(&[url, issuer, ("LOGIN_AUDIENCE", "")]), format!("login_audience: {required}"));
        let pointless = "means nothing without login_jwks_url, which is not set";
        assert_eq!(refusal(&[issuer]), format!("login_issuer: {pointless}"));
        assert_eq!(refusal(&[audience]), format!("login_audience: {pointless}"));
    }

    #[test]
    fn wrong_values_are_named() {
        for url in ["app.example", "/keys", "ftp://app.example/keys", "https://", "file:///etc/keys"] {
            let refused = refusal(&[("LOGIN_JWKS_URL", url), GOOD[1], GOOD[2]]);
            assert_eq!(refused, "login_jwks_url: must be an http or https URL", "{url}");
        }
        for (roles, reason) in [
            (" ; ", "must name at least one role"),
            ("owner", "`owner` must be role=capability capability …"),
            ("owner=", "`owner=` must name a role and what it may do"),
            ("=read", "`=read` must name a role and what it may do"),
            ("a=read; b=fly", "`fly` of `b` must be one of manage, publish, send, read, admin"),
            ("a=read; a=send", "`a` is listed twice"),
        ] {
            let refused = refusal(&[GOOD[0], GOOD[1], GOOD[2], ("LOGIN_ROLES", roles)]);
            assert_eq!(refused, format!("login_roles: {reason}"));
        }
        for key in ["LOGIN_ORGANIZATION_CLAIM", "LOGIN_ROLE_CLAIM"] {
            let refused = refusal(&[GOOD[0], GOOD[1], GOOD[2], (key, "")]);
            assert_eq!(refused, format!("{}: must name a claim", key.to_lowercase()));
        }
    }

    #[test]
    fn the_keys_of_logins_may_be_at_a_private_address_that_is_not_denied() {
        let egress = config(&[("DENY_TARGETS", "10.9.0.0/16")]).operator_egress().unwrap();
        assert!(egress.policy.allow_private);
        assert_eq!(egress.policy.deny.len(), 1);
    }
}
