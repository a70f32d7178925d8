//! Configuration: one TOML file; every key is also an environment variable (`POSTHOUSE_` and the key in upper
//! case), the common ones flags too. Flags win over the environment, the environment over the file.

mod hosts;
mod logins;
mod tables;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Environment, File, FileFormat, Map, Source, Value};
use ipnet::IpNet;
use posthouse_agents::{Command, ProviderDefaults};
use posthouse_egress::{AddressPolicy, EgressConfig, Proxy};
use posthouse_engine::{KeyLimit, Options};
use posthouse_types::{LlmProvider, SecretText};
use serde::{Deserialize, Deserializer};

const ENV_PREFIX: &str = "POSTHOUSE_";

/// Every key, and what it is for: what `config check` prints and `docs/configuration.md` lists.
pub(crate) const KEYS: [(&str, &str); 38] = [
    ("listen", "address and port to serve on; port 0 takes a free one"),
    ("public_url", "where callers reach the server, for links in answers; else the Host header says"),
    ("hosts", "host names that one dialect has to itself, as host=dialect"),
    ("trusted_proxies", "networks (CIDR) of proxies whose X-Forwarded-For is believed"),
    ("data", "directory of the embedded store"),
    ("master_key", "32 bytes (hexadecimal or base64) that secrets are encrypted with"),
    ("master_key_file", "file that holds the master key; made in the data directory when neither is set"),
    ("allow_private_targets", "deliver to private and loopback addresses too; for development"),
    ("allow_targets", "networks (CIDR) that may be delivered to although private"),
    ("deny_targets", "networks (CIDR) that may not be delivered to"),
    ("https_only", "refuse endpoint URLs that are not https"),
    ("egress_proxy", "proxy for deliveries: http://[user:password@]host:port or socks5://…"),
    ("egress_ca_file", "PEM file of more root certificates to trust in deliveries"),
    ("requests_per_second_per_key", "requests one API key may make per second"),
    ("request_burst_per_key", "requests one API key may make at once after a pause"),
    ("request_timeout_seconds", "time for one API request"),
    ("connections_max", "connections at a time; more wait in the system's queue"),
    ("endpoint_concurrency", "attempts in flight to one endpoint at a time"),
    ("in_flight_max", "deliveries in flight over all endpoints"),
    ("retention_days", "events older than this are removed, once delivered or dead"),
    ("retention_bytes_per_tenant", "bytes of payloads and responses kept of one tenant"),
    ("body_retention_days", "bodies of what arrived at sources are removed after this"),
    ("session_retention_days", "messages, and sessions that sources made, are removed after this"),
    ("ingest_global_per_minute", "requests that all sources together take on in a minute"),
    ("agent_concurrency", "agents at work at a time"),
    ("commands", "programs that agents may run, by name: tables in the file, JSON in the environment"),
    ("llm", "what agents with a model use that bring no key of their own, by provider: likewise"),
    ("metrics_token", "bearer token that /metrics asks for; required unless it listens on loopback"),
    ("shutdown_grace_seconds", "time for requests and attempts in flight to end when stopping"),
    (
        "login_jwks_url",
        "where the frontend publishes the keys its login JWTs are signed with; people log in when set",
    ),
    ("login_issuer", "issuer (iss) of login JWTs; required with login_jwks_url"),
    ("login_audience", "audience (aud) of login JWTs; required with login_jwks_url"),
    (
        "login_organization_claim",
        "claim that names the organization: a name, or a JSON Pointer when it begins with /",
    ),
    ("login_role_claim", "claim that names the role, or several in an array: written the same way"),
    ("login_roles", "what each role may do; roles that are not listed may do nothing"),
    ("login_environment", "what people who log in see: live or test"),
    ("log", "log filter, such as info or posthouse_engine=debug,info"),
    ("log_format", "text or json"),
];

