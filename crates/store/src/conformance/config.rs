//! Tenants, keys, projects, sessions, event types.

use std::collections::BTreeSet;
use std::sync::Arc;

use posthouse_types::{
    AgentId, Capabilities, Capability, EventType, KeyId, PageRequest, ProjectId, SessionId, SourceId, Space,
    Timestamp,
};
use serde_json::json;

use super::build::{T0, World, at, first, ok, session, tenant, text, ulid, walk};
use crate::{
    Constraint, Counts, EventFilter, EventTypeRecord, KeyRecord, ProjectRecord, SessionRecord, Store,
    StoreError, Tenant,
};

/// A tenant is made once per name, and afterwards found.
pub async fn tenants_are_made_once(store: Arc<dyn Store>) {
    let made = tenant();
    assert_eq!(ok(store.ensure_tenant(made.clone()).await), made, "it is made as given");
    let again = Tenant { name: made.name.clone(), created_at: at(9), ..tenant() };
    assert_eq!(ok(store.ensure_tenant(again).await), made, "the second time it is found");
    let other = Tenant { created_at: at(5), ..tenant() };
    ok(store.ensure_tenant(other.clone()).await);
    assert_eq!(ok(store.tenants().await), [made, other], "all are listed, oldest first");
}

/// Nodes that start at the same time agree on the tenant.
pub async fn tenants_are_made_once_under_concurrency(store: Arc<dyn Store>) {
    let name = tenant().name;
    let nodes: Vec<_> = (0..8)
        .map(|_| {
            let (store, tenant) = (store.clone(), Tenant { name: name.clone(), ..tenant() });
            tokio::spawn(async move { ok(store.ensure_tenant(tenant).await) })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for node in nodes {
        ids.insert(node.await.expect("a node does not panic").id);
    }
    assert_eq!(ids.len(), 1, "everyone got the same tenant");
    assert_eq!(ok(store.tenants().await).len(), 1, "it exists once");
}

fn key(space: Space, digest: u8) -> KeyRecord {
    KeyRecord {
        id: KeyId::from_u128(ulid(T0)),
        space,
        project: None,
        name: text("CI – läuft"),
        capabilities: Capabilities::ALL,
        digest: [digest; 32],
        hint: format!("sk_live_…{digest:04}"),
        created_at: T0,
    }
}

/// Keys are found by digest, listed per tenant over both environments, and deleted by their tenant only.
pub async fn keys(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let first_made = key(world.space, 1);
    let limited = KeyRecord {
        project: Some(world.project().await),
        capabilities: [Capability::Read, Capability::Send].into_iter().collect(),
        created_at: at(1),
        ..key(world.test_space().space, 2)
    };
    let mine = [first_made, limited, key(world.space, 3)];
    let foreign = key(stranger.space, 4);
    for key in mine.iter().chain([&foreign]) {
        ok(store.insert_key(key.clone()).await);
        assert_eq!(
            ok(store.key_by_digest(&key.digest).await).as_ref(),
            Some(key),
            "found by digest, in full"
        );
    }
    assert_eq!(ok(store.key_by_digest(&[9; 32]).await), None, "no such key");

    let newest_first: Vec<_> = mine.iter().rev().cloned().collect();
    for limit in [1, 2, 3, 4] {
        let listed = walk(limit, async |page| store.keys(world.space.tenant, page).await).await;
        assert_eq!(listed, newest_first, "in pages of {limit}");
    }
    let tenant = world.space.tenant;
    assert_eq!(ok(store.delete_key(tenant, foreign.id).await), None, "a foreign key is out of reach");
    assert_eq!(
        ok(store.delete_key(tenant, mine[1].id).await).as_ref(),
        Some(&mine[1]),
        "the answer is the key"
    );
    assert_eq!(ok(store.delete_key(tenant, mine[1].id).await), None, "it is gone");
    assert_eq!(ok(store.key_by_digest(&mine[1].digest).await), None, "it opens nothing any more");
    assert_eq!(ok(store.keys(tenant, first(10)).await).items.len(), 2, "the others stay");
    assert_eq!(ok(store.key_by_digest(&foreign.digest).await), Some(foreign), "the foreign key stays");
}

/// Projects read back, are listed newest first, and belong to their space.
pub async fn projects(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let mut made = Vec::new();
    for (number, second) in [(9, 5), (3, 7), (5, 7), (7, 6), (1, 7)] {
        let record = ProjectRecord {
            id: ProjectId::from_bytes(&u128::to_be_bytes(number << 64)).expect("sixteen bytes are an id"),
            space: world.space,
            name: text(&format!("Projekt „{number}“")),
            created_at: at(second),
        };
        ok(store.insert_project(record.clone()).await);
        assert_eq!(ok(store.project(world.space, record.id).await).as_ref(), Some(&record), "reads back");
        made.push(record);
    }
    let again = store.insert_project(made[0].clone()).await;
    assert_eq!(again, Err(StoreError::Conflict(Constraint::ProjectId)), "its id is taken");
    for limit in [1, 2, 5, 6] {
        let listed = walk(limit, async |page| store.projects(world.space, page).await).await;
        let times: Vec<_> = listed.iter().map(|project| project.created_at).collect();
        assert_eq!(times, [7, 7, 7, 6, 5].map(at), "newest first in pages of {limit}");
        let ids: BTreeSet<_> = listed.iter().map(|project| project.id).collect();
        assert_eq!(ids.len(), 5, "none twice in pages of {limit}");
    }
    for other in [world.test_space(), stranger] {
        assert_eq!(ok(store.project(other.space, made[0].id).await), None, "a stranger can not read it");
        assert_eq!(ok(store.projects(other.space, first(10)).await).items, [], "nor list it");
        let same_id = ProjectRecord { space: other.space, ..made[0].clone() };
        ok(store.insert_project(same_id.clone()).await);
        assert_eq!(ok(store.project(other.space, made[0].id).await), Some(same_id), "its id is free there");
    }
}

/// Sessions read back, change and go; their ids are per space.
pub async fn sessions(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let id: SessionId = text("WA:+43/664~'x'%_");
    let mut record = SessionRecord {
        project: Some(world.project().await),
        label: "Zoë 🐎".to_owned(),
        metadata: [("a".to_owned(), json!([1, {"b": null}]))].into_iter().collect(),
        agent: Some(AgentId::from_u128(1)),
        source: Some(SourceId::from_u128(2)),
        updated_at: at(1),
        ..session(world.space, id.as_str())
    };
    ok(store.insert_session(record.clone()).await);
    assert_eq!(ok(store.session(world.space, &id).await).as_ref(), Some(&record), "reads back");
    let again = store.insert_session(session(world.space, id.as_str())).await;
    assert_eq!(again, Err(StoreError::Conflict(Constraint::SessionId)), "its id is taken");
    let conflict = ok(store.session(world.space, &id).await);
    assert_eq!(conflict.as_ref(), Some(&record), "a conflict changes nothing");
    for other in [world.test_space(), stranger] {
        assert_eq!(ok(store.session(other.space, &id).await), None, "a stranger does not see it");
        assert!(!ok(store.update_session(session(other.space, id.as_str())).await), "nor change it");
        assert!(!ok(store.delete_session(other.space, &id).await), "nor delete it");
        ok(store.insert_session(session(other.space, id.as_str())).await);
    }

    record.label = String::new();
    record.metadata = [("b".to_owned(), json!(2))].into_iter().collect();
    record.agent = Some(AgentId::from_u128(3));
    record.updated_at = at(60);
    let update = SessionRecord { project: None, source: None, created_at: at(59), ..record.clone() };
    assert!(ok(store.update_session(update).await), "it exists");
    let read = ok(store.session(world.space, &id).await);
    assert_eq!(read.as_ref(), Some(&record), "label, metadata, agent and time are replaced, nothing else");

    assert!(ok(store.delete_session(world.space, &id).await), "it existed");
    assert!(!ok(store.delete_session(world.space, &id).await), "it exists no more");
    assert_eq!(ok(store.session(world.space, &id).await), None, "it is gone");
    assert!(!ok(store.update_session(record).await), "what is gone can not be changed");
}

/// Sessions are listed newest first, all or of one project, and pages join.
pub async fn sessions_are_listed(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let project = world.project().await;
    for (id, second, project) in
        [("d", 1, None), ("b", 2, Some(project)), ("a", 2, None), ("c", 2, Some(project)), ("e", 3, None)]
    {
        let record = SessionRecord { project, created_at: at(second), ..session(world.space, id) };
        ok(store.insert_session(record).await);
    }
    let stranger = World::new(&store).await;
    ok(store.insert_session(session(stranger.space, "f")).await);
    for limit in [1, 2, 5, 6] {
        let read = async |page| store.sessions(world.space, None, page).await;
        let listed: Vec<(Timestamp, SessionId)> =
            walk(limit, read).await.into_iter().map(|session| (session.created_at, session.id)).collect();
        assert!(listed.is_sorted_by_key(|(made, _)| std::cmp::Reverse(*made)), "newest first: {listed:?}");
        let ids: BTreeSet<_> = listed.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!((ids.len(), listed.len()), (5, 5), "all, once, in pages of {limit}");

        let read = async |page| store.sessions(world.space, Some(project), page).await;
        let ids: BTreeSet<_> = walk(limit, read).await.into_iter().map(|session| session.id).collect();
        assert_eq!(ids, ["b", "c"].map(text).into(), "of one project, in pages of {limit}");
    }
    let unknown = ProjectId::from_bytes(&[7; 16]).expect("sixteen bytes are an id");
    let none = ok(store.sessions(world.space, Some(unknown), first(10)).await);
    assert_eq!(none.items, [], "of an unknown project");
}

/// An event registers the session it names, once, and leaves one alone that is registered.
pub async fn sessions_are_registered_by_events(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let project = world.project().await;
    let named = |id, second| world.draft_at("t", at(second)).of_session(id);
    let mut in_project = named("s2", 4);
    in_project.event.project = Some(project);
    world.accept(vec![named("s1", 3), in_project, named("s1", 5)]).await;
    world.accept(vec![named("s1", 8)]).await;
    let registered = |id, second| SessionRecord {
        created_at: at(second),
        updated_at: at(second),
        ..session(world.space, id)
    };
    let read = ok(store.session(world.space, &text("s1")).await);
    assert_eq!(read, Some(registered("s1", 3)), "registered by the first event that names it");
    let read = ok(store.session(world.space, &text("s2")).await);
    let expected = SessionRecord { project: Some(project), ..registered("s2", 4) };
    assert_eq!(read, Some(expected), "in the project of its event");

    let own = SessionRecord { label: "mine".to_owned(), ..session(world.space, "s3") };
    ok(store.insert_session(own.clone()).await);
    world.accept(vec![named("s3", 9)]).await;
    assert_eq!(ok(store.session(world.space, &text("s3")).await), Some(own), "it is left as it was");
    let other = ok(store.sessions(world.test_space().space, None, first(10)).await);
    assert_eq!(other.items, [], "no other space has a session now");
}

/// Events stay when their session is deleted; the next one registers it anew.
pub async fn events_outlive_their_session(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    world.accept(vec![world.draft_at("t", at(1)).of_session("s")]).await;
    assert!(ok(store.delete_session(world.space, &text("s")).await), "the event registered it");
    let events = ok(store.events(world.space, EventFilter::default(), first(10)).await).items;
    assert_eq!(events.len(), 1, "its event stays");
    assert_eq!(events[0].session, Some(text("s")), "and goes on naming it");
    world.accept(vec![world.draft_at("t", at(2)).of_session("s")]).await;
    let anew = ok(store.session(world.space, &text("s")).await).expect("it is registered again");
    assert_eq!(anew.created_at, at(2), "anew");
}

fn event_type(space: Space, name: &str, second: i64) -> EventTypeRecord {
    EventTypeRecord {
        space,
        event_type: text(name),
        description: format!("when {name} „happens“"),
        schema: Some(json!({"type": "object", "maximum": 1.5, "properties": {"é": {}}})),
        created_at: at(second),
        updated_at: at(second),
    }
}

/// Event types are put, replaced and listed by name, in the order of their bytes.
pub async fn event_types(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let put = event_type;
    let names = ["B", "a", "a-b", "a.b", "a.b.c", "aB", "a_b", "ab", "b"];
    for name in names.iter().rev() {
        let stored = ok(store.put_event_type(put(world.space, name, 1)).await);
        assert_eq!(stored, put(world.space, name, 1), "a new one is stored as it was put");
    }
    ok(store.put_event_type(put(stranger.space, "a", 1)).await);
    ok(store.put_event_type(put(world.test_space().space, "a", 1)).await);
    let replaced = EventTypeRecord { description: String::new(), schema: None, ..put(world.space, "a", 9) };
    let stored = ok(store.put_event_type(replaced.clone()).await);
    assert_eq!(
        stored,
        EventTypeRecord { created_at: at(1), ..replaced.clone() },
        "the answer is as stored: it is as old as before"
    );

    let mut expected = names.map(|name| put(world.space, name, 1));
    expected[1] = EventTypeRecord { created_at: at(1), ..replaced };
    for limit in [1, 4, 9, 10] {
        let listed = walk(limit, async |page| store.event_types(world.space, page).await).await;
        assert_eq!(listed, expected, "in full and in order, in pages of {limit}");
    }
    let after = PageRequest { limit: 2, after: Some(text::<EventType>("a.a")) };
    let page = ok(store.event_types(world.space, after).await);
    assert_eq!(page.items[0].event_type, text("a.b"), "a cursor need not be a stored name");
    let all = ok(store.all_event_types().await);
    assert_eq!(all.len(), 11, "matching loads those of all spaces");
    assert!(all.is_sorted_by_key(|it| &it.event_type), "by name");
    let own: Vec<_> = all.into_iter().filter(|it| it.space == world.space).collect();
    assert_eq!(own, expected, "in full");
}

/// What a space holds is counted, and nothing of any other.
pub async fn counts(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    assert_eq!(ok(store.counts(world.space).await), Counts::default(), "nothing yet");
    let mut digest = 0;
    for (world, count) in [(&world, 3), (&world.test_space(), 2), (&stranger, 1)] {
        for number in 0..count {
            digest += 1;
            ok(store.insert_key(key(world.space, digest)).await);
            world.project().await;
            ok(store.put_event_type(event_type(world.space, &format!("t{number}"), 1)).await);
            ok(store.put_event_type(event_type(world.space, "t0", 2)).await);
            world.endpoint().await;
        }
        let deleted = world.endpoint().await;
        assert!(ok(store.delete_endpoint(world.space, deleted).await), "it existed");
    }
    for (world, count) in [(&world, 3), (&world.test_space(), 2), (&stranger, 1)] {
        let (endpoints, projects, event_types, keys) = (count, count, count, count);
        let expected = Counts { endpoints, projects, event_types, keys, ..Counts::default() };
        assert_eq!(ok(store.counts(world.space).await), expected);
    }
}
