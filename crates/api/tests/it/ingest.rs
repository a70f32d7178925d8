//! Where providers POST, through the real router: what is answered, and in which order things are looked at.

mod addresses;
mod auth;
mod bodies;
mod counted;
mod own;
mod sealed;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CONTENT_TYPE, RETRY_AFTER,
};
use axum::http::request::Builder;
use axum::http::{Method, Request};
use posthouse_engine::{Clock as _, CreateSource, InboundQuery, UpdateSource};
use posthouse_providers::auth::sign;
use posthouse_types::{
    AuthMode, InboundDelivery, Name, PageRequest, SecretText, SourceId, SourceSettings, TypeFilter,
};
use serde_json::json;

use crate::world::{Answer, World};

/// What proves senders in these tests.
pub(crate) const SECRET: &str = "a secret that the provider knows";

/// A source, as its provider knows it.
pub(crate) struct Inbox {
    pub(crate) id: SourceId,
    pub(crate) path: String,
    mode: AuthMode,
    header: Option<String>,
}

impl World {
    pub(crate) async fn inbox(&self, mode: AuthMode) -> Inbox {
        self.inbox_with("generic", mode, |_| ()).await
    }

    pub(crate) async fn inbox_with(
        &self,
        profile: &str,
        mode: AuthMode,
        change: impl FnOnce(&mut SourceSettings),
    ) -> Inbox {
        let caller = self.engine.authenticate(&self.key).await.unwrap();
        let mut settings = SourceSettings::new(Name::parse("inbox").unwrap(), profile, mode);
        change(&mut settings);
        let header = settings.auth_header.clone();
        let secret = (mode != AuthMode::None).then(|| secret_of(mode));
        let provider_token = Some(SecretText::new("provider-token".to_owned()));
        let create = CreateSource { settings, project: None, secret, provider_token };
        let source = self.engine.create_source(&caller, create).await.unwrap().0.source;
        Inbox { id: source.id, path: format!("/api/webhooks/ingest/{}", source.public_id), mode, header }
    }

    async fn change(&self, inbox: &Inbox, change: impl Fn(&mut SourceSettings) + Send + Sync) {
        let caller = self.engine.authenticate(&self.key).await.unwrap();
        let update = UpdateSource { settings: &change, secret: None, provider_token: None };
        self.engine.update_source(&caller, inbox.id.into(), update).await.unwrap();
    }

    /// What is recorded of a source, newest first.
    pub(crate) async fn recorded(&self, inbox: &Inbox) -> Vec<InboundDelivery> {
        let caller = self.engine.authenticate(&self.key).await.unwrap();
        let page = PageRequest { limit: 500, after: None };
        let query = InboundQuery::default();
        self.engine.inbound_deliveries(&caller, inbox.id.into(), query, page).await.unwrap().items
    }

    /// Statuses and reasons of what is recorded, oldest first.
    async fn told(&self, inbox: &Inbox) -> Vec<(&'static str, String)> {
        let recorded = self.recorded(inbox).await;
        let told = recorded.into_iter().rev();
        told.map(|delivery| (delivery.status.as_str(), delivery.reason.unwrap_or_default())).collect()
    }

    /// A request to a source, with what proves its sender.
    pub(crate) fn signed(&self, inbox: &Inbox, body: &str) -> Builder {
        let secret = secret_of(inbox.mode);
        self.signed_with(inbox, &secret, body)
    }