/// What the operator chose.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) data: PathBuf,
    #[serde(deserialize_with = "secret")]
    pub(crate) master_key: Option<SecretText>,
    pub(crate) master_key_file: Option<PathBuf>,
    pub(crate) allow_private_targets: bool,
    pub(crate) allow_targets: Vec<IpNet>,
    pub(crate) deny_targets: Vec<IpNet>,
    pub(crate) https_only: bool,
    #[serde(deserialize_with = "proxy")]
    pub(crate) egress_proxy: Option<Proxy>,
    pub(crate) egress_ca_file: Option<PathBuf>,
    pub(crate) requests_per_second_per_key: NonZeroU32,
    pub(crate) request_burst_per_key: NonZeroU32,
    pub(crate) request_timeout_seconds: NonZeroU32,
    pub(crate) connections_max: NonZeroU32,
    pub(crate) endpoint_concurrency: NonZeroU32,
    pub(crate) in_flight_max: NonZeroU32,
    pub(crate) retention_days: NonZeroU32,
    pub(crate) retention_bytes_per_tenant: u64,
    pub(crate) body_retention_days: NonZeroU32,
    pub(crate) session_retention_days: NonZeroU32,
    pub(crate) ingest_global_per_minute: NonZeroU32,
    pub(crate) agent_concurrency: NonZeroU32,
    #[serde(deserialize_with = "tables::read")]
    pub(crate) commands: BTreeMap<String, Command>,
    #[serde(deserialize_with = "tables::read")]
    pub(crate) llm: HashMap<LlmProvider, ProviderDefaults>,
    #[serde(deserialize_with = "secret")]
    pub(crate) metrics_token: Option<SecretText>,
    pub(crate) shutdown_grace_seconds: u32,
    pub(crate) login_jwks_url: Option<String>,
    pub(crate) login_issuer: Option<String>,
    pub(crate) login_audience: Option<String>,
    pub(crate) login_organization_claim: String,
    pub(crate) login_role_claim: String,
    pub(crate) login_roles: String,
    pub(crate) login_environment: posthouse_types::Environment,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        let options = Options::default();
        let count = |n: usize| u32::try_from(n).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8400)),
            public_url: None,
            hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            data: PathBuf::from("posthouse-data"),
            master_key: None,
            master_key_file: None,
            allow_private_targets: false,
            allow_targets: Vec::new(),
            deny_targets: Vec::new(),
            https_only: options.https_only,
            egress_proxy: None,
            egress_ca_file: None,
            requests_per_second_per_key: options.key_limit.per_second,
            request_burst_per_key: options.key_limit.burst,
            request_timeout_seconds: count(30),
            connections_max: count(10_000),
            endpoint_concurrency: count(options.endpoint_concurrency),
            in_flight_max: count(options.in_flight_max),
            retention_days: count(30),
            retention_bytes_per_tenant: options.retention_bytes,
            body_retention_days: count(7),
            session_retention_days: count(90),
            ingest_global_per_minute: NonZeroU32::new(options.ingest_global_per_minute)
                .unwrap_or(NonZeroU32::MIN),
            agent_concurrency: count(options.agent_concurrency),
            commands: BTreeMap::new(),
            llm: HashMap::new(),
            metrics_token: None,
            shutdown_grace_seconds: 30,
            login_jwks_url: None,
            login_issuer: None,
            login_audience: None,
            login_organization_claim: "org".to_owned(),
            login_role_claim: "role".to_owned(),
            login_roles: "owner=manage send read; admin=manage send read; member=send read".to_owned(),
            login_environment: posthouse_types::Environment::Live,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
        }
    }
}

/// Why the configuration can not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error("the configuration is not valid")]
    Invalid(#[from] config::ConfigError),
    #[error("{0} can not be read")]
    CaFile(PathBuf, #[source] std::io::Error),
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File,
    Environment,
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        })
    }
}

/// A configuration and where its values come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Of each key: its value as text (secrets hidden; `None` for one left out) and where it was set.
    pub(crate) values: BTreeMap<&'static str, (Option<String>, Origin)>,
    /// Variables that begin like ours and are none of ours: likely slips of the pen.
    pub(crate) unknown_variables: Vec<String>,
}

/// What is not a setting although it begins like one: read by the commands that call a server.
const OTHER_VARIABLES: [&str; 3] = ["config", "url", "api_key"];

/// Loads file, environment and flags, in rising order of precedence.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[(&'static str, String)],
) -> Result<Loaded, ConfigurationError> {
    let mut known = HashMap::new();
    let mut unknown_variables = Vec::new();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(ENV_PREFIX).map(str::to_lowercase) else { continue };
        if KEYS.iter().any(|(known, _)| *known == key) {
            known.insert(name, value);
        } else if !OTHER_VARIABLES.contains(&key.as_str()) {
            unknown_variables.push(name);
        }
    }
    let environment = variables(known);
    let mut builder = config::Config::builder();
    let mut layers = Vec::new();
    if let Some(path) = file {
        let source = File::new(path.to_str().unwrap_or_default(), FileFormat::Toml);
        layers.push((Origin::File, source.collect()?));
        builder = builder.add_source(source);
    }
    layers.push((Origin::Environment, environment.collect()?));
    builder = builder.add_source(environment);
    let mut set: Map<String, Value> = Map::new();
    for (key, value) in flags {
        set.insert((*key).to_owned(), value.clone().into());
        builder = builder.set_override(*key, value.clone())?;
    }
    layers.push((Origin::Flag, set));
    let config: Config = builder.build()?.try_deserialize()?;
    Ok(Loaded { config, values: origins(&layers), unknown_variables })
}

