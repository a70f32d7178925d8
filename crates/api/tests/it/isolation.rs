//! Two tenants, two environments each: nothing crosses.

use posthouse_types::{Capability, Environment};
use serde_json::Value;

use crate::world::World;

const LISTS: [&str; 6] = ["events", "endpoints", "deliveries", "projects", "sessions", "event-types"];

/// What one space has made.
struct Space {
    tenant: &'static str,
    key: String,
    /// Paths of what it has.
    own: Vec<String>,
    /// Ids that may be seen here only.
    ids: Vec<String>,
}

async fn furnish(world: &mut World, tenant: &'static str, environment: Environment) -> Space {
    world.key = world.key_of(tenant, environment, &Capability::ALL).await;
    let name = format!("{tenant}-{environment}");
    let endpoint = world.endpoint().await;
    let project = world.make("/api/v1/projects", &format!(r#"{{"name": "{name}"}}"#)).await;
    let session = world.make("/api/v1/sessions", &format!(r#"{{"id": "s-{name}"}}"#)).await;
    let event = world.make("/api/v1/events", r#"{"type": "t", "payload": 1}"#).await;
    world.call("PUT", &format!("/api/v1/event-types/only.{name}"), "{}").await;
    let deliveries = world.get("/api/v1/deliveries").await.json();
    let delivery = deliveries["data"][0]["id"].as_str().unwrap().to_owned();
    let own = [
        format!("events/{event}"),
        format!("events/{event}/explain"),
        format!("endpoints/{endpoint}"),
        format!("endpoints/{endpoint}/secret"),
        format!("deliveries/{delivery}"),
        format!("deliveries/{delivery}/attempts"),
        format!("sessions/{session}"),
        format!("stream?last_event_id={event}"),
    ];
    let ids = vec![event, endpoint, delivery, session, project, format!("only.{name}")];
    Space { tenant, key: world.key.clone(), own: own.to_vec(), ids }
}

#[tokio::test]
async fn nothing_is_seen_across_tenants_and_environments() {
    let mut world = World::new().await;
    let mut spaces = Vec::new();
    for tenant in ["one", "two"] {
        for environment in [Environment::Live, Environment::Test] {
            spaces.push(furnish(&mut world, tenant, environment).await);
        }
    }
    for (index, space) in spaces.iter().enumerate() {
        world.key.clone_from(&space.key);
        let mut seen = String::new();
        for list in LISTS {
            seen.push_str(&world.get(&format!("/api/v1/{list}")).await.text());
        }
        for (other, foreign) in spaces.iter().enumerate() {
            for id in &foreign.ids {
                assert_eq!(seen.contains(id.as_str()), index == other, "{id}");
            }
            for path in foreign.own.iter().filter(|_| index != other) {
                let answer = world.get(&format!("/api/v1/{path}")).await;
                assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (404, "not-found"), "{path}");
            }
        }
        for path in space.own.iter().filter(|path| !path.starts_with("stream")) {
            assert_eq!(world.get(&format!("/api/v1/{path}")).await.status, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn changes_do_not_cross_either() {
    let mut world = World::new().await;
    let ours = furnish(&mut world, "one", Environment::Live).await;
    let theirs = furnish(&mut world, "one", Environment::Test).await;
    world.key.clone_from(&theirs.key);
    let [_, endpoint, delivery, session, project, _] = &ours.ids[..] else { unreachable!("six ids") };
    for (method, path, body) in [
        ("PATCH", format!("endpoints/{endpoint}"), r#"{"enabled": false}"#),
        ("DELETE", format!("endpoints/{endpoint}"), ""),
        ("POST", format!("endpoints/{endpoint}/rotate-secret"), ""),
        ("POST", format!("endpoints/{endpoint}/test"), ""),
        ("POST", format!("deliveries/{delivery}/replay"), ""),
        ("PATCH", format!("sessions/{session}"), r#"{"label": "x"}"#),
        ("DELETE", format!("sessions/{session}"), ""),
    ] {
        let answer = world.call(method, &format!("/api/v1/{path}"), body).await;
        assert_eq!(answer.slug(), "not-found", "{method} {path}");
    }
    for (path, body, location) in [
        ("endpoints", format!(r#"{{"url": "https://e.com", "project_id": "{project}"}}"#), "body.project_id"),
        ("endpoints", format!(r#"{{"url": "https://e.com", "session_id": "{session}"}}"#), "body.session_id"),
        ("sessions", format!(r#"{{"project_id": "{project}"}}"#), "body.project_id"),
        ("events", format!(r#"{{"type": "t", "payload": 1, "project_id": "{project}"}}"#), "body.project_id"),
    ] {
        let answer = world.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!((answer.slug().as_str(), answer.locations()), ("invalid", vec![location.to_owned()]));
    }
}

#[tokio::test]
async fn keys_are_listed_by_those_that_govern_them() {
    let mut world = World::new().await;
    let mut spaces = Vec::new();
    for tenant in ["one", "two"] {
        for environment in [Environment::Live, Environment::Test] {
            // A live key sees its tenant's keys of both environments, a test key those of test only.
            let expected = if environment == Environment::Live { 2 } else { 1 };
            spaces.push((furnish(&mut world, tenant, environment).await, expected));
        }
    }
    for (space, expected) in &spaces {
        world.key.clone_from(&space.key);
        let listed = world.get("/api/v1/keys").await.json();
        let count = listed["data"].as_array().map_or(0, Vec::len);
        assert_eq!(count, *expected, "of tenant {}", space.tenant);
        assert!(
            listed["data"].as_array().unwrap().iter().all(|key| key.get("key").is_none_or(Value::is_null))
        );
    }
}
