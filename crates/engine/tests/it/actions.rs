//! What agents do at providers.

use posthouse_egress::SendReport;
use posthouse_engine::{Decision, RunError};
use posthouse_testkit::answer;
use posthouse_types::{Action, ActionStatus, InboundDelivery, Outcome, Stage, ToolPolicy};
use serde_json::{Value, json};

use crate::inbox::{Inbox, Sent};
use crate::world::World;

fn comment(text: &str) -> (&'static str, Value) {
    ("github_post_comment", json!({ "number": 7, "body": text }))
}

fn answered(status: u16, body: &Value) -> SendReport {
    let outcome = match status {
        200..=299 => Outcome::Delivered { status },
        _ => Outcome::Refused { status },
    };
    SendReport { response_body: body.to_string().into(), ..answer(outcome) }
}

impl World {
    async fn reviewed(&self, change: impl FnOnce(&mut posthouse_types::AgentSettings)) -> Inbox {
        let agent = self.agent(change).await.agent;
        self.inbox("github", |settings| settings.agent = Some(agent.id)).await
    }

    async fn actions(&self, delivery: &InboundDelivery) -> Vec<Action> {
        self.engine.inbound_delivery(&self.caller, delivery.id.into()).await.unwrap().actions
    }
}

#[tokio::test]
async fn a_comment_is_posted_recorded_and_told_and_does_not_wake_the_agent() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    world.runner.script(&[comment("Looks good.")], Ok("Commented."));
    world.sender.script([answered(201, &json!({ "id": 42 }))]);
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;

    let sent = world.sender.take_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].uri, "https://api.github.com/repos/octo-org/hello/issues/7/comments");
    let token = &sent[0].headers["authorization"];
    assert_eq!(token, "Bearer provider-token");
    assert!(token.is_sensitive());
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    let text = body["body"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Looks good."));

    let action = world.actions(&delivery).await.remove(0);
    assert_eq!((action.status, action.object.as_deref()), (ActionStatus::Success, Some("comment:42")));
    assert_eq!(action.output.as_deref(), Some(r#"{"id":42}"#));
    let said = world.said(delivery.session.as_ref().unwrap()).await;
    assert_eq!(said[1].tool_calls[0].action, Some(action.id));
    let events = world.events().await;
    let told_of: Vec<_> = events.iter().filter(|(event_type, _)| event_type == "action.taken").collect();
    assert_eq!(told_of.len(), 1);
    assert_eq!(told_of[0].1["tool"], "github_post_comment");
    assert_eq!(told_of[0].1["action_id"], action.id.to_string());

    // GitHub tells of the comment: it is our own.
    let told = world.send(&inbox, &Sent::comment(7, 42, &text)).await.unwrap();
    let event_type = Some("issue_comment.created".to_owned());
    assert_eq!(told, posthouse_engine::Receipt::Filtered { event_type });
    // Someone copies the mark into a comment of their own: that one is taken on.
    world.accepted(&inbox, &Sent::comment(7, 43, &text)).await;
}

#[tokio::test]
async fn what_was_done_is_not_done_again_when_the_run_is() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    world.runner.script(&[comment("Once.")], Err(RunError::Temporary("cut off".to_owned())));
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    assert_eq!(world.sender.take_sent().len(), 1);
    world.runner.script(&[comment("Once."), comment("Twice.")], Ok("done"));
    world.clock.advance(std::time::Duration::from_secs(5));
    world.work().await;
    assert_eq!(world.sender.take_sent().len(), 1, "only what is new");
    let asked = world.runner.take_asked().pop().unwrap();
    assert!(asked.outputs[0].content.starts_with("already done before"), "{:?}", asked.outputs);
    assert!(asked.run.agent.system_prompt.contains("github_post_comment (done)"));
    assert_eq!(world.actions(&delivery).await.len(), 2);
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_recorded_and_told_to_the_agent() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    world.runner.script(&[comment("Hi.")], Ok("It did not work."));
    world.sender.script([answered(403, &json!({ "message": "Resource not accessible" }))]);
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    let action = world.actions(&delivery).await.remove(0);
    assert_eq!(action.status, ActionStatus::Error);
    assert!(action.error.unwrap().contains("403"));
    assert!(world.runner.take_asked()[0].outputs[0].failed);
}

#[tokio::test]
async fn policies_of_agent_and_source_must_both_permit() {
    let world = World::new().await;
    let policy = |allow: &[&str], deny: &[&str]| {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        ToolPolicy::new(texts(allow), texts(deny)).unwrap()
    };
    let agent =
        world.agent(|settings| settings.tools = Some(policy(&["*"], &["github_merge_pr"]))).await.agent;
    let inbox = world
        .inbox("github", |settings| {
            settings.agent = Some(agent.id);
            settings.overrides.tools = Some(policy(&["github_post_comment", "github_merge_pr"], &[]));
        })
        .await;
    let merge = ("github_merge_pr", json!({ "number": 7, "method": "squash" }));
    world.runner.script(&[merge], Ok("tried"));
    world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    let silent = world.agent(|settings| settings.tools = None).await.agent;
    let other = world.inbox("github", |settings| settings.agent = Some(silent.id)).await;
    world.work().await;
    let asked = world.runner.take_asked().remove(0);
    let names: Vec<_> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["webhook_get_full_payload", "github_post_comment"]);
    assert!(asked.outputs[0].failed);
    assert!(world.sender.take_sent().is_empty());
    // Without a policy: what only reads.
    world.accepted(&other, &Sent::pull_request(7, "one")).await;
    world.work().await;
    let mut names: Vec<_> =
        world.runner.take_asked().remove(0).tools.into_iter().map(|tool| tool.name).collect();
    names.sort();
    assert_eq!(
        names,
        ["github_get_diff", "github_get_file", "github_list_files", "webhook_get_full_payload"]
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_the_schema_are_refused_and_do_nothing() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    let calls = [
        ("github_post_comment", json!({ "number": "seven", "body": "x" })),
        ("github_post_comment", json!({ "number": 7, "body": "x", "repository": "someone/else" })),
        ("github_post_comment", json!("x")),
        ("no_such_tool", json!({})),
    ];
    world.runner.script(&calls, Ok("tried"));
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    let outputs = world.runner.take_asked().remove(0).outputs;
    assert!(outputs.iter().all(|output| output.failed), "{outputs:?}");
    assert!(world.sender.take_sent().is_empty());
    assert!(world.actions(&delivery).await.is_empty());
}

#[tokio::test]
async fn with_approval_nothing_is_done_until_a_person_says_so() {
    let world = World::new().await;
    let inbox = world.reviewed(|settings| settings.approval = true).await;
    world.runner.script(&[comment("One."), comment("Two.")], Ok("Waiting."));
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    assert!(world.sender.take_sent().is_empty());
    let waiting = world.actions(&delivery).await;
    assert!(waiting.iter().all(|action| action.status == ActionStatus::Waiting), "{waiting:?}");
    let decide = async |action: &Action, decision| {
        world.engine.decide_action(&world.caller, delivery.id.into(), action.id, decision).await
    };
    assert_eq!(decide(&waiting[0], Decision::Deny).await.unwrap().status, ActionStatus::Denied);
    assert_eq!(decide(&waiting[1], Decision::Approve).await.unwrap().status, ActionStatus::Approved);
    assert!(decide(&waiting[1], Decision::Approve).await.is_err(), "once");
    world.sender.script([answered(201, &json!({ "id": 42 }))]);
    world.work().await;
    assert_eq!(world.sender.take_sent().len(), 1);
    let actions = world.actions(&delivery).await;
    assert_eq!(actions[0].status, ActionStatus::Denied);
    assert_eq!(
        (actions[1].status, actions[1].object.as_deref()),
        (ActionStatus::Success, Some("comment:42"))
    );
    let told =
        world.events().await.into_iter().filter(|(event_type, _)| event_type == "action.taken").count();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn without_a_credential_there_are_no_tools_of_the_provider() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    let remove =
        posthouse_engine::UpdateSource { settings: &|_| (), secret: None, provider_token: Some(None) };
    world.engine.update_source(&world.caller, inbox.source.into(), remove).await.unwrap();
    world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    let asked = world.runner.take_asked().remove(0);
    let names: Vec<_> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["webhook_get_full_payload"]);
}