    fn signed_with(&self, inbox: &Inbox, secret: &SecretText, body: &str) -> Builder {
        let request = Request::builder().method(Method::POST).uri(&inbox.path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let proof = sign(inbox.mode, inbox.header.as_deref(), secret, body.as_bytes(), self.clock.now());
        proof.into_iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Sends to a source; every answer of the route may be read by browsers.
    async fn knock(&self, request: Request<Body>) -> Answer {
        let answer = self.send(request).await;
        let header = |name| answer.headers[name].to_str().unwrap();
        assert_eq!(header(ACCESS_CONTROL_ALLOW_ORIGIN), "*");
        assert_eq!(header(ACCESS_CONTROL_ALLOW_METHODS), "POST, OPTIONS");
        assert_eq!(header(ACCESS_CONTROL_MAX_AGE), "86400");
        assert!(header(ACCESS_CONTROL_ALLOW_HEADERS).contains("Sentry-Hook-Signature"));
        assert!(answer.headers.contains_key("x-request-id"));
        answer
    }

    /// Sends a body with what proves its sender and these headers.
    async fn deliver_to(&self, inbox: &Inbox, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = self.signed(inbox, body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.knock(request.body(Body::from(body.to_owned())).unwrap()).await
    }
}

/// A secret that the mode takes.
fn secret_of(mode: AuthMode) -> SecretText {
    SecretText::new(match mode {
        AuthMode::StandardWebhooks => "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_owned(),
        AuthMode::StripeWebhookSignature => format!("whsec_{}", "5e".repeat(32)),
        _ => SECRET.to_owned(),
    })
}

fn allowing(types: &[&str]) -> TypeFilter {
    TypeFilter::new(types.iter().map(|&one| one.to_owned()).collect(), Vec::new()).unwrap()
}

#[tokio::test]
async fn what_is_accepted_is_on_disk_and_queued() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    let public_id = inbox.path.rsplit('/').next().unwrap();
    let answer = world.deliver_to(&inbox, &[("x-event-type", "deploy.completed")], r#"{"n": 1}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let expected = json!({
        "deliveryId": 1, "status": "queued", "webhookId": public_id, "eventType": "deploy.completed",
        "receivedAt": "2026-01-01T00:00:00.000Z",
    });
    assert_eq!(answer.json(), expected);
    // No type, no JSON, no content type that says so: taken all the same.
    let answer = world.deliver_to(&inbox, &[], "plain \u{1f642} text").await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.json()["deliveryId"], 2);
    assert!(answer.json()["eventType"].is_null());
    let recorded = world.recorded(&inbox).await;
    assert_eq!(recorded.len(), 2);
    assert_eq!((recorded[1].number, recorded[1].body_bytes), (1, 8));
    assert_eq!(recorded[1].event_type.as_deref(), Some("deploy.completed"));
    let caller = world.engine.authenticate(&world.key).await.unwrap();
    let (_, kept) = world.engine.inbound_body(&caller, recorded[0].id.into()).await.unwrap().unwrap();
    assert_eq!(kept, "plain \u{1f642} text");
}

#[tokio::test]
async fn an_agent_works_on_what_was_accepted() {
    let mut world = World::new().await;
    let inbox = world.inbox(AuthMode::None).await;
    assert_eq!(world.deliver_to(&inbox, &[], "{}").await.status, 202);
    world.turns.drain().await.unwrap();
    assert_eq!(world.told(&inbox).await, [("completed", String::new())]);
}

#[tokio::test]
async fn what_is_no_source_is_not_found_whatever_it_looks_like() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    assert_eq!(world.deliver_to(&inbox, &[], "{}").await.status, 202);
    let digits = inbox.path.rsplit("wh_").next().unwrap().to_owned();
    for id in [
        format!("wh_{}", "0".repeat(36)),
        format!("wh_{}", &digits[1..]),
        format!("wh_{digits}0"),
        format!("WH_{digits}"),
        format!("wh_{}", "G".repeat(36)),
        digits.clone(),
        "wh_".to_owned(),
        "%ff%00".to_owned(),
        "x".repeat(5000),
    ] {
        let request = Request::builder().method("POST").uri(format!("/api/webhooks/ingest/{id}"));
        let answer = world.knock(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, 404, "{id}");
        assert_eq!(answer.json(), json!({ "error": "webhook not found" }), "{id}");
    }
    world.change(&inbox, |settings| settings.enabled = false).await;
    let answer = world.deliver_to(&inbox, &[], "{}").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({ "error": "webhook not found" })));
    assert_eq!(world.told(&inbox).await, [("received", String::new())], "history stays, nothing is added");
    world.change(&inbox, |settings| settings.enabled = true).await;
    assert_eq!(world.deliver_to(&inbox, &[], "{\"n\": 2}").await.status, 202);
}

