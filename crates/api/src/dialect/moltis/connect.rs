//! The first request of a connection, and its answer. Source: Moltis, `crates/protocol` and `crates/httpd`, `ws`.

use posthouse_engine::{Caller, Engine, Error, ErrorKind};
use posthouse_types::{Capability, SecretText};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Failure, INVALID_REQUEST, PROTOCOL_ERROR, UNAUTHORIZED, scope};
use super::frame::{BUFFERED_BYTES_MAX, EVENTS, FRAME_BYTES_MAX, PROTOCOL, Request};
use super::methods::METHODS;

/// How often a connection is told that the server is there, milliseconds. Source: Moltis.
pub(super) const TICK_MS: u64 = 30_000;

/// Of what version 4 sends; what else it may send means nothing here.
#[derive(Deserialize)]
struct Params {
    protocol: Option<Range>,
    #[serde(rename = "minProtocol")]
    min_protocol: Option<u32>,
    #[serde(rename = "maxProtocol")]
    max_protocol: Option<u32>,
    #[serde(rename = "client")]
    _client: Client,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Range {
    min: u32,
    max: u32,
}

/// It has to say who it is; what it says is not used.
#[derive(Deserialize)]
struct Client {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "version")]
    _version: String,
    #[serde(rename = "platform")]
    _platform: String,
    #[serde(rename = "mode")]
    _mode: String,
}

#[derive(Deserialize)]
struct Auth {
    api_key: Option<String>,
    token: Option<String>,
    password: Option<String>,
}

/// Who is at the other end.
pub(super) struct Connected {
    /// By what it proved itself: with every request it is asked anew whether that still holds.
    pub(super) key: SecretText,
    pub(super) caller: Caller,
}

/// Looks at the first request.
pub(super) async fn connect(engine: &Engine, request: &mut Request) -> Result<Connected, Failure> {
    if request.method != "connect" {
        let shown: String = request.method.chars().take(128).collect();
        let message = format!("first message must be 'connect', got '{shown}'");
        return Err(Failure::new(PROTOCOL_ERROR, message));
    }
    let params = request.params.take().unwrap_or(Value::Null);
    let params: Params = serde_json::from_value(params).map_err(|error| {
        // Its text may repeat what stands in the wrong place, which may be the key.
        let what = error.to_string();
        let what = if what.starts_with("missing field") { what } else { "they can not be read".to_owned() };
        Failure::new(INVALID_REQUEST, format!("invalid connect params: {what}"))
    })?;
    let (min, max) = match (&params.protocol, params.min_protocol, params.max_protocol) {
        (Some(range), _, _) => (range.min, range.max),
        (None, Some(min), Some(max)) => (min, max),
        _ => return Err(Failure::new(INVALID_REQUEST, "invalid connect params: missing field `protocol`")),
    };
    if !(min..=max).contains(&PROTOCOL) {
        let message = format!("protocol mismatch: server={PROTOCOL}, client={min}-{max}");
        return Err(Failure::new(PROTOCOL_ERROR, message));
    }
    let key = params.auth.and_then(|auth| auth.api_key.or(auth.token).or(auth.password));
    let key = SecretText::new(key.ok_or_else(|| Failure::new(UNAUTHORIZED, "authentication failed"))?);
    let caller = engine.authenticate(key.expose()).await?;
    if !caller.capabilities.has(Capability::Read) && !caller.capabilities.has(Capability::Manage) {
        let kind = ErrorKind::Forbidden { needs: Capability::Read };
        return Err(Error::new(kind, "the key may neither read nor manage").into());
    }
    Ok(Connected { key, caller })
}

/// What the server says of itself. Source: Moltis, `HelloOk`.
#[derive(Serialize)]
pub(super) struct Hello {
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: u32,
    server: Server,
    features: Features,
    snapshot: Nothing,
    auth: Granted,
    policy: Policy,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    version: &'static str,
    conn_id: String,
}

#[derive(Serialize)]
struct Features {
    methods: Vec<&'static str>,
    events: [&'static str; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    /// For devices, of which there are none here.
    device_token: &'static str,
    role: &'static str,
    scopes: Vec<&'static str>,
    issued_at_ms: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Policy {
    max_payload: usize,
    max_buffered_bytes: usize,
    tick_interval_ms: u64,
}

impl Hello {
    pub(super) fn new(engine: &Engine, caller: &Caller, conn_id: String) -> Self {
        let scopes = [Capability::Read, Capability::Manage, Capability::Admin];
        let scopes = scopes.into_iter().filter(|&one| caller.capabilities.has(one)).map(scope);
        Self {
            kind: "hello-ok",
            protocol: PROTOCOL,
            server: Server { version: env!("CARGO_PKG_VERSION"), conn_id },
            features: Features { methods: METHODS.iter().map(|(name, _)| *name).collect(), events: EVENTS },
            snapshot: Nothing {},
            auth: Granted {
                device_token: "",
                role: "operator",
                scopes: scopes.collect(),
                issued_at_ms: engine.now().as_millis(),
            },
            policy: Policy {
                max_payload: FRAME_BYTES_MAX,
                max_buffered_bytes: BUFFERED_BYTES_MAX,
                tick_interval_ms: TICK_MS,
            },
        }
    }
}