fn variables(known: HashMap<String, String>) -> Environment {
    Environment::with_prefix("POSTHOUSE")
        .source(Some(known))
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("hosts")
        .with_list_parse_key("allow_targets")
        .with_list_parse_key("deny_targets")
        .with_list_parse_key("trusted_proxies")
}

/// Keys whose values are not shown: the proxy's URL may hold a password, and tables hold keys of models.
const SECRET_KEYS: [&str; 5] = ["master_key", "egress_proxy", "commands", "llm", "metrics_token"];

fn origins(layers: &[(Origin, Map<String, Value>)]) -> BTreeMap<&'static str, (Option<String>, Origin)> {
    let defaults = defaults();
    KEYS.iter()
        .map(|(key, _)| {
            let set =
                layers.iter().rev().find_map(|(origin, map)| Some((map.get(*key)?.to_string(), *origin)));
            let (value, origin) = match set {
                Some((value, origin)) => (Some(value), origin),
                None => (defaults.get(key).cloned(), Origin::Default),
            };
            let hidden = SECRET_KEYS.contains(key) && value.is_some();
            (*key, (if hidden { Some("[set]".to_owned()) } else { value }, origin))
        })
        .collect()
}

fn defaults() -> HashMap<&'static str, String> {
    let config = Config::default();
    HashMap::from([
        ("listen", config.listen.to_string()),
        ("data", config.data.display().to_string()),
        ("allow_private_targets", config.allow_private_targets.to_string()),
        ("https_only", config.https_only.to_string()),
        ("requests_per_second_per_key", config.requests_per_second_per_key.to_string()),
        ("request_burst_per_key", config.request_burst_per_key.to_string()),
        ("request_timeout_seconds", config.request_timeout_seconds.to_string()),
        ("connections_max", config.connections_max.to_string()),
        ("endpoint_concurrency", config.endpoint_concurrency.to_string()),
        ("in_flight_max", config.in_flight_max.to_string()),
        ("retention_days", config.retention_days.to_string()),
        ("retention_bytes_per_tenant", config.retention_bytes_per_tenant.to_string()),
        ("body_retention_days", config.body_retention_days.to_string()),
        ("session_retention_days", config.session_retention_days.to_string()),
        ("ingest_global_per_minute", config.ingest_global_per_minute.to_string()),
        ("agent_concurrency", config.agent_concurrency.to_string()),
        ("shutdown_grace_seconds", config.shutdown_grace_seconds.to_string()),
        ("login_organization_claim", config.login_organization_claim),
        ("login_role_claim", config.login_role_claim),
        ("login_roles", config.login_roles),
        ("login_environment", config.login_environment.as_str().to_owned()),
        ("log", config.log),
        ("log_format", "text".to_owned()),
    ])
}

impl Config {
    /// How the engine is to behave.
    pub(crate) fn engine_options(&self) -> Options {
        let count = |n: NonZeroU32| usize::try_from(n.get()).unwrap_or(usize::MAX);
        let days = |n: NonZeroU32| Duration::from_secs(u64::from(n.get()) * 24 * 3600);
        Options {
            https_only: self.https_only,
            http_to_loopback: self.allow_private_targets,
            key_limit: KeyLimit {
                per_second: self.requests_per_second_per_key,
                burst: self.request_burst_per_key,
            },
            endpoint_concurrency: count(self.endpoint_concurrency),
            in_flight_max: count(self.in_flight_max),
            retention: days(self.retention_days),
            retention_bytes: self.retention_bytes_per_tenant,
            body_retention: days(self.body_retention_days),
            session_retention: days(self.session_retention_days),
            ingest_global_per_minute: self.ingest_global_per_minute.get(),
            agent_concurrency: count(self.agent_concurrency),
            commands: self.commands.keys().cloned().collect(),
        }
    }

    /// How deliveries are to be made.
    pub(crate) fn egress(&self) -> Result<EgressConfig, ConfigurationError> {
        let extra_roots_pem = match &self.egress_ca_file {
            Some(path) => {
                std::fs::read(path).map_err(|error| ConfigurationError::CaFile(path.clone(), error))?
            }
            None => Vec::new(),
        };
        Ok(EgressConfig {
            policy: AddressPolicy {
                allow_private: self.allow_private_targets,
                allow: self.allow_targets.clone(),
                deny: self.deny_targets.clone(),
            },
            proxy: self.egress_proxy.clone(),
            extra_roots_pem,
            ..EgressConfig::default()
        })
    }

