//! Two tenants, two environments each, four dialects: nothing is seen, changed or delivered across.

use axum::http::StatusCode;
use posthouse_types::{Capability, Environment};

use crate::world::World;

/// What one space has in each dialect.
struct Space {
    /// Stands in every URL of the space, and nowhere else.
    name: String,
    key: String,
    project: String,
    /// Calls about what it has.
    own: Vec<(&'static str, String, &'static str)>,
}

const LISTS: [&str; 4] = [
    "/molroo/v1/webhook/s1",
    "/sonzai/api/v1/webhooks",
    "/whatsapp/api/v1/webhooks",
    "/casey/v1/backend/webhooks",
];

async fn furnish(world: &mut World, tenant: &str, environment: Environment) -> Space {
    let name = format!("{tenant}-{environment}");
    world.key = world.key_of(tenant, environment, &Capability::ALL).await;
    world.make("/api/v1/sessions", r#"{"id":"s1"}"#).await;
    let project = world.make("/api/v1/projects", r#"{"name":"p"}"#).await;
    let url = |dialect: &str| format!("https://{name}.example/{dialect}");
    let molroo =
        format!(r#"{{"url":"{}","secret":"12345678","events":["stage_transition"]}}"#, url("molroo"));
    let molroo = world.make(LISTS[0], &molroo).await;
    for path in ["/sonzai/api/v1/webhooks".to_owned(), format!("/sonzai/api/v1/projects/{project}/webhooks")]
    {
        let body = format!(r#"{{"webhook_url":"{}"}}"#, url("sonzai"));
        let put = world.call("PUT", &format!("{path}/stage_transition"), &body).await;
        assert_eq!(put.status, StatusCode::OK, "{}", put.text());
    }
    let whatsapp = world.make(LISTS[2], &format!(r#"{{"url":"{}"}}"#, url("whatsapp"))).await;
    let casey = world.post(LISTS[3], &format!(r#"{{"url":"{}"}}"#, url("casey"))).await.json();
    let casey = casey["data"]["id"].as_str().unwrap().to_owned();
    let poll = r#"{"kind":"poll","question":"q","options":["a","b"]}"#;
    let poll = world.make("/api/v1/sessions/s1/messages", poll).await;
    let own = vec![
        ("GET", format!("/sonzai/api/v1/projects/{project}/webhooks"), ""),
        (
            "PUT",
            format!("/sonzai/api/v1/projects/{project}/webhooks/x"),
            r#"{"webhook_url":"https://a.example"}"#,
        ),
        ("POST", format!("/sonzai/api/v1/projects/{project}/webhooks/stage_transition/rotate-secret"), ""),
        ("GET", format!("/sonzai/api/v1/projects/{project}/webhooks/stage_transition/attempts"), ""),
        ("GET", format!("/whatsapp/api/v1/webhooks/{whatsapp}"), ""),
        ("PATCH", format!("/whatsapp/api/v1/webhooks/{whatsapp}"), r#"{"active":false}"#),
        ("DELETE", format!("/whatsapp/api/v1/webhooks/{whatsapp}"), ""),
        ("POST", format!("/whatsapp/api/v1/sessions/s1/messages/{poll}/vote"), r#"{"options":["a"]}"#),
        ("GET", format!("/casey/v1/backend/webhooks/{casey}"), ""),
        ("GET", format!("/casey/v1/backend/webhooks/{casey}/secret"), ""),
        ("DELETE", format!("/casey/v1/backend/webhooks/{casey}"), ""),
        ("DELETE", format!("/molroo/v1/webhook/s1/{molroo}"), ""),
        ("DELETE", format!("/sonzai/api/v1/projects/{project}/webhooks/stage_transition"), ""),
    ];
    Space { name, key: world.key.clone(), project, own }
}

async fn spaces(world: &mut World) -> Vec<Space> {
    let mut spaces = Vec::new();
    for tenant in ["one", "two"] {
        for environment in [Environment::Live, Environment::Test] {
            spaces.push(furnish(world, tenant, environment).await);
        }
    }
    spaces
}

#[tokio::test]
async fn nothing_is_seen_or_changed_across() {
    let mut world = World::new().await;
    let spaces = spaces(&mut world).await;
    for (index, space) in spaces.iter().enumerate() {
        world.key.clone_from(&space.key);
        for list in LISTS {
            let seen = world.get(list).await.text();
            for other in &spaces {
                assert_eq!(seen.contains(&other.name), other.name == space.name, "{list}: {seen}");
            }
        }
        for other in spaces.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other) {
            for (method, path, body) in &other.own {
                let answer = world.call(method, path, body).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}: {}", answer.text());
                assert!(!answer.text().contains(&other.name), "{method} {path}: {}", answer.text());
            }
        }
    }
    // They are there all the same, for those whose they are: none was removed on the way.
    for space in &spaces {
        world.key.clone_from(&space.key);
        for (method, path, body) in &space.own {
            let answer = world.call(method, path, body).await;
            assert!(answer.status.is_success(), "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn nothing_is_delivered_across() {
    let mut world = World::new().await;
    let spaces = spaces(&mut world).await;
    // What was said while they were furnished: WhatsApp Gateway's takes every type.
    world.deliver.drain().await.unwrap();
    let told = world.sender.take_sent();
    let mut hosts: Vec<&str> = told.iter().filter_map(|sent| sent.uri.host()).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["one-live.example", "one-test.example", "two-live.example", "two-test.example"]);
    for space in &spaces {
        world.key.clone_from(&space.key);
        let event = |event_type: &str| {
            let project = &space.project;
            format!(r#"{{"type":"{event_type}","session_id":"s1","project_id":"{project}","payload":{{}}}}"#)
        };
        world.make("/api/v1/events", &event("stage_transition")).await;
        world.make("/api/v1/events", &event("conversation.completed")).await;
        world.post("/casey/v1/backend/webhooks/test", "").await;
        world.deliver.drain().await.unwrap();
        let mut hosts: Vec<String> = Vec::new();
        for sent in world.sender.take_sent() {
            assert_eq!(sent.uri.host(), Some(format!("{}.example", space.name).as_str()));
            hosts.push(sent.uri.path().to_owned());
        }
        hosts.sort();
        // Both projects of Sonzai; WhatsApp Gateway takes every type, tellcasey one of them and the test.
        assert_eq!(
            hosts,
            ["/casey", "/casey", "/molroo", "/sonzai", "/sonzai", "/whatsapp", "/whatsapp"],
            "of {}",
            space.name
        );
    }
}
