//! Sources and agents: what is kept of them, who sees them, and what goes with them.

use std::collections::HashSet;
use std::sync::Arc;

use posthouse_types::{
    AgentId, AgentLimits, AuthMode, EndpointUrl, InboundId, InboundStatus, LlmProvider, Overrides,
    PageRequest, Runner, SessionMode, SourceId, SourceRef, SourceSettings, ToolPolicy, TypeFilter,
};

use super::build::{World, at, first, ok, text, ulid, walk};
use super::parcels::{agent, prune_nothing, source};
use crate::{AgentRecord, Counts, InboundFilter, Sealed, SourceRecord, Store, StoreError, TurnEnd};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn policy() -> ToolPolicy {
    ToolPolicy::new(texts(&["github_*"]), texts(&["github_merge_pr"])).expect("the policy is valid")
}

fn url(url: &str) -> EndpointUrl {
    EndpointUrl::parse(url).expect("the URL is valid")
}

/// Settings in which everything is said.
fn full() -> SourceSettings {
    SourceSettings {
        description: "Zoë's 🐎".to_owned(),
        auth_header: Some("x-token".to_owned()),
        events: TypeFilter::new(texts(&["push"]), texts(&["push.force"])).expect("the filter is valid"),
        event_header: Some("x-kind".to_owned()),
        session: SessionMode::NamedSession(Some("all".to_owned())),
        agent: Some(AgentId::from_u128(ulid(at(0)))),
        overrides: Overrides {
            model: Some("m".to_owned()),
            system_prompt_suffix: Some("Be brief.\n".to_owned()),
            tools: Some(policy()),
        },
        rate_limit_per_minute: 7,
        max_body_bytes: 8,
        allowed_cidrs: texts(&["10.0.0.0/8", "::1"]),
        dedup_by_body_s: 9,
        provider_url: Some(url("https://git.example/api")),
        prompt_template: Some("{a.b}".to_owned()),
        deliver_only: true,
        enabled: false,
        ..SourceSettings::new(text("Käse"), "github", AuthMode::GithubHmacSha256)
    }
}

/// Sources read back exactly, whatever their settings.
pub async fn source_settings_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let mut made = vec![full()];
    made.extend(AuthMode::ALL.iter().map(|&auth| SourceSettings::new(text("a"), "generic", auth)));
    for session in [SessionMode::PerDelivery, SessionMode::PerEntity, SessionMode::NamedSession(None)] {
        made.push(SourceSettings { session, ..full() });
    }
    let mut numbers = HashSet::new();
    for settings in made {
        let mut record = source(world.space);
        record.source.settings = settings;
        record.source.project = Some(world.project().await);
        record.source.updated_at = at(5);
        record.secrets = Sealed((0..=255).collect());
        record.source.number = ok(store.insert_source(record.clone()).await);
        assert!(numbers.insert(record.source.number), "each has a number of its own");
        assert_eq!(world.read_source(record.source.id).await, record);
        let by_number = SourceRef::Number(record.source.number);
        assert_eq!(ok(store.source(world.space, by_number).await), Some(record), "found by its number");
    }
    for unknown in [SourceRef::Id(SourceId::MAX), SourceRef::Number(u64::MAX), SourceRef::Number(0)] {
        assert_eq!(ok(store.source(world.space, unknown).await), None, "{unknown} is no source");
    }
}

/// Sources are listed newest first, pages join, and a cursor need not exist.
pub async fn sources_are_listed(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let stranger = World::new(&store).await.source().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, world.source().await);
    }
    for limit in [1, 2, 5, 6] {
        let listed = walk(limit, async |page| store.sources(world.space, page).await).await;
        let listed: Vec<_> = listed.iter().map(|record| record.source.id).collect();
        assert_eq!(listed, ids, "newest first in pages of {limit}");
    }
    let between = SourceId::from_u128(ids[1].as_u128() - 1);
    let page = PageRequest { limit: 10, after: Some(between) };
    let rest = ok(store.sources(world.space, page).await).items;
    assert_eq!(rest.len(), 3, "a cursor need not be a stored id");
    let all: HashSet<_> = ok(store.all_sources().await).into_iter().map(|record| record.source.id).collect();
    assert_eq!(all, ids.into_iter().chain([stranger]).collect(), "a node loads those of all spaces");
}

