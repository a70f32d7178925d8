//! Probes, and answers that no one may keep.

use axum::http::header::CACHE_CONTROL;

use crate::world::World;

#[tokio::test]
async fn a_server_without_its_store_is_not_ready() {
    let mut world = World::new().await;
    assert_eq!(world.get("/readyz").await.json()["status"], "ready");
    (&mut world.close_store).await;
    let refused = world.get("/readyz").await;
    assert_eq!((refused.status.as_u16(), refused.slug().as_str()), (503, "unavailable"));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(world.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn answers_with_a_secret_are_not_to_be_kept() {
    let world = World::new().await;
    let endpoint = world.endpoint().await;
    for (method, path, body, secret) in [
        ("POST", "endpoints".to_owned(), r#"{"url": "https://e.com"}"#, true),
        ("GET", format!("endpoints/{endpoint}/secret"), "", true),
        ("POST", format!("endpoints/{endpoint}/rotate-secret"), "", true),
        ("POST", "keys".to_owned(), r#"{"name": "n", "capabilities": ["read"]}"#, true),
        ("GET", format!("endpoints/{endpoint}"), "", false),
    ] {
        let answer = world.call(method, &format!("/api/v1/{path}"), body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        let kept = answer.headers.get(CACHE_CONTROL).is_none_or(|value| value != "no-store");
        assert_eq!(kept, !secret, "{method} {path}");
        assert_eq!(answer.text().contains("whsec_") || answer.json().get("key").is_some(), secret, "{path}");
    }
}
