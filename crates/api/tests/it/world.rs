//! An API to call.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use posthouse_api::ApiOptions;
use posthouse_engine::service::{Deliver, Turns};
use posthouse_engine::{
    Clock, CreateAgent, CreateKey, Engine, IdSource, Logins, Options, Parts, Vault, create_first_key,
};
use posthouse_store_sqlite::{Options as StoreOptions, Role, SqliteStore};
use posthouse_testkit::{ManualClock, ScriptedRunner, ScriptedSender};
use posthouse_types::{
    AgentId, AgentSettings, Capabilities, Capability, Environment, KeyStyle, Name, Runner, ToolPolicy,
};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sender: Arc<ScriptedSender>,
    pub(crate) runner: Arc<ScriptedRunner>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) deliver: Deliver,
    pub(crate) turns: Turns,
    /// A live key of tenant `acme` that may do everything.
    pub(crate) key: String,
    /// Closes the store under the API.
    pub(crate) close_store: BoxFuture<'static, ()>,
    store: Arc<SqliteStore>,
    /// Stops what is served.
    pub(crate) stop: watch::Sender<bool>,
    ids: Arc<IdSource>,
    _dir: tempfile::TempDir,
}

impl World {
    /// An agent of tenant `acme`, which the scripted runner plays.
    pub(crate) async fn agent(&self, tools: Option<ToolPolicy>) -> AgentId {
        let caller = self.engine.authenticate(&self.key).await.unwrap();
        let settings = AgentSettings::new(Name::parse("reviewer").unwrap(), Runner::Digest);
        let create =
            CreateAgent { settings: AgentSettings { tools, ..settings }, project: None, secret: None };
        self.engine.create_agent(&caller, create).await.unwrap().agent.id
    }

    pub(crate) async fn new() -> Self {
        Self::with(Options::default(), ApiOptions::default()).await
    }

    pub(crate) async fn with(options: Options, api: ApiOptions) -> Self {
        Self::with_logins(options, api, |_| None).await
    }