/// A change replaces what is its owner's, and nothing else.
pub async fn source_update_replaces(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.source().await;
    world.take_in(&world.parcel(id, at(3))).await;
    let before = world.read_source(id).await;
    let mut update = before.clone();
    update.source.settings = full();
    update.source.updated_at = at(60);
    update.secrets = Sealed(vec![9]);
    let expected = SourceRecord { version: before.version + 1, ..update.clone() };
    update.source.deliveries = 99;
    update.source.last_delivery_at = None;
    update.source.created_at = at(59);
    update.source.project = Some(world.project().await);
    assert_eq!(
        ok(store.update_source(update.clone()).await),
        Some(expected.clone()),
        "the answer is as stored"
    );
    assert_eq!(world.read_source(id).await, expected, "what it counts stays");
    assert_eq!(expected.source.deliveries, 1);

    assert_eq!(store.update_source(update).await, Err(StoreError::Stale), "its version has passed");
    let unknown = source(world.space);
    assert_eq!(ok(store.update_source(unknown).await), None, "there is none");
    assert_eq!(world.read_source(id).await, expected);
}

/// What a source counts is what it has taken on: requests that make work.
pub async fn sources_count_what_they_take_on(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (id, other) = (world.source().await, world.source().await);
    let counted = async || {
        let source = world.read_source(id).await.source;
        (source.deliveries, source.last_delivery_at)
    };
    assert_eq!(counted().await, (0, None));
    for second in [5, 9, 7] {
        world.take_in(&world.parcel(id, at(second))).await;
    }
    assert_eq!(counted().await, (3, Some(at(9))), "the last one is the latest");
    world.take_in(&world.parcel(id, at(20)).without_turn()).await;
    assert_eq!(counted().await, (3, Some(at(9))), "what makes no work is not counted");
    assert_eq!(world.read_source(other).await.source.deliveries, 0, "each has its own count");
    assert_eq!(world.read_source(id).await.version, 1, "counting is no change");
}

/// Nothing of a source is visible from another space, or can be changed from there.
pub async fn spaces_do_not_see_each_others_sources(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let id = world.source().await;
    let record = world.read_source(id).await;
    for other in [world.test_space(), World::new(&store).await] {
        for reference in [SourceRef::Id(id), SourceRef::Number(record.source.number)] {
            assert_eq!(ok(store.source(other.space, reference).await), None, "by {reference}");
        }
        assert_eq!(ok(store.sources(other.space, first(10)).await).items, []);
        let mut update = record.clone();
        update.source.space = other.space;
        assert_eq!(ok(store.update_source(update).await), None);
        assert!(!ok(store.delete_source(other.space, id).await));
        let parcel = other.parcel(id, at(1));
        assert_eq!(ok(store.arrive(parcel.arrival).await), crate::Arrived::NoSource, "nor does it receive");
    }
    assert_eq!(world.read_source(id).await, record);
}

/// A delivery of a deleted source is in no list, not even in that of its session.
async fn nothing_is_found(world: &World, source: SourceId, delivery: InboundId) {
    let (store, space) = (&world.store, world.space);
    assert_eq!(ok(store.inbound(space, delivery.into()).await), None);
    assert_eq!(ok(store.inbound_content(space, delivery).await), None);
    let all = InboundFilter::default;
    for filter in [
        all(),
        InboundFilter { source: Some(source), ..all() },
        InboundFilter { session: Some(text("s")), ..all() },
        InboundFilter { status: Some(InboundStatus::Failed), ..all() },
        InboundFilter { status: Some(InboundStatus::Failed), source: Some(source), ..all() },
    ] {
        for skip in [0, 1] {
            let listed = ok(store.inbound_list(space, filter.clone(), first(10), skip).await);
            assert_eq!((listed.items, listed.next), (vec![], None), "{filter:?}");
        }
    }
}

/// A deleted source is gone at once, from every list and count; its number is never given again.
pub async fn a_deleted_source_is_gone(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let kept = world.source().await;
    let id = world.source().await;
    let record = world.read_source(id).await;
    let delivery = world.arrive_in(id, "s", at(1)).await;
    world.work_off(at(1), TurnEnd::Failed("no".to_owned())).await;
    assert!(ok(store.delete_source(world.space, id).await), "it existed");
    assert!(!ok(store.delete_source(world.space, id).await), "it exists no more");
    for reference in [SourceRef::Id(id), SourceRef::Number(record.source.number)] {
        assert_eq!(ok(store.source(world.space, reference).await), None, "by {reference}");
    }
    let listed = ok(store.sources(world.space, first(10)).await).items;
    assert_eq!(listed.iter().map(|record| record.source.id).collect::<Vec<_>>(), [kept]);
    assert_eq!(ok(store.all_sources().await).len(), 1);
    assert_eq!(ok(store.update_source(record.clone()).await), None);
    assert_eq!(ok(store.counts(world.space).await).sources, 1);
    nothing_is_found(&world, id, delivery).await;
    world.prune_inbound(prune_nothing()).await;
    nothing_is_found(&world, id, delivery).await;
    let mut numbers = HashSet::from([record.source.number]);
    numbers.insert(world.read_source(kept).await.source.number);
    for _ in 0..2 {
        let number = ok(store.insert_source(source(world.space)).await);
        assert!(numbers.insert(number), "{number} is given a second time");
    }
}