#[tokio::test]
async fn other_methods_are_refused_and_browsers_may_ask() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"] {
        let request = Request::builder().method(method).uri(&inbox.path);
        let answer = world.knock(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.status, 405, "{method}");
        let allowed = answer.headers[ALLOW].to_str().unwrap();
        assert!(allowed.contains("POST") && allowed.contains("OPTIONS"), "{allowed}");
        if method != "HEAD" {
            assert_eq!(answer.json(), json!({ "error": "method not allowed" }));
        }
    }
    let request = Request::builder().method("OPTIONS").uri(&inbox.path).header("origin", "https://a.example");
    let answer = world.knock(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    let names = answer.headers[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap();
    for name in [
        "Content-Type",
        "Authorization",
        "X-Hub-Signature-256",
        "X-GitHub-Event",
        "X-GitHub-Delivery",
        "X-Gitlab-Token",
        "X-Gitlab-Event",
        "Stripe-Signature",
        "X-Webhook-Secret",
        "X-Event-Type",
        "X-Delivery-Id",
        "Idempotency-Key",
        "Linear-Signature",
        "X-PagerDuty-Signature",
        "Sentry-Hook-Signature",
    ] {
        assert!(names.split(", ").any(|known| known == name), "{name}");
    }
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_decides() {
    let world = World::new().await;
    let inbox = world
        .inbox_with("generic", AuthMode::Bearer, |settings| {
            settings.allowed_cidrs = vec!["192.0.2.0/24".to_owned()];
            settings.max_body_bytes = 10;
            settings.events = allowing(&["push"]);
        })
        .await;
    let ask = async |peer: &str, token: &str, event: &str, body: &str| {
        let request = Request::builder().method("POST").uri(&inbox.path);
        let request =
            request.header("authorization", format!("Bearer {token}")).header("x-event-type", event);
        let request = request.extension(addresses::peer(peer));
        let answer = world.knock(request.body(Body::from(body.to_owned())).unwrap()).await;
        (answer.status.as_u16(), answer.json())
    };
    let (inside, outside) = ("192.0.2.1", "198.51.100.1");
    let (long, short) = ("12345678901", "1234567890");
    let address = (403, json!({ "error": "IP not in allowlist" }));
    let large = (413, json!({ "error": "payload too large", "maxBytes": 10 }));
    let forged = (401, json!({ "error": "authentication failed" }));
    let filtered = (200, json!({ "status": "filtered", "eventType": "pull" }));
    assert_eq!(ask(outside, "wrong", "pull", long).await, address);
    assert_eq!(ask(outside, SECRET, "push", short).await, address);
    assert_eq!(ask(inside, "wrong", "pull", long).await, large);
    assert_eq!(ask(inside, SECRET, "push", long).await, large);
    assert_eq!(ask(inside, "wrong", "pull", short).await, forged);
    assert_eq!(ask(inside, SECRET, "pull", short).await, filtered);
    assert_eq!(ask(inside, SECRET, "push", short).await.0, 202);
    world.change(&inbox, |settings| settings.enabled = false).await;
    let none = (404, json!({ "error": "webhook not found" }));
    assert_eq!(ask(outside, "wrong", "pull", long).await, none);
    let rejected = |reason: &str| ("rejected", reason.to_owned());
    assert_eq!(
        world.told(&inbox).await,
        [
            rejected("address_not_allowed"),
            rejected("address_not_allowed"),
            rejected("payload_too_large"),
            rejected("payload_too_large"),
            rejected("wrong_signature"),
            ("filtered", "event_type".to_owned()),
            ("received", String::new()),
        ]
    );
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_apart_from_a_fault() {
    let mut world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    std::mem::replace(&mut world.close_store, Box::pin(async {})).await;
    let answer = world.deliver_to(&inbox, &[], "{}").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert_eq!(answer.json(), json!({ "error": "failed to persist delivery" }));
}

#[tokio::test]
async fn a_test_of_the_url_is_answered_as_the_provider_wants() {
    let world = World::new().await;
    let inbox = world.inbox_with("slack", AuthMode::SlackSignature, |_| ()).await;
    let body = r#"{"type": "url_verification", "challenge": "3eZbrw1aB"}"#;
    let answer = world.deliver_to(&inbox, &[], body).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "3eZbrw1aB"));
    assert_eq!(answer.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    let object = r#"{"type": "url_verification", "challenge": "{\"challenge\": 1}"}"#;
    assert_eq!(world.deliver_to(&inbox, &[], object).await.headers[CONTENT_TYPE], "application/json");
    let forged = Request::builder().method("POST").uri(&inbox.path).body(Body::from(body)).unwrap();
    assert_eq!(world.knock(forged).await.status, 401, "only who knows the secret is answered");
    assert_eq!(
        world.told(&inbox).await,
        [("rejected", "missing_header".to_owned())],
        "a challenge is no event"
    );
}
