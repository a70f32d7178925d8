//! What is refused of the inbound half, how, and where it says the fault is.

use serde_json::json;

use super::API_KEY;
use crate::world::World;

/// Method, path, body; the slug and the locations of the answer. `{src}`, `{none}`, `{llm}`, `{web}`, `{inb}` stand
/// for what there is: a source, one whose senders prove nothing, two agents, a delivery.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Members of a new source of GitHub that are refused, and where. It has a name unless they say one.
const SOURCE_MEMBERS: &[(&str, &[&str])] = &[
    (r#""name": """#, &["body.name"]),
    (r#""id": "x""#, &["body.id"]),
    (r#""public_id": "wh_""#, &["body.public_id"]),
    (r#""description": 7"#, &["body.description"]),
    (r#""project_id": "7""#, &["body.project_id"]),
    (r#""project_id": "0b6dd7c2-6c2a-4c86-9bb0-6f0a4f6c1c7d""#, &["body.project_id"]),
    (r#""auth": []"#, &["body.auth"]),
    (r#""auth": "bearer""#, &["body.auth"]),
    (r#""auth": {"mode": "magic"}"#, &["body.auth.mode"]),
    (r#""auth": {"value": "x"}"#, &["body.auth.value"]),
    (r#""auth": {"secret": null}"#, &["body.auth.secret"]),
    (r#""auth": {"secret": ""}"#, &["body.auth.secret"]),
    (r#""auth": {"token": "x"}"#, &["body.auth.token"]),
    (r#""auth": {"mode": "bearer", "secret": "x"}"#, &["body.auth.secret"]),
    (r#""auth": {"mode": "bearer", "token": ""}"#, &["body.auth.token"]),
    (r#""auth": {"mode": "bearer", "token": "x", "secret": "y"}"#, &["body.auth.secret"]),
    (r#""auth": {"mode": "none", "token": "x", "secret": "y"}"#, &["body.auth.secret", "body.auth.token"]),
    (r#""auth": {"mode": "standard_webhooks", "secret": "x"}"#, &["body.auth.secret"]),
    (r#""auth": {"header": "x-a"}"#, &["body.auth.header"]),
    (r#""auth": {"mode": "static_header", "header": "a b"}"#, &["body.auth.header"]),
    (r#""events": ["push"]"#, &["body.events"]),
    (r#""events": {"allow": "push"}"#, &["body.events.allow"]),
    (r#""events": {"allow": [""]}"#, &["body.events.allow"]),
    (r#""events": {"allow": [" "], "deny": [""]}"#, &["body.events.allow", "body.events.deny"]),
    (r#""events": {"block": []}"#, &["body.events.block"]),
    (r#""event_header": """#, &["body.event_header"]),
    (r#""event_header": "a:b""#, &["body.event_header"]),
    (r#""auth": {"mode": "static_header", "header": "x-a"}, "event_header": "X-A""#, &["body.event_header"]),
    (r#""session": {"mode": "weekly"}"#, &["body.session.mode"]),
    (r#""session": {"name": "ops"}"#, &["body.session.name"]),
    (r#""session": {"mode": "per_entity", "name": "ops"}"#, &["body.session.name"]),
    (r#""session": {"mode": "named_session", "name": " "}"#, &["body.session.name"]),
    (r#""session": {"mode": "named_session", "key": "x"}"#, &["body.session.key"]),
    (r#""agent_id": "me""#, &["body.agent_id"]),
    (r#""agent_id": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV""#, &["body.agent_id"]),
    (r#""overrides": {"model": " "}"#, &["body.overrides.model"]),
    (r#""overrides": {"prompt": "x"}"#, &["body.overrides.prompt"]),
    (r#""overrides": {"tools": "all"}"#, &["body.overrides.tools"]),
    (r#""overrides": {"tools": ["a b"]}"#, &["body.overrides.tools"]),
    (r#""overrides": {"tools": {"deny": ["*a"]}}"#, &["body.overrides.tools.deny"]),
    (r#""overrides": {"tools": {"allows": []}}"#, &["body.overrides.tools.allows"]),
    (r#""overrides": {"tools": ["github_post_coment"]}"#, &["body.overrides.tools.allow[0]"]),
    (r#""overrides": {"tools": [7]}"#, &["body.overrides.tools[0]"]),
    (r#""rate_limit_per_minute": 0"#, &["body.rate_limit_per_minute"]),
    (r#""rate_limit_per_minute": 100000001"#, &["body.rate_limit_per_minute"]),
    (r#""rate_limit_per_minute": "60""#, &["body.rate_limit_per_minute"]),
    (r#""max_body_bytes": 0"#, &["body.max_body_bytes"]),
    (r#""max_body_bytes": 26214401"#, &["body.max_body_bytes"]),
    (r#""max_body_bytes": -1"#, &["body.max_body_bytes"]),
    (r#""allowed_cidrs": "192.0.2.1""#, &["body.allowed_cidrs"]),
    (r#""ignored_senders": ["bot", " "]"#, &["body.ignored_senders[1]"]),
    (r#""allowed_cidrs": ["192.0.2.1", "192.0.2.0/33"]"#, &["body.allowed_cidrs[1]"]),
    (r#""dedup_by_body_seconds": 86401"#, &["body.dedup_by_body_seconds"]),
    (r#""provider_token": """#, &["body.provider_token"]),
    (r#""provider_token": "a b""#, &["body.provider_token"]),
    (r#""provider_url": "nowhere""#, &["body.provider_url"]),
    (r#""provider_url": "http://git.example""#, &["body.provider_url"]),
    (r#""deliver_only": "no""#, &["body.deliver_only"]),
    (r#""enabled": 1"#, &["body.enabled"]),
    (
        r#""auth": {"mode": "x"}, "events": {"deny": [""]}, "session": {"mode": "x"}, "agent_id": "x""#,
        &["body.agent_id", "body.events.deny", "body.session.mode", "body.auth.mode"],
    ),
];

const SOURCES: &[Row] = &[
    ("POST", "sources", "", "unsupported-media-type", &["header.content-type"]),
    ("POST", "sources", "{", "malformed", &["body"]),
    ("POST", "sources", "[]", "invalid", &["body"]),
    ("POST", "sources", r#"{"profile": "github"}"#, "invalid", &["body.name"]),
    ("POST", "sources", r#"{"name": "n"}"#, "invalid", &["body.profile"]),
    ("POST", "sources", r#"{"name": "", "profile": "gitea"}"#, "invalid", &["body.name", "body.profile"]),
    ("PATCH", "sources/{src}", r#"{"name": null}"#, "invalid", &["body.name"]),
    ("PATCH", "sources/{src}", r#"{"profile": "gitlab"}"#, "invalid", &["body.profile"]),
    ("PATCH", "sources/{src}", r#"{"project_id": null}"#, "invalid", &["body.project_id"]),
    ("PATCH", "sources/{src}", r#"{"auth": null}"#, "invalid", &["body.auth"]),
    ("PATCH", "sources/{src}", r#"{"auth": {"token": "x"}}"#, "invalid", &["body.auth.token"]),
    ("PATCH", "sources/{src}", r#"{"auth": {"header": "x"}}"#, "invalid", &["body.auth.header"]),
    (
        "PATCH",
        "sources/{src}",
        r#"{"auth": {"mode": "standard_webhooks"}}"#,
        "invalid",
        &["body.auth.secret"],
    ),
    ("PATCH", "sources/{none}", r#"{"auth": {"mode": "bearer"}}"#, "invalid", &["body.auth.token"]),
    (
        "PATCH",
        "sources/{none}",
        r#"{"auth": {"mode": "github_hmac_sha256"}}"#,
        "invalid",
        &["body.auth.secret"],
    ),
    ("PATCH", "sources/{none}", r#"{"auth": {"secret": "x"}}"#, "invalid", &["body.auth.secret"]),
    ("PATCH", "sources/{src}", r#"{"session": {"name": "x"}}"#, "invalid", &["body.session.name"]),
    (
        "PATCH",
        "sources/{src}",
        r#"{"provider_url": "https://elsewhere.example"}"#,
        "invalid",
        &["body.provider_token"],
    ),
    ("PATCH", "sources/{src}", r#"{"enabled": null}"#, "invalid", &["body.enabled"]),
    ("PATCH", "sources/src_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{}", "not-found", &[]),
    ("GET", "sources/{llm}", "", "not-found", &[]),
    ("GET", "sources/0", "", "not-found", &[]),
    ("GET", "sources/01", "", "not-found", &[]),
    ("GET", "sources/-1", "", "not-found", &[]),
    ("GET", "sources/99999999999999999999", "", "not-found", &[]),
    ("GET", "sources/9223372036854775808", "", "not-found", &[]),
    ("GET", "sources/%FF", "", "not-found", &[]),
    ("DELETE", "sources/99", "", "not-found", &[]),
    ("GET", "sources?limit=0", "", "invalid", &["query.limit"]),
    ("GET", "sources?cursor=!", "", "malformed", &["query.cursor"]),
    ("GET", "sources?profile=github", "", "invalid", &["query.profile"]),
    ("GET", "sources/{none}/secret", "", "not-found", &[]),
    ("POST", "sources/{none}/rotate-secret", "", "conflict", &[]),
    ("POST", "sources/{none}/rotate-secret", r#"{"secret": "x"}"#, "invalid", &["body.secret"]),
    ("POST", "sources/{src}/rotate-secret", r#"{"secret": ""}"#, "invalid", &["body.secret"]),
    ("POST", "sources/{src}/rotate-secret", r#"{"token": "x"}"#, "invalid", &["body.token"]),
    (
        "POST",
        "sources/{src}/rotate-secret",
        r#"{"overlap_seconds": 2592001}"#,
        "invalid",
        &["body.overlap_seconds"],
    ),
    ("POST", "sources/99/rotate-secret", "", "not-found", &[]),
];

const DELIVERIES: &[Row] = &[
    ("GET", "sources/99/deliveries", "", "not-found", &[]),
    ("GET", "sources/{src}/deliveries?limit=501", "", "invalid", &["query.limit"]),
    ("GET", "sources/{src}/deliveries?cursor=ZXZ0Xw", "", "malformed", &["query.cursor"]),
    ("GET", "sources/{src}/deliveries?state=queued", "", "invalid", &["query.state"]),
    (
        "GET",
        "sources/{src}/deliveries?status=lost&since=today&until=x",
        "",
        "invalid",
        &["query.status", "query.since", "query.until"],
    ),
    ("GET", "inbound-deliveries/{src}", "", "not-found", &[]),
    ("GET", "inbound-deliveries/0", "", "not-found", &[]),
    ("GET", "inbound-deliveries/9223372036854775808", "", "not-found", &[]),
    ("GET", "inbound-deliveries/inb_01ARZ3NDEKTSV4RRFFQ69G5FAV/body", "", "not-found", &[]),
    ("POST", "inbound-deliveries/99/rerun", "", "not-found", &[]),
    ("POST", "inbound-deliveries/{inb}/rerun", r#"{"now": true}"#, "invalid", &["body.now"]),
    ("POST", "inbound-deliveries/{inb}/rerun", "", "conflict", &[]),
    ("POST", "inbound-deliveries/{inb}/actions/act_01ARZ3NDEKTSV4RRFFQ69G5FAV/deny", "", "not-found", &[]),
    ("POST", "inbound-deliveries/{inb}/actions/x/approve", r#"{"all": 1}"#, "invalid", &["body.all"]),
    ("GET", "inbound-deliveries", "", "unknown-path", &[]),
];

const AGENTS: &[Row] = &[
    ("POST", "agents", r#"{"runner": "digest"}"#, "invalid", &["body.name"]),
    ("POST", "agents", r#"{"name": "n"}"#, "invalid", &["body.runner"]),
    ("POST", "agents", r#"{"name": "", "runner": "robot"}"#, "invalid", &["body.name", "body.runner"]),
    ("POST", "agents", r#"{"name": "n", "runner": "digest", "rule": 1}"#, "invalid", &["body.rule"]),
    ("POST", "agents", r#"{"name": "n", "runner": "llm"}"#, "invalid", &["body.model"]),
    ("POST", "agents", r#"{"name": "n", "runner": "llm", "model": ""}"#, "invalid", &["body.model"]),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "llm", "model": "m", "provider": "acme"}"#,
        "invalid",
        &["body.provider"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "llm", "model": "m", "base_url": "http://llm.example"}"#,
        "invalid",
        &["body.base_url"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "llm", "model": "m", "base_url": "x"}"#,
        "invalid",
        &["body.base_url"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "llm", "model": "m", "api_key": ""}"#,
        "invalid",
        &["body.api_key"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "llm", "model": "m", "command": "x", "url": "https://a.example", "secret": "x"}"#,
        "invalid",
        &["body.command", "body.url", "body.secret"],
    ),
    ("POST", "agents", r#"{"name": "n", "runner": "command"}"#, "invalid", &["body.command"]),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "command", "command": "sh"}"#,
        "invalid",
        &["body.command"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "provider": "openai", "base_url": "https://a.example", "api_key": "x"}"#,
        "invalid",
        &["body.provider", "body.base_url", "body.api_key"],
    ),
    ("POST", "agents", r#"{"name": "n", "runner": "http"}"#, "invalid", &["body.url"]),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "http", "url": "http://a.example"}"#,
        "invalid",
        &["body.url"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "http", "url": "https://a.example", "secret": "short"}"#,
        "invalid",
        &["body.secret"],
    ),
    ("POST", "agents", r#"{"name": "n", "runner": "digest", "tools": 1}"#, "invalid", &["body.tools"]),
    ("POST", "agents", r#"{"name": "n", "runner": "digest", "tools": [""]}"#, "invalid", &["body.tools"]),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "tools": {"allow": ["a b"]}}"#,
        "invalid",
        &["body.tools.allow"],
    ),
    ("POST", "agents", r#"{"name": "n", "runner": "digest", "limits": 5}"#, "invalid", &["body.limits"]),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "limits": {"turns": 0}}"#,
        "invalid",
        &["body.limits.turns"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "limits": {"seconds": 3601}}"#,
        "invalid",
        &["body.limits.seconds"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "limits": {"hours": 1}}"#,
        "invalid",
        &["body.limits.hours"],
    ),
    (
        "POST",
        "agents",
        r#"{"name": "n", "runner": "digest", "project_id": "7"}"#,
        "invalid",
        &["body.project_id"],
    ),
    ("PATCH", "agents/{llm}", r#"{"runner": null}"#, "invalid", &["body.runner"]),
    ("PATCH", "agents/{llm}", r#"{"model": null}"#, "invalid", &["body.model"]),
    ("PATCH", "agents/{llm}", r#"{"url": "https://a.example"}"#, "invalid", &["body.url"]),
    ("PATCH", "agents/{llm}", r#"{"base_url": "https://elsewhere.example"}"#, "invalid", &["body.api_key"]),
    ("PATCH", "agents/{llm}", r#"{"provider": "gemini"}"#, "invalid", &["body.api_key"]),
    ("PATCH", "agents/{llm}", r#"{"runner": "http"}"#, "invalid", &["body.url"]),
    (
        "PATCH",
        "agents/{llm}",
        r#"{"runner": "http", "url": "https://a.example", "api_key": "x"}"#,
        "invalid",
        &["body.api_key"],
    ),
    ("PATCH", "agents/{web}", r#"{"url": null}"#, "invalid", &["body.url"]),
    ("PATCH", "agents/{web}", r#"{"api_key": "x"}"#, "invalid", &["body.api_key"]),
    ("PATCH", "agents/{web}", r#"{"runner": "llm"}"#, "invalid", &["body.model"]),
    ("PATCH", "agents/{web}", r#"{"runner": "command"}"#, "invalid", &["body.command"]),
    ("PATCH", "agents/agt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "{}", "not-found", &[]),
    ("GET", "agents/1", "", "not-found", &[]),
    ("GET", "agents?limit=x", "", "invalid", &["query.limit"]),
    ("DELETE", "agents/{src}", "", "not-found", &[]),
    ("POST", "sessions", r#"{"agent_id": "x"}"#, "invalid", &["body.agent_id"]),
    ("POST", "sessions", r#"{"agent_id": "agt_01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#, "invalid", &["body.agent_id"]),
    ("POST", "sessions", r#"{"source_id": "x"}"#, "invalid", &["body.source_id"]),
    ("PATCH", "sessions/s1", r#"{"agent_id": 5}"#, "invalid", &["body.agent_id"]),
    ("PATCH", "sessions/s1", r#"{"agent_id": "x"}"#, "invalid", &["body.agent_id"]),
];

async fn check(rows: impl Iterator<Item = Row>) {
    let world = World::new().await;
    let hook = world.hook(json!({})).await;
    let none = r#"{"name": "n", "profile": "generic", "auth": {"mode": "none"}}"#;
    let none = world.make("/api/v1/sources", none).await;
    let llm = json!({"name": "n", "runner": "llm", "model": "m", "api_key": API_KEY}).to_string();
    let llm = world.make("/api/v1/agents", &llm).await;
    let web = r#"{"name": "n", "runner": "http", "url": "https://a.example"}"#;
    let web = world.make("/api/v1/agents", web).await;
    world.make("/api/v1/sessions", r#"{"id": "s1"}"#).await;
    let delivery = world.taken_on(&hook, 7).await.to_string();
    let names =
        [("{src}", &hook.id), ("{none}", &none), ("{llm}", &llm), ("{web}", &web), ("{inb}", &delivery)];
    for (method, path, body, slug, locations) in rows {
        let path = names.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
        let answer = world.call(method, &format!("/api/v1/{path}"), body).await;
        let at = format!("{method} {path} {body}: {}", answer.text());
        assert!(answer.status.is_client_error(), "{at}");
        assert_eq!(answer.slug(), slug, "{at}");
        assert_eq!(answer.locations(), locations, "{at}");
    }
}

#[tokio::test]
async fn bad_sources_are_refused() {
    check(SOURCES.iter().copied()).await;
}

#[tokio::test]
async fn bad_deliveries_are_refused() {
    check(DELIVERIES.iter().copied()).await;
}

#[tokio::test]
async fn bad_agents_are_refused() {
    check(AGENTS.iter().copied()).await;
}

#[tokio::test]
async fn every_bad_member_of_a_source_is_named() {
    let world = World::new().await;
    for (members, locations) in SOURCE_MEMBERS {
        let name = if members.starts_with(r#""name""#) { "" } else { r#""name": "n", "# };
        let body = format!(r#"{{{name}"profile": "github", {members}}}"#);
        let answer = world.post("/api/v1/sources", &body).await;
        assert_eq!(answer.slug(), "invalid", "{body}: {}", answer.text());
        assert_eq!(answer.locations(), *locations, "{body}: {}", answer.text());
    }
    assert_eq!(world.get("/api/v1/sources").await.json()["data"], json!([]), "nothing was made");
}

#[tokio::test]
async fn texts_and_lists_are_bounded() {
    let world = World::new().await;
    let long = |chars| "x".repeat(chars);
    let many = |count| vec!["a"; count];
    for (members, location) in [
        (json!({"name": long(129)}), "body.name"),
        (json!({"description": long(1025)}), "body.description"),
        (json!({"prompt_template": long(32 * 1024 + 1)}), "body.prompt_template"),
        (
            json!({"overrides": {"system_prompt_suffix": long(32 * 1024 + 1)}}),
            "body.overrides.system_prompt_suffix",
        ),
        (json!({"overrides": {"model": long(129)}}), "body.overrides.model"),
        (json!({"overrides": {"tools": many(101)}}), "body.overrides.tools"),
        (json!({"session": {"mode": "named_session", "name": long(129)}}), "body.session.name"),
        (json!({"events": {"allow": many(201)}}), "body.events.allow"),
        (json!({"events": {"deny": [long(513)]}}), "body.events.deny"),
        (json!({"allowed_cidrs": vec!["192.0.2.1"; 101]}), "body.allowed_cidrs"),
        (json!({"ignored_senders": vec!["bot"; 101]}), "body.ignored_senders"),
        (json!({"auth": {"secret": long(1025)}}), "body.auth.secret"),
        (json!({"provider_token": long(4097)}), "body.provider_token"),
        (json!({"provider_url": format!("https://a.example/{}", long(2048))}), "body.provider_url"),
        (json!({"event_header": long(70_000)}), "body.event_header"),
    ] {
        let mut body = json!({"name": "n", "profile": "github"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = world.post("/api/v1/sources", &body.to_string()).await;
        assert_eq!((answer.slug().as_str(), answer.locations()), ("invalid", vec![location.to_owned()]));
        assert!(answer.body.len() < 2000, "{location}");
    }
    let prompt = json!({"name": "n", "runner": "digest", "system_prompt": long(32 * 1024 + 1)}).to_string();
    assert_eq!(world.post("/api/v1/agents", &prompt).await.locations(), ["body.system_prompt"]);
    let key = json!({"name": "n", "runner": "llm", "model": "m", "api_key": long(4097)}).to_string();
    assert_eq!(world.post("/api/v1/agents", &key).await.locations(), ["body.api_key"]);
}