/// Agents read back exactly, change, and go.
pub async fn agents(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let llm = |provider, base_url| Runner::Llm { provider, base_url };
    let mut runners = vec![
        Runner::Digest,
        Runner::Command { command: "claude".to_owned() },
        Runner::Http { url: url("https://a.example/") },
    ];
    runners.extend(LlmProvider::ALL.map(|provider| llm(provider, None)));
    runners.push(llm(LlmProvider::Openai, Some(url("https://llm.example/v1"))));
    let mut ids = Vec::new();
    for runner in runners {
        let mut record = agent(world.space);
        record.agent.project = Some(world.project().await);
        record.agent.settings.runner = runner;
        record.agent.settings.model = Some("m-1".to_owned());
        record.agent.settings.system_prompt = String::from("Du bist ein „Käse“.");
        record.agent.settings.tools = Some(policy());
        record.agent.settings.limits = AgentLimits { turns: 1, tokens: 2, seconds: 3 };
        record.agent.settings.approval = true;
        record.secrets = Sealed((0..=255).collect());
        ok(store.insert_agent(record.clone()).await);
        assert_eq!(ok(store.agent(world.space, record.agent.id).await), Some(record.clone()));
        ids.insert(0, record.agent.id);
    }
    for limit in [1, 3, 8, 9] {
        let listed = walk(limit, async |page| store.agents(world.space, page).await).await;
        let listed: Vec<_> = listed.iter().map(|record| record.agent.id).collect();
        assert_eq!(listed, ids, "newest first in pages of {limit}");
    }
    assert_eq!(ok(store.agent(world.space, AgentId::MAX).await), None);

    let before = ok(store.agent(world.space, ids[0]).await).expect("it exists");
    let mut update = before.clone();
    update.agent.settings = agent(world.space).agent.settings;
    update.agent.updated_at = at(60);
    update.secrets = Sealed(vec![9]);
    let expected = AgentRecord { version: before.version + 1, ..update.clone() };
    update.agent.created_at = at(59);
    update.agent.project = None;
    assert_eq!(ok(store.update_agent(update.clone()).await), Some(expected.clone()));
    assert_eq!(ok(store.agent(world.space, ids[0]).await), Some(expected));
    assert_eq!(store.update_agent(update.clone()).await, Err(StoreError::Stale), "its version has passed");

    assert!(ok(store.delete_agent(world.space, ids[0]).await), "it existed");
    assert!(!ok(store.delete_agent(world.space, ids[0]).await), "it exists no more");
    assert_eq!(ok(store.agent(world.space, ids[0]).await), None);
    assert_eq!(ok(store.update_agent(update).await), None);
    assert_eq!(ok(store.all_agents().await).len(), ids.len() - 1);
}

/// Nothing of an agent is visible from another space, or can be changed from there.
pub async fn spaces_do_not_see_each_others_agents(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let record = agent(world.space);
    let id = record.agent.id;
    ok(store.insert_agent(record.clone()).await);
    for other in [world.test_space(), World::new(&store).await] {
        assert_eq!(ok(store.agent(other.space, id).await), None);
        assert_eq!(ok(store.agents(other.space, first(10)).await).items, []);
        let mut update = record.clone();
        update.agent.space = other.space;
        assert_eq!(ok(store.update_agent(update).await), None);
        assert!(!ok(store.delete_agent(other.space, id).await));
    }
    assert_eq!(ok(store.all_agents().await), [record]);
}

/// Sources and agents are counted, those deleted not.
pub async fn sources_and_agents_are_counted(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    for (world, count) in [(&world, 3), (&world.test_space(), 2), (&stranger, 1)] {
        for _ in 0..count {
            world.source().await;
            ok(store.insert_agent(agent(world.space)).await);
        }
        let deleted = world.source().await;
        assert!(ok(store.delete_source(world.space, deleted).await), "it existed");
        let deleted = agent(world.space);
        ok(store.insert_agent(deleted.clone()).await);
        assert!(ok(store.delete_agent(world.space, deleted.agent.id).await), "it existed");
    }
    for (world, count) in [(&world, 3), (&world.test_space(), 2), (&stranger, 1)] {
        let expected = Counts { sources: count, agents: count, ..Counts::default() };
        assert_eq!(ok(store.counts(world.space).await), expected);
    }
}