    /// One that takes the logins that are made by its clock.
    pub(crate) async fn with_logins(
        options: Options,
        api: ApiOptions,
        logins: impl FnOnce(Arc<dyn Clock>) -> Option<Logins>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(StoreOptions::new(dir.path(), Role::Server)).unwrap());
        let clock = Arc::new(ManualClock::default());
        let sender = Arc::new(ScriptedSender::default());
        let runner = Arc::new(ScriptedRunner::default());
        // Nothing random in ids: what is sent can be compared byte for byte.
        let ids = Arc::new(IdSource::sequential(clock.clone()));
        let parts = Parts {
            store: store.clone(),
            sender: sender.clone(),
            runner: runner.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            logins: logins(clock.clone()),
            vault: Vault::new(&[1; 32]),
            options,
        };
        let opened = Arc::clone(&parts.store);
        let close_store = async move { opened.close().await.unwrap() };
        let engine = Engine::start(parts).await.unwrap();
        let stop = watch::Sender::new(false);
        let mut world = Self {
            router: posthouse_api::router(Arc::clone(&engine), api, stop.subscribe()),
            deliver: Deliver::new(Arc::clone(&engine)),
            turns: Turns::new(Arc::clone(&engine)),
            engine,
            ids,
            clock,
            sender,
            runner,
            close_store: Box::pin(close_store),
            store,
            stop,
            key: String::new(),
            _dir: dir,
        };
        world.key = world.key_of("acme", Environment::Live, &Capability::ALL).await;
        world
    }

    /// The same, had its server been started with another master key.
    pub(crate) async fn with_another_master_key(self) -> Self {
        let parts = Parts {
            store: self.store.clone(),
            sender: self.sender.clone(),
            runner: self.runner.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            logins: None,
            vault: Vault::new(&[2; 32]),
            options: Options::default(),
        };
        let engine = Engine::start(parts).await.unwrap();
        let stop = self.stop.subscribe();
        Self {
            router: posthouse_api::router(Arc::clone(&engine), ApiOptions::default(), stop),
            deliver: Deliver::new(Arc::clone(&engine)),
            turns: Turns::new(Arc::clone(&engine)),
            engine,
            ..self
        }
    }

    /// A new key; makes the tenant when there is none of this name.
    pub(crate) async fn key_of(
        &self,
        tenant: &str,
        environment: Environment,
        capabilities: &[Capability],
    ) -> String {
        let create = CreateKey {
            name: Name::parse("test").unwrap(),
            environment,
            capabilities: capabilities.iter().copied().collect::<Capabilities>(),
            project: None,
            style: KeyStyle::Posthouse,
        };
        let tenant = Name::parse(tenant).unwrap();
        let created =
            create_first_key(&*self.store, &self.ids, tenant, create, self.clock.now()).await.unwrap();
        created.key.expose().to_owned()
    }

    /// A new key like the usual one, limited to a project; made through the API.
    pub(crate) async fn key_of_project(&self, project: &str) -> String {
        let body = format!(
            r#"{{"name": "p", "project_id": "{project}",
                "capabilities": ["manage", "publish", "send", "read", "admin"]}}"#
        );
        let made = self.post("/api/v1/keys", &body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        made.json()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.request(method, path);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, body).await
    }

    /// A request with the usual key.
    pub(crate) fn request(&self, method: Method, path: &str) -> Builder {
        request(&self.key, method, path)
    }

    /// The id of something made with this body.
    pub(crate) async fn make(&self, path: &str, body: &str) -> String {
        let answer = self.post(path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn endpoint(&self) -> String {
        self.make("/api/v1/endpoints", r#"{"url": "https://example.com/hook"}"#).await
    }
}

pub(crate) fn request(key: &str, method: Method, path: &str) -> Builder {
    let request = Request::builder().method(method).uri(path);
    request.header(header::AUTHORIZATION, format!("Bearer {key}"))
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The last part of a problem's `type`, after checking that it is a problem.
    pub(crate) fn slug(&self) -> String {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        problem["type"].as_str().unwrap().strip_prefix("/errors/").unwrap().to_owned()
    }

    /// The locations of a problem's members.
    pub(crate) fn locations(&self) -> Vec<String> {
        let problem = self.json();
        let members = problem["errors"].as_array().unwrap().iter();
        members.map(|member| member["location"].as_str().unwrap().to_owned()).collect()
    }
}

/// Calls and their answers, for a snapshot.
#[derive(Default)]
pub(crate) struct Transcript(pub(crate) String);

impl Transcript {
    /// Makes a call and notes what was answered; the answer's `id`, if any.
    pub(crate) async fn call(&mut self, world: &World, method: &str, path: &str, body: &str) -> String {
        let answer = world.call(method, path, body).await;
        let shown = redact_text(path);
        writeln!(self.0, "{}\n{}", [method, &shown, body].join(" ").trim_end(), answer.status.as_u16())
            .unwrap();
        if answer.body.is_empty() {
            return String::new();
        }
        let json = answer.json();
        self.show(redact(json.clone()));
        let id = json.get("id").or(json.get("delivery_id")).and_then(Value::as_str);
        id.unwrap_or_default().to_owned()
    }
}

impl Transcript {
    /// One line for each member of an object; of a page, for each member of its items.
    fn show(&mut self, value: Value) {
        let Value::Object(mut members) = value else { panic!("every answer is an object") };
        let items = members.remove("data");
        for item in items.iter().flat_map(|items| items.as_array().expect("data is an array")) {
            for (name, value) in item.as_object().expect("items are objects") {
                writeln!(self.0, "  - {name}: {value}").unwrap();
            }
        }
        for (name, value) in members {
            writeln!(self.0, "  {name}: {value}").unwrap();
        }
    }
}

/// Puts names in place of what differs from run to run, after checking that it is what it should be; members by name.
pub(crate) fn redact(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact_text(&text)),
        Value::Array(values) => values.into_iter().map(redact).collect(),
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, redact(value))).collect();
            members.into_iter().collect()
        }
        other => other,
    }
}

fn redact_text(text: &str) -> String {
    if let Some(name) = name_of_secret(text) {
        return name.to_owned();
    }
    // Ids also stand inside of paths and sentences.
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut shown = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        shown.push_str(before);
        shown.push_str(&redact_id(word));
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn redact_id(word: &str) -> String {
    for prefix in ["evt_", "ep_", "dlv_", "att_", "key_", "ses_"] {
        let rest = word.strip_prefix(prefix).unwrap_or_default();
        if format!("evt_{rest}").parse::<posthouse_types::EventId>().is_ok() {
            return format!("[{}]", prefix.trim_end_matches('_'));
        }
    }
    if word.parse::<posthouse_types::ProjectId>().is_ok() { "[uuid]".to_owned() } else { word.to_owned() }
}

fn name_of_secret(text: &str) -> Option<&'static str> {
    let after = |prefix| text.strip_prefix(prefix).map_or(0, str::len);
    match () {
        () if after("whsec_") == 44 => Some("[secret]"),
        () if after("sk_test_") == 64 => Some("[key]"),
        () if after("v1,") == 44 => Some("[signature]"),
        () if text.starts_with("sk_") && text.contains('…') => Some("[hint]"),
        () => None,
    }
}