#[tokio::test]
async fn doings_of_ignored_senders_are_passed_over() {
    let world = World::new().await;
    let inbox = world.inbox("github", |settings| settings.ignored_senders = vec!["octocat".to_owned()]).await;
    let passed_over = world.send(&inbox, &Sent::pull_request(7, "one")).await.unwrap();
    let event_type = Some("pull_request.opened".to_owned());
    assert_eq!(passed_over, posthouse_engine::Receipt::Filtered { event_type });
    assert_eq!(world.arrived(&inbox).await[0].reason.as_deref(), Some("sender"));
    world.accepted(&inbox, &Sent::comment(7, 1, "by someone else")).await;
}

#[tokio::test]
async fn what_may_have_been_done_is_not_repeated() {
    is_not_repeated_after(answer(Outcome::Timeout)).await;
    let broken = answer(Outcome::Unreachable { stage: Stage::Connect });
    is_not_repeated_after(SendReport { may_have_arrived: true, ..broken }).await;
}

async fn is_not_repeated_after(report: SendReport) {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    world.runner.script(&[comment("Once.")], Err(RunError::Temporary("busy".to_owned())));
    world.sender.script([report]);
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    assert_eq!(world.actions(&delivery).await[0].status, ActionStatus::Unknown);
    assert_eq!(world.sender.take_sent().len(), 1);
    for (wait, end) in [(5, Err(RunError::Temporary("busy".to_owned()))), (60, Ok("done"))] {
        world.runner.script(&[comment("Once.")], end);
        world.clock.advance(std::time::Duration::from_secs(wait));
        world.work().await;
        assert!(world.sender.take_sent().is_empty(), "after {wait} s");
    }
    assert!(world.runner.take_asked()[1].outputs[0].failed);
}

