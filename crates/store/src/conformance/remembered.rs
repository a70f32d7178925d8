//! What is done once: changes of endpoints under an idempotency key, and tokens.

use std::sync::Arc;

use posthouse_types::{Endpoint, IdempotencyKey};

use super::build::{DAY_S, World, at, endpoint, ok, remember, text};
use crate::{Constraint, EndpointRecord, Remember, Result, Sealed, Store, StoreError};

const TAKEN: StoreError = StoreError::Conflict(Constraint::IdempotencyKey);

/// The fingerprint and the answer of [`remember`].
#[expect(clippy::unnecessary_wraps, reason = "it is what a store answers")]
fn answer(number: u8) -> Option<([u8; 32], Sealed)> {
    Some(([number; 32], Sealed(vec![number])))
}

/// The endpoint as changed at that moment.
fn changed(record: &EndpointRecord, seconds: i64) -> EndpointRecord {
    let mut record = record.clone();
    record.endpoint.settings.description = format!("changed after {seconds} s");
    record.endpoint.updated_at = at(seconds);
    record
}

/// What is remembered with a change comes back, whatever its bytes, before and after others.
pub async fn answers_are_remembered(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let key = |name: &str| text::<IdempotencyKey>(name);
    assert_eq!(ok(store.remembered(world.space, None, &key("made"), at(0)).await), None, "nothing yet");
    let record = endpoint(world.space);
    ok(store.insert_endpoint(record.clone(), Some(remember("made", 1, at(DAY_S)))).await);
    assert_eq!(ok(store.remembered(world.space, None, &key("made"), at(0)).await), answer(1), "of an insert");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let long = Remember { answer: Sealed(bytes.clone()), ..remember("it's\"x\";%_", 2, at(DAY_S)) };
    let updated = ok(store.update_endpoint(changed(&record, 1), false, Some(long)).await);
    assert!(updated.is_some(), "the endpoint exists");
    let read = ok(store.remembered(world.space, None, &key("it's\"x\";%_"), at(0)).await);
    assert!(read == Some(([2; 32], Sealed(bytes))), "of an update, in full");
    assert_eq!(ok(store.remembered(world.space, None, &key("made"), at(0)).await), answer(1), "it stays");
    assert_eq!(ok(store.remembered(world.space, None, &key("other"), at(0)).await), None, "no such key");
    assert_eq!(ok(store.answered(world.space, None, &key("made")).await), None, "a publish has its own keys");
}

/// A key of one project or space is none of another.
pub async fn answers_are_per_project_and_space(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let projects = [None, Some(world.project().await), Some(world.project().await)];
    let worlds = [world.test_space(), World::new(&store).await, world];
    let mut places = Vec::new();
    for (world, project) in worlds.iter().flat_map(|world| projects.map(|project| (world, project))) {
        let number = u8::try_from(places.len()).expect("there are few");
        let before = ok(store.remembered(world.space, project, &text("k"), at(0)).await);
        assert_eq!(before, None, "nothing yet under {project:?} in {:?}", world.space);
        let own = Remember { project, ..remember("k", number, at(DAY_S)) };
        ok(store.insert_endpoint(endpoint(world.space), Some(own)).await);
        places.push((world.space, project, number));
    }
    for (space, project, number) in places {
        let read = ok(store.remembered(space, project, &text("k"), at(0)).await);
        assert_eq!(read, answer(number), "each has its own answer");
    }
}

/// Under a key that was used nothing is written: no endpoint, no change of one, no answer.
pub async fn a_used_key_changes_nothing(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let kept = endpoint(world.space);
    ok(store.insert_endpoint(kept.clone(), Some(remember("k", 1, at(DAY_S)))).await);
    let refused = endpoint(world.space);
    let again = store.insert_endpoint(refused.clone(), Some(remember("k", 2, at(DAY_S)))).await;
    assert_eq!(again, Err(TAKEN), "an insert is refused");
    assert_eq!(ok(store.endpoint(world.space, refused.endpoint.id).await), None, "and leaves no endpoint");
    for seconds in [0, DAY_S - 1] {
        let again = Some(remember("k", 2, at(9 * DAY_S)));
        let again = store.update_endpoint(changed(&kept, seconds), true, again).await;
        assert_eq!(again, Err(TAKEN), "an update is refused");
    }
    assert_eq!(world.read_endpoint(kept.endpoint.id).await, kept, "and leaves the endpoint as it was");
    assert_eq!(
        ok(store.remembered(world.space, None, &text("k"), at(0)).await),
        answer(1),
        "the answer stays"
    );
    let stale = EndpointRecord { version: 9, ..kept.clone() };
    let again = store.update_endpoint(stale, false, Some(remember("k", 1, at(DAY_S)))).await;
    assert_eq!(again, Err(TAKEN), "the key is looked at before the version");
    ok(store.update_endpoint(changed(&kept, 1), false, Some(remember("l", 1, at(DAY_S)))).await);
}

