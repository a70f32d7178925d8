//! A key that is limited to a project: everything of other projects, and of the tenant as a whole, is not there.

use serde_json::Value;

use crate::world::World;

/// What a project, or the tenant as a whole, has.
struct Own {
    endpoint: String,
    event: String,
    delivery: String,
    session: String,
}

impl Own {
    fn ids(&self) -> [&str; 4] {
        [&self.endpoint, &self.event, &self.delivery, &self.session]
    }
}

/// Two projects with a key each, and things of each and of none.
struct Divided {
    world: World,
    all: String,
    a: Own,
    b: Own,
    whole: Own,
    key_a: String,
    project_a: String,
    project_b: String,
}

/// Makes one of everything with the world's present key. Events of a project go to its own endpoints and to those
/// of the whole tenant; the delivery is the one to the endpoint made here.
async fn furnish(world: &World, name: &str) -> Own {
    let endpoint = world.endpoint().await;
    let session = world.make("/api/v1/sessions", &format!(r#"{{"id": "s-{name}"}}"#)).await;
    let event = world.make("/api/v1/events", r#"{"type": "t", "payload": 1}"#).await;
    let list = format!("/api/v1/deliveries?endpoint_id={endpoint}&event_id={event}");
    let deliveries = world.get(&list).await.json();
    let delivery = deliveries["data"][0]["id"].as_str().unwrap().to_owned();
    Own { endpoint, event, delivery, session }
}

async fn divided() -> Divided {
    let mut world = World::new().await;
    let all = world.key.clone();
    // The tenant's endpoint is first, so that it gets the events of both projects too.
    let whole = furnish(&world, "whole").await;
    let project_a = world.make("/api/v1/projects", r#"{"name": "a"}"#).await;
    let project_b = world.make("/api/v1/projects", r#"{"name": "b"}"#).await;
    let key_a = world.key_of_project(&project_a).await;
    let key_b = world.key_of_project(&project_b).await;
    world.key.clone_from(&key_a);
    let a = furnish(&world, "a").await;
    world.key.clone_from(&key_b);
    let b = furnish(&world, "b").await;
    world.key.clone_from(&key_a);
    Divided { world, all, a, b, whole, key_a, project_a, project_b }
}

#[tokio::test]
async fn a_project_key_sees_its_project_only() {
    let Divided { world, a, b, whole, project_b, .. } = divided().await;
    let mut seen = String::new();
    for list in ["events", "endpoints", "deliveries", "sessions", "projects"] {
        let answer = world.get(&format!("/api/v1/{list}?limit=500")).await;
        assert_eq!(answer.status, 200, "{list}");
        seen.push_str(&answer.text());
    }
    let explained = world.get(&format!("/api/v1/events/{}/explain", a.event)).await;
    seen.push_str(&explained.text());
    for id in a.ids() {
        assert!(seen.contains(id), "{id}");
    }
    for id in b.ids().into_iter().chain(whole.ids()).chain([project_b.as_str()]) {
        assert!(!seen.contains(id), "{id} in {seen}");
    }
    for foreign in [&b, &whole] {
        for path in [
            format!("events/{}", foreign.event),
            format!("events/{}/explain", foreign.event),
            format!("endpoints/{}", foreign.endpoint),
            format!("endpoints/{}/secret", foreign.endpoint),
            format!("deliveries/{}", foreign.delivery),
            format!("deliveries/{}/attempts", foreign.delivery),
            format!("sessions/{}", foreign.session),
            format!("stream?last_event_id={}", foreign.event),
        ] {
            let answer = world.get(&format!("/api/v1/{path}")).await;
            assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (404, "not-found"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_project_key_changes_its_project_only() {
    let Divided { world, b, whole, project_b, .. } = divided().await;
    for foreign in [&b, &whole] {
        for (method, path, body) in [
            ("PATCH", format!("endpoints/{}", foreign.endpoint), r#"{"enabled": false}"#),
            ("DELETE", format!("endpoints/{}", foreign.endpoint), ""),
            ("POST", format!("endpoints/{}/rotate-secret", foreign.endpoint), ""),
            ("POST", format!("endpoints/{}/test", foreign.endpoint), ""),
            ("POST", format!("deliveries/{}/replay", foreign.delivery), ""),
            ("PATCH", format!("sessions/{}", foreign.session), r#"{"label": "x"}"#),
            ("DELETE", format!("sessions/{}", foreign.session), ""),
        ] {
            let answer = world.call(method, &format!("/api/v1/{path}"), body).await;
            assert_eq!(answer.slug(), "not-found", "{method} {path}");
        }
    }
    for (path, body) in [
        ("endpoints", format!(r#"{{"url": "https://e.com", "project_id": "{project_b}"}}"#)),
        ("endpoints", format!(r#"{{"url": "https://e.com", "session_id": "{}"}}"#, b.session)),
        ("sessions", format!(r#"{{"project_id": "{project_b}"}}"#)),
        ("events", format!(r#"{{"type": "t", "payload": 1, "project_id": "{project_b}"}}"#)),
        ("keys", format!(r#"{{"name": "n", "capabilities": ["read"], "project_id": "{project_b}"}}"#)),
    ] {
        let answer = world.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!((answer.status.as_u16(), answer.slug().as_str()), (422, "invalid"), "{path} {body}");
    }
}

#[tokio::test]
async fn a_project_key_can_not_see_where_the_tenant_sends_its_events() {
    let Divided { mut world, all, a, whole, key_a, .. } = divided().await;
    // The event of project a went to the tenant's endpoint too.
    world.key.clone_from(&all);
    let path = format!("/api/v1/deliveries?endpoint_id={}&event_id={}", whole.endpoint, a.event);
    let hidden = world.get(&path).await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    world.key.clone_from(&key_a);
    assert_eq!(world.get(&path).await.json()["data"], serde_json::json!([]));
    let listed = world.get(&format!("/api/v1/deliveries?event_id={}", a.event)).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    for (method, path) in [
        ("GET", format!("deliveries/{hidden}")),
        ("GET", format!("deliveries/{hidden}/attempts")),
        ("POST", format!("deliveries/{hidden}/replay")),
    ] {
        let answer = world.call(method, &format!("/api/v1/{path}"), "").await;
        assert_eq!(answer.slug(), "not-found", "{method} {path}");
    }
    assert!(
        !world.get(&format!("/api/v1/events/{}/explain", a.event)).await.text().contains(&whole.endpoint)
    );
}

#[tokio::test]
async fn a_project_key_has_no_say_in_what_all_projects_share() {
    let Divided { mut world, all, key_a, project_a, .. } = divided().await;
    let put = world.call("PUT", "/api/v1/event-types/t", r#"{"schema": false}"#).await;
    let refused = [(403, "forbidden".to_owned()), (422, "invalid".to_owned())];
    let put = (put.status.as_u16(), put.slug());
    assert!(refused.contains(&put), "{put:?}");
    let made = world.post("/api/v1/projects", r#"{"name": "c"}"#).await;
    assert!(made.status.is_client_error(), "{}", made.text());
    let listed = world.get("/api/v1/keys").await.json();
    let keys = listed["data"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{listed}");
    assert_eq!(keys[0]["project_id"], project_a.as_str());
    world.key.clone_from(&all);
    let everyone = world.get("/api/v1/keys").await.json();
    let foreign = everyone["data"].as_array().unwrap().iter();
    let foreign: Vec<&Value> = foreign.filter(|key| key["project_id"] != project_a.as_str()).collect();
    assert_eq!(foreign.len(), 2);
    world.key.clone_from(&key_a);
    for key in foreign {
        let id = key["id"].as_str().unwrap();
        assert_eq!(world.call("DELETE", &format!("/api/v1/keys/{id}"), "").await.slug(), "not-found");
    }
    let environment = r#"{"name": "n", "capabilities": ["read"], "environment": "test"}"#;
    assert_eq!(world.post("/api/v1/keys", environment).await.slug(), "invalid");
    let made = world.post("/api/v1/keys", r#"{"name": "n", "capabilities": ["read"]}"#).await;
    assert_eq!(
        made.json()["project_id"],
        project_a.as_str(),
        "keys made by a project key are of its project"
    );
}
