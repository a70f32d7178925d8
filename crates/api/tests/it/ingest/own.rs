//! What tells of our own doing does not wake an agent.

use axum::http::StatusCode;
use posthouse_testkit::answer;
use posthouse_types::{AuthMode, Outcome, ToolPolicy};
use serde_json::{Value, json};

use crate::world::World;

async fn comment(world: &World, inbox: &super::Inbox, id: u64, text: &str) -> super::Answer {
    let body = json!({
        "action": "created",
        "repository": { "full_name": "octo-org/hello" },
        "issue": { "number": 7 },
        "comment": { "id": id, "body": text },
    });
    let delivery = format!("comment-{id}");
    let headers = [("x-github-event", "issue_comment"), ("x-github-delivery", delivery.as_str())];
    world.deliver_to(inbox, &headers, &body.to_string()).await
}

#[tokio::test]
async fn our_own_comment_is_filtered_and_a_copy_of_its_mark_is_not() {
    let mut world = World::new().await;
    let tools = ToolPolicy::new(vec!["*".to_owned()], vec![]).unwrap();
    let agent = world.agent(Some(tools)).await;
    let inbox =
        world.inbox_with("github", AuthMode::GithubHmacSha256, |settings| settings.agent = Some(agent)).await;

    let say = ("github_post_comment", json!({ "number": 7, "body": "Looks good." }));
    world.runner.script(&[say], Ok("Commented."));
    let mut made = answer(Outcome::Delivered { status: 201 });
    made.response_body = json!({ "id": 42 }).to_string().into();
    world.sender.script([made]);
    assert_eq!(comment(&world, &inbox, 1, "Please review.").await.status, StatusCode::ACCEPTED);
    world.turns.drain().await.unwrap();
    let sent = world.sender.take_sent().remove(0);
    let text = serde_json::from_slice::<Value>(&sent.body).unwrap()["body"].as_str().unwrap().to_owned();

    let told = comment(&world, &inbox, 42, &text).await;
    assert_eq!(told.status, StatusCode::OK);
    assert_eq!(told.json(), json!({ "status": "filtered", "eventType": "issue_comment.created" }));
    assert_eq!(world.told(&inbox).await[1], ("filtered", "own_action".to_owned()));
    assert_eq!(comment(&world, &inbox, 43, &text).await.status, StatusCode::ACCEPTED);
}