/// An answer past its time is not read and stands in nobody's way, pruned or not.
pub async fn an_expired_answer_is_replaced(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let record = endpoint(world.space);
    ok(store.insert_endpoint(record.clone(), Some(remember("k", 1, at(60)))).await);
    let answer_of = async || ok(store.remembered(world.space, None, &text("k"), at(0)).await);
    let again = store.update_endpoint(changed(&record, 59), false, Some(remember("k", 2, at(90)))).await;
    assert_eq!(again, Err(TAKEN), "it is not yet past its time");
    let read_at = async |now| ok(store.remembered(world.space, None, &text("k"), at(now)).await);
    assert_eq!((read_at(59).await, read_at(60).await), (answer(1), None));
    let updated =
        ok(store.update_endpoint(changed(&record, 60), false, Some(remember("k", 2, at(90)))).await);
    assert!(updated.is_some(), "the endpoint exists");
    assert_eq!(answer_of().await, answer(2), "an update replaces it");
    let later = changed(&endpoint(world.space), 90);
    ok(store.insert_endpoint(later, Some(remember("k", 3, at(DAY_S)))).await);
    assert_eq!(answer_of().await, answer(3), "and so does an insert");
}

/// A change that comes to nothing leaves its key free.
pub async fn a_refused_change_remembers_nothing(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let record = endpoint(world.space);
    let answer = || Some(remember("k", 1, at(DAY_S)));
    assert_eq!(ok(store.update_endpoint(record.clone(), false, answer()).await), None, "there is none");
    ok(store.insert_endpoint(record.clone(), None).await);
    let stale = EndpointRecord { version: 9, ..record.clone() };
    assert_eq!(store.update_endpoint(stale, false, answer()).await, Err(StoreError::Stale));
    let space = World::new(&store).await.space;
    let foreign =
        EndpointRecord { endpoint: Endpoint { space, ..record.endpoint.clone() }, ..record.clone() };
    assert_eq!(ok(store.update_endpoint(foreign, false, answer()).await), None, "it is another's");
    assert_eq!(
        ok(store.remembered(space, None, &text("k"), at(0)).await),
        None,
        "nothing is remembered there"
    );
    assert_eq!(ok(store.remembered(world.space, None, &text("k"), at(0)).await), None, "nor here");
    ok(store.update_endpoint(changed(&record, 1), false, answer()).await).expect("the endpoint exists");
}

/// Sixteen equal changes at once: one is made.
pub async fn one_of_racing_changes_is_made(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let racers: Vec<_> = (0..16)
        .map(|number| {
            let world = world.clone();
            tokio::spawn(async move {
                let answer = remember("k", number, at(DAY_S));
                (number, world.store.insert_endpoint(endpoint(world.space), Some(answer)).await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        let (number, result): (u8, Result<()>) = racer.await.expect("an owner does not panic");
        match result {
            Ok(()) => winners.push(number),
            lost => assert_eq!(lost, Err(TAKEN), "the loser is told"),
        }
    }
    assert_eq!(winners.len(), 1, "one change is made");
    assert_eq!(ok(store.counts(world.space).await).endpoints, 1, "one endpoint was written");
    let read = ok(store.remembered(world.space, None, &text("k"), at(0)).await);
    assert_eq!(read, answer(winners[0]), "its answer is remembered");
}

/// A token is used up the first time, in its space only, whatever later uses say of its time.
pub async fn a_token_is_used_once(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let tokens = [[0; 32], [1; 32], std::array::from_fn(|index| if index == 31 { 2 } else { 0 })];
    for world in [world.test_space(), World::new(&store).await, world] {
        for token in tokens {
            assert!(ok(store.use_once(world.space, token, at(60)).await), "new in {:?}", world.space);
        }
        for (token, expires_at) in tokens.into_iter().zip([at(60), at(0), at(DAY_S)]) {
            assert!(!ok(store.use_once(world.space, token, expires_at).await), "used in {:?}", world.space);
        }
    }
}

/// Of many who use a token at once one is the first.
pub async fn a_token_is_used_once_under_concurrency(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let racers: Vec<_> = (0..32)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { ok(world.store.use_once(world.space, [7; 32], at(60)).await) })
        })
        .collect();
    let mut first = 0;
    for racer in racers {
        first += usize::from(racer.await.expect("a user does not panic"));
    }
    assert_eq!(first, 1, "one of them is the first");
}
