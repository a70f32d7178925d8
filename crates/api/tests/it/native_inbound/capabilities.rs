//! Who may do what: capabilities, tenants and environments, keys that are limited to a project.

use posthouse_types::{Capability, Environment};
use serde_json::json;

use super::Hook;
use crate::world::World;

/// One of everything that the inbound half has. The delivery was worked on, and two of its actions wait.
struct Own {
    hook: Hook,
    agent: String,
    delivery: String,
    number: u64,
    actions: Vec<String>,
}

impl Own {
    async fn of(world: &mut World) -> Self {
        let agent = world.careful_agent().await;
        let hook = world.hook(json!({ "agent_id": agent })).await;
        let number = world.taken_on(&hook, 7).await;
        world.wants_to_comment(&["One.", "Two."]);
        world.turns.drain().await.unwrap();
        let detail = world.get(&format!("/api/v1/inbound-deliveries/{number}")).await.json();
        let actions = detail["actions"].as_array().unwrap().iter();
        let actions = actions.map(|action| action["id"].as_str().unwrap().to_owned()).collect();
        Self { hook, agent, delivery: detail["id"].as_str().unwrap().to_owned(), number, actions }
    }

    /// Calls about it: those that look, then those that change.
    fn calls(&self) -> (Vec<Call>, Vec<Call>) {
        let source = format!("sources/{}", self.hook.id);
        let agent = format!("agents/{}", self.agent);
        let delivery = format!("inbound-deliveries/{}", self.delivery);
        let look = vec![
            ("GET", source.clone(), ""),
            ("GET", format!("{source}/deliveries"), ""),
            ("GET", agent.clone(), ""),
            ("GET", delivery.clone(), ""),
            ("GET", format!("inbound-deliveries/{}", self.number), ""),
            ("GET", format!("{delivery}/body"), ""),
        ];
        let change = vec![
            ("GET", format!("{source}/secret"), ""),
            ("POST", format!("{delivery}/actions/{}/approve", self.actions[0]), ""),
            ("POST", format!("{delivery}/actions/{}/deny", self.actions[1]), ""),
            ("POST", format!("{delivery}/rerun"), ""),
            ("PATCH", source.clone(), r#"{"description": "d", "agent_id": null}"#),
            ("PATCH", agent.clone(), r#"{"name": "x"}"#),
            ("POST", format!("{source}/rotate-secret"), ""),
            ("DELETE", agent, ""),
            ("DELETE", source, ""),
        ];
        (look, change)
    }
}

type Call = (&'static str, String, &'static str);

async fn status(world: &World, (method, path, body): &Call) -> u16 {
    world.call(method, &format!("/api/v1/{path}"), body).await.status.as_u16()
}

/// Checks that all of it is hidden from the world's present key, and left as it is.
async fn is_hidden(world: &World, own: &Own) {
    let (look, change) = own.calls();
    for call in look.iter().chain(&change) {
        assert_eq!(status(world, call).await, 404, "{call:?}");
    }
    for list in ["sources", "agents"] {
        let seen = world.get(&format!("/api/v1/{list}?limit=500")).await.text();
        for id in [&own.hook.id, &own.agent] {
            assert!(!seen.contains(id.as_str()), "{list}: {seen}");
        }
    }
}

/// Checks that all of it is there for the world's present key, and can be changed.
async fn is_open(world: &World, own: &Own) {
    let (look, change) = own.calls();
    for call in look.iter().chain(&change) {
        let status = status(world, call).await;
        assert!((200..300).contains(&status), "{call:?}: {status}");
    }
}

#[tokio::test]
async fn nothing_crosses_tenants_and_environments() {
    let mut world = World::new().await;
    let mut spaces = Vec::new();
    for tenant in ["one", "two"] {
        for environment in [Environment::Live, Environment::Test] {
            world.key = world.key_of(tenant, environment, &Capability::ALL).await;
            spaces.push((world.key.clone(), Own::of(&mut world).await));
        }
    }
    for (index, (key, _)) in spaces.iter().enumerate() {
        world.key.clone_from(key);
        for (_, other) in spaces.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, own)| own) {
            is_hidden(&world, other).await;
            // Nor can it be made use of.
            let bound = json!({"name": "n", "profile": "github", "agent_id": other.agent}).to_string();
            assert_eq!(world.post("/api/v1/sources", &bound).await.locations(), ["body.agent_id"]);
            let bound = json!({ "agent_id": other.agent }).to_string();
            assert_eq!(world.post("/api/v1/sessions", &bound).await.locations(), ["body.agent_id"]);
        }
    }
    for (key, own) in &spaces {
        world.key.clone_from(key);
        is_open(&world, own).await;
    }
}

