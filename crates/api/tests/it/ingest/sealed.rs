//! Sources whose secrets can not be opened: the server has another master key than they were sealed with.

use posthouse_types::AuthMode;
use serde_json::json;

use super::SECRET;
use crate::world::World;

#[tokio::test]
async fn senders_are_asked_to_come_back_until_the_secrets_are_replaced() {
    let world = World::new().await;
    let inbox = world.inbox(AuthMode::Bearer).await;
    let off = world.inbox_with("generic", AuthMode::Bearer, |settings| settings.enabled = false).await;
    let open = world.inbox(AuthMode::None).await;
    let world = world.with_another_master_key().await;

    let answer = world.deliver_to(&inbox, &[], "{}").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (503, json!({"error": "webhook secrets unavailable"}))
    );
    assert_eq!(world.recorded(&inbox).await, [], "nobody has proved anything");
    assert_eq!(world.deliver_to(&off, &[], "{}").await.status, 404, "it is off in the first place");
    assert_eq!(world.deliver_to(&open, &[], "{}").await.status, 202, "nothing has to be proved");
    let fresh = world.inbox(AuthMode::Bearer).await;
    assert_eq!(world.deliver_to(&fresh, &[], "{}").await.status, 202, "the others are as they were");

    let path = format!("/api/v1/sources/{}", inbox.id);
    assert_eq!(world.get("/api/v1/sources").await.json()["data"].as_array().unwrap().len(), 4);
    assert_eq!(world.get(&path).await.json()["has_secret"], false);
    let renamed = world.call("PATCH", &path, r#"{"name": "renamed"}"#).await;
    assert_eq!(renamed.status, 500, "the old secrets are not thrown away unasked");
    let rotated = world.post(&format!("{path}/rotate-secret"), "{}").await;
    assert_eq!(rotated.status, 500, "nor can they be taken a while longer");
    let token = json!({"auth": {"token": SECRET}}).to_string();
    let half = world.call("PATCH", &path, &token).await;
    assert_eq!((half.status.as_u16(), half.locations()), (422, vec!["body.provider_token".to_owned()]));
    let token = json!({"auth": {"token": SECRET}, "provider_token": null}).to_string();
    let replaced = world.call("PATCH", &path, &token).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text());
    assert_eq!(world.deliver_to(&inbox, &[], "{}").await.status, 202);
}