#[tokio::test]
async fn what_a_person_asked_for_is_done_once_although_the_run_is_repeated() {
    let world = World::new().await;
    let inbox = world.reviewed(|_| ()).await;
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    let session = delivery.session.clone().unwrap();
    let ask = posthouse_engine::PostMessage { content: "Post it.".to_owned(), poll: None };
    world.runner.script(&[comment("It.")], Err(RunError::Temporary("busy".to_owned())));
    world.engine.post_message(&world.caller, &session, ask.clone()).await.unwrap();
    world.work().await;
    assert_eq!(world.sender.take_sent().len(), 1);
    world.runner.script(&[comment("It.")], Ok("Posted."));
    world.clock.advance(std::time::Duration::from_secs(5));
    world.work().await;
    assert!(world.sender.take_sent().is_empty());
    // Asked for once more, it is done once more.
    world.runner.script(&[comment("It.")], Ok("Posted again."));
    world.engine.post_message(&world.caller, &session, ask).await.unwrap();
    world.work().await;
    assert_eq!(world.sender.take_sent().len(), 1);
}

#[tokio::test]
async fn a_source_is_no_way_into_a_session_of_another_project() {
    let world = World::new().await;
    let project =
        world.engine.create_project(&world.caller, None, posthouse_types::Name::parse("p").unwrap()).await;
    let id = posthouse_types::SessionId::parse("secret").unwrap();
    let create = posthouse_engine::CreateSession {
        id: Some(id.clone()),
        project: Some(project.unwrap().id),
        ..posthouse_engine::CreateSession::default()
    };
    world.engine.create_session(&world.caller, create).await.unwrap();
    let named = posthouse_types::SessionMode::NamedSession(Some("secret".to_owned()));
    let inbox = world.inbox("github", |settings| settings.session = named).await;
    let delivery = world.accepted(&inbox, &Sent::pull_request(7, "one")).await;
    world.work().await;
    assert!(world.runner.take_asked().is_empty());
    assert!(world.said(&id).await.is_empty());
    let failed = world.inbound(delivery.id.into()).await;
    assert!(failed.error.unwrap().contains("another project"));
}
