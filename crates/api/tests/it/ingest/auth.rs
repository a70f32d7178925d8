//! Who sent it: every mode, and secrets that change.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::WWW_AUTHENTICATE;
use posthouse_engine::RotateSource;
use posthouse_types::{AuthMode, SecretText};
use serde_json::json;

use super::{Inbox, secret_of};
use crate::world::World;

const BODY: &str = r#"{"action": "opened", "n": 1}"#;

async fn inbox_of(world: &World, mode: AuthMode) -> Inbox {
    world
        .inbox_with("generic", mode, |settings| {
            let named = mode == AuthMode::StaticHeader;
            settings.auth_header = named.then(|| "X-Our-Token".to_owned());
        })
        .await
}

fn other_secret(mode: AuthMode) -> SecretText {
    SecretText::new(match mode {
        AuthMode::StandardWebhooks => "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=".to_owned(),
        AuthMode::StripeWebhookSignature => format!("whsec_{}", "6f".repeat(32)),
        _ => "a secret that no one was told".to_owned(),
    })
}

#[tokio::test]
async fn every_mode_lets_those_in_who_prove_it_and_no_one_else() {
    let world = World::new().await;
    for &mode in AuthMode::ALL {
        let inbox = inbox_of(&world, mode).await;
        let good = world.deliver_to(&inbox, &[], BODY).await;
        assert_eq!(good.status, 202, "{mode}: {}", good.text());
        if mode == AuthMode::None {
            continue;
        }
        let bare = Request::builder().method("POST").uri(&inbox.path).body(Body::from(BODY)).unwrap();
        let forged = world.signed_with(&inbox, &other_secret(mode), BODY).body(Body::from(BODY)).unwrap();
        // What is there twice proves nothing.
        let mut twice = world.signed(&inbox, BODY).body(Body::from(BODY)).unwrap();
        let names: Vec<_> = twice.headers().keys().filter(|name| *name != "content-type").cloned().collect();
        for name in names {
            let value = twice.headers()[&name].clone();
            twice.headers_mut().append(name, value);
        }
        let mut requests = vec![("bare", bare), ("forged", forged), ("twice", twice)];
        if !mode.is_token() {
            let changed = BODY.replace('1', "2");
            requests.push(("changed", world.signed(&inbox, BODY).body(Body::from(changed)).unwrap()));
        }
        let count = requests.len();
        for (what, request) in requests {
            let answer = world.knock(request).await;
            assert_eq!(answer.status, 401, "{mode}: {what}");
            assert_eq!(answer.json(), json!({ "error": "authentication failed" }), "{mode}: {what}");
            assert!(!answer.headers.contains_key(WWW_AUTHENTICATE));
        }
        let told = world.told(&inbox).await;
        assert_eq!(told.iter().filter(|(status, _)| *status == "rejected").count(), count, "{mode}");
        assert_eq!(told[1].1, "missing_header", "{mode}");
        assert_eq!(told[2].1, "wrong_signature", "{mode}");
        assert_eq!(told[3].1, "malformed_header", "{mode}");
    }
}

#[tokio::test]
async fn what_is_signed_with_a_time_gets_old() {
    let world = World::new().await;
    for mode in [AuthMode::StripeWebhookSignature, AuthMode::SlackSignature, AuthMode::StandardWebhooks] {
        let inbox = inbox_of(&world, mode).await;
        let old = world.signed(&inbox, BODY).body(Body::from(BODY)).unwrap();
        world.clock.advance(Duration::from_secs(301));
        assert_eq!(world.knock(old).await.status, 401, "{mode}");
        assert_eq!(world.told(&inbox).await[0].1, "timestamp_out_of_tolerance", "{mode}");
    }
}

#[tokio::test]
async fn both_secrets_fit_until_the_old_ones_end() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::GithubHmacSha256).await;
    let (old, new) = (secret_of(AuthMode::GithubHmacSha256), SecretText::new("the next one".to_owned()));
    let caller = world.engine.authenticate(&world.key).await.unwrap();
    let rotate = RotateSource { secret: Some(new.clone()), overlap: Some(Duration::from_secs(600)) };
    world.engine.rotate_source_secret(&caller, inbox.id.into(), rotate).await.unwrap();
    let mut number = 0;
    let mut ask = async |secret: &SecretText| {
        number += 1;
        let body = number.to_string();
        let request = world.signed_with(&inbox, secret, &body);
        world.knock(request.body(Body::from(body)).unwrap()).await.status.as_u16()
    };
    assert_eq!((ask(&old).await, ask(&new).await), (202, 202));
    world.clock.advance(Duration::from_millis(599_999));
    assert_eq!((ask(&old).await, ask(&new).await), (202, 202));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!((ask(&old).await, ask(&new).await), (401, 202));
}

#[tokio::test]
async fn what_proves_the_sender_is_not_kept() {
    let world = World::new().await;
    for &mode in AuthMode::ALL {
        let inbox = inbox_of(&world, mode).await;
        let kept = [
            ("content-type", "application/json"),
            ("user-agent", "GitHub-Hookshot/1"),
            ("x-github-event", "push"),
            ("x-gitlab-event", "Push Hook"),
            ("x-request-id", "r1"),
            ("x-delivery-id", "d1"),
            ("x-event-type", "push"),
            ("idempotency-key", "i1"),
            ("linear-delivery", "l1"),
            ("sentry-hook-resource", "issue"),
            ("webhook-timestamp", "1"),
        ];
        let mut request = world.signed(&inbox, BODY);
        let signed: Vec<String> =
            request.headers_ref().unwrap().keys().map(|name| name.as_str().to_owned()).collect();
        for (name, value) in kept {
            if !signed.iter().any(|known| known == name) {
                request = request.header(name, value);
            }
        }
        for name in [
            "authorization",
            "cookie",
            "x-gitlab-token",
            "x-hub-signature-256",
            "x-hub-signature",
            "stripe-signature",
            "linear-signature",
            "x-pagerduty-signature",
            "sentry-hook-signature",
            "x-slack-signature",
            "webhook-signature",
            "x-shopify-hmac-sha256",
            "x-webhook-secret",
            "x-our-token",
            "x-github-secret-thing",
            "x-api-key",
            "x-something-else",
        ] {
            if !signed.iter().any(|known| known == name) {
                request = request.header(name, "hidden");
            }
        }
        assert_eq!(world.knock(request.body(Body::from(BODY)).unwrap()).await.status, 202, "{mode}");
        let headers = &world.recorded(&inbox).await[0].headers;
        for (name, _) in kept {
            assert!(headers.iter().any(|(known, _)| known == name), "{mode}: {name}");
        }
        let secret = secret_of(mode);
        for (name, value) in headers {
            assert!(!value.contains("hidden") && !value.contains(secret.expose()), "{mode}: {name}: {value}");
            assert!(!name.contains("signature") && !name.contains("token"), "{mode}: {name}");
        }
    }
}