    /// How addresses are called that the operator wrote (where logins have their keys, where models are): like
    /// deliveries, but they may be private ones.
    pub(crate) fn operator_egress(&self) -> Result<EgressConfig, ConfigurationError> {
        let egress = self.egress()?;
        let policy = AddressPolicy { allow_private: true, ..egress.policy };
        Ok(EgressConfig { policy, ..egress })
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
}

fn proxy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Proxy>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let file = file(
            "listen = '127.0.0.1:1'\nretention_days = 3\nhttps_only = true\nallow_targets = ['10.0.0.0/8']",
        );
        let environment =
            environment(&[("POSTHOUSE_LISTEN", "127.0.0.1:2"), ("POSTHOUSE_RETENTION_DAYS", "4")]);
        let loaded = load(Some(file.path()), environment, &[("listen", "127.0.0.1:3".to_owned())]).unwrap();
        assert_eq!(loaded.config.listen.port(), 3);
        assert_eq!(loaded.config.retention_days.get(), 4);
        assert!(loaded.config.https_only);
        assert_eq!(loaded.config.allow_targets.len(), 1);
        assert_eq!(loaded.values["listen"].1, Origin::Flag);
        assert_eq!(loaded.values["retention_days"].1, Origin::Environment);
        assert_eq!(loaded.values["https_only"].1, Origin::File);
        assert_eq!(loaded.values["log"].1, Origin::Default);
    }

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        for (text, named) in [
            ("lisen = '127.0.0.1:1'", "lisen"),
            ("retention_days = 0", "retention_days"),
            ("listen = 'here'", "listen"),
            ("log_format = 'xml'", "xml"),
        ] {
            let file = file(text);
            let error = load(Some(file.path()), [], &[]).unwrap_err();
            let message =
                format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
            assert!(message.contains(named), "{text}: {message}");
        }
        let loaded =
            load(None, environment(&[("POSTHOUSE_LISEN", "x"), ("POSTHOUSE_API_KEY", "x")]), &[]).unwrap();
        assert_eq!(loaded.unknown_variables, ["POSTHOUSE_LISEN"]);
    }

    #[test]
    fn lists_come_from_the_environment_too_and_secrets_are_hidden() {
        let variables = environment(&[
            ("POSTHOUSE_ALLOW_TARGETS", "10.0.0.0/8,192.168.0.0/16"),
            ("POSTHOUSE_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8"),
            ("POSTHOUSE_METRICS_TOKEN", "scrape"),
            ("POSTHOUSE_MASTER_KEY", "1234567890"),
            ("POSTHOUSE_ALLOW_PRIVATE_TARGETS", "true"),
        ]);
        let loaded = load(None, variables, &[]).unwrap();
        assert_eq!(loaded.config.allow_targets.len(), 2);
        assert_eq!(loaded.config.trusted_proxies.len(), 2);
        assert_eq!(loaded.config.metrics_token.unwrap().expose(), "scrape");
        assert_eq!(loaded.values["metrics_token"].0.as_deref(), Some("[set]"));
        assert!(loaded.config.allow_private_targets);
        assert_eq!(loaded.config.master_key.unwrap().expose(), "1234567890");
        assert_eq!(loaded.values["master_key"].0.as_deref(), Some("[set]"));
    }

    #[test]
    fn the_documentation_lists_every_key_as_it_is() {
        let page = include_str!("../../../docs/configuration.md");
        let defaults = defaults();
        for (key, what) in KEYS {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |"))).expect(key);
            assert!(row.contains(what), "{key}");
            assert!(
                defaults.get(key).is_none_or(|default| row.contains(default)),
                "{key}: {:?}",
                defaults.get(key)
            );
        }
    }

    #[test]
    fn every_key_is_listed_once() {
        let file = file(&KEYS.map(|(key, _)| format!("{key} = 1")).join("\n"));
        let mut source = File::new(file.path().to_str().unwrap(), FileFormat::Toml).collect().unwrap();
        for (key, _) in KEYS {
            assert!(source.remove(key).is_some(), "{key} is listed twice");
        }
        let error = load(Some(file.path()), [], &[]).unwrap_err();
        assert!(!format!("{error:?}").contains("unknown field"), "a listed key is not read: {error:?}");
    }
}