#[tokio::test]
async fn a_project_key_sees_what_is_of_its_project() {
    let mut world = World::new().await;
    let all = world.key.clone();
    let whole = Own::of(&mut world).await;
    let mut projects = Vec::new();
    for name in ["a", "b"] {
        world.key.clone_from(&all);
        let project = world.make("/api/v1/projects", &json!({ "name": name }).to_string()).await;
        world.key = world.key_of_project(&project).await;
        let own = Own::of(&mut world).await;
        let source = world.get(&format!("/api/v1/sources/{}", own.hook.id)).await.json();
        assert_eq!(source["project_id"], project.as_str());
        projects.push((world.key.clone(), project, own));
    }
    for ((key, ..), (_, other_project, other)) in [(&projects[0], &projects[1]), (&projects[1], &projects[0])]
    {
        world.key.clone_from(key);
        is_hidden(&world, other).await;
        is_hidden(&world, &whole).await;
        for (path, mut body) in [
            ("sources", json!({"name": "n", "profile": "github"})),
            ("agents", json!({"name": "n", "runner": "digest"})),
        ] {
            body["project_id"] = json!(other_project);
            let answer = world.post(&format!("/api/v1/{path}"), &body.to_string()).await;
            assert_eq!(answer.locations(), ["body.project_id"], "{path}");
        }
    }
    for (key, _, own) in &projects {
        world.key.clone_from(key);
        is_open(&world, own).await;
    }
    world.key = all;
    is_open(&world, &whole).await;
}

#[tokio::test]
async fn looking_needs_read_and_changing_manage() {
    let mut world = World::new().await;
    let own = Own::of(&mut world).await;
    let (mut look, mut change) = own.calls();
    look.extend(["sources", "agents", "profiles"].map(|list| ("GET", list.to_owned(), "")));
    change.extend([
        ("POST", "sources".to_owned(), r#"{"name": "n", "profile": "github"}"#),
        ("POST", "agents".to_owned(), r#"{"name": "n", "runner": "digest"}"#),
    ]);
    for capability in [Capability::Send, Capability::Publish, Capability::Admin] {
        world.key = world.key_of("acme", Environment::Live, &[capability]).await;
        for call in look.iter().chain(&change) {
            assert_eq!(status(&world, call).await, 403, "{capability:?} {call:?}");
        }
    }
    world.key = world.key_of("acme", Environment::Live, &[Capability::Read]).await;
    for call in &look {
        assert_eq!(status(&world, call).await, 200, "{call:?}");
    }
    for call in &change {
        assert_eq!(status(&world, call).await, 403, "{call:?}");
        // Whatever the body says.
        let (method, path, _) = call;
        if *method == "PATCH" {
            assert_eq!(status(&world, &(*method, path.clone(), "{")).await, 403, "{call:?}");
        }
    }
    world.key = world.key_of("acme", Environment::Live, &[Capability::Manage]).await;
    for call in &look {
        assert_eq!(status(&world, call).await, 403, "{call:?}");
    }
    for call in &change {
        let status = status(&world, call).await;
        assert!((200..300).contains(&status), "{call:?}: {status}");
    }
}
