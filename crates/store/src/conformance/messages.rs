//! Messages of sessions and votes: what goes into one commit with events, and what reads back.

use std::sync::Arc;

use posthouse_types::limits::MESSAGE_BYTES_MAX;
use posthouse_types::{
    ActionId, EventId, EventRef, InboundId, Message, MessageId, PageRequest, Poll, Role, SessionId, Tokens,
    ToolCall, Vote,
};
use serde_json::json;

use super::build::{DAY_S, World, at, first, idempotency, message, ok, session, text, ulid, vote, walk};
use crate::{Acceptance, Change, PAGE_BYTES_MAX, SessionRecord, Store};

fn s() -> SessionId {
    text("s")
}

fn poll(question: &str) -> Poll {
    let options = ["Käse", "b", "c \"'"].map(str::to_owned).to_vec();
    Poll::new(question, options, true).expect("the poll is valid")
}

/// A space with the session `s` registered, and a poll in it.
async fn polled(store: &Arc<dyn Store>) -> (World, MessageId) {
    let world = World::new(store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let asked = Message { poll: Some(poll("Which?")), ..message(world.space, "s", at(0)) };
    let id = asked.id;
    world.change(vec![Change::Message(asked)]).await;
    (world, id)
}

impl World {
    /// Voters and what they have selected, in order.
    async fn selected(&self, message: MessageId) -> Vec<(String, Vec<String>)> {
        let votes = ok(self.store.votes(self.space, message).await);
        votes.into_iter().map(|vote| (vote.voter, vote.selected)).collect()
    }

    /// All messages of the session `s`, newest first.
    async fn said(&self) -> Vec<Message> {
        walk(100, async |page| self.store.messages(self.space, &s(), page).await).await
    }
}

fn choice(voter: &str, selected: &[&str]) -> (String, Vec<String>) {
    (voter.to_owned(), selected.iter().map(|text| (*text).to_owned()).collect())
}

/// Messages read back exactly: roles, polls, any text.
pub async fn messages_read_back(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let plain = |second| message(world.space, "s", at(second));
    let made = [
        plain(1),
        Message { role: Role::Assistant, content: String::new(), ..plain(2) },
        Message { content: "'; -- \"%s\" $1\n\tZoë 🐎".to_owned(), ..plain(3) },
        Message { content: "é".repeat(MESSAGE_BYTES_MAX / 2), ..plain(4) },
        Message { poll: Some(poll("Which?")), content: "Which?".to_owned(), ..plain(5) },
        Message { delivery: Some(InboundId::from_u128(ulid(at(6)))), ..plain(6) },
        Message {
            tool_calls: vec![
                ToolCall { name: "a".to_owned(), arguments: json!({"x": ["é", 1.5, null]}), action: None },
                ToolCall {
                    action: Some(ActionId::from_u128(ulid(at(7)))),
                    arguments: json!(null),
                    name: "a".to_owned(),
                },
            ],
            tokens: Some(Tokens { input: 1 << 40, output: 0 }),
            ..plain(7)
        },
    ];
    world.change(made.iter().cloned().map(Change::Message).collect()).await;
    for made in &made {
        let read = ok(store.message(world.space, &s(), made.id).await);
        assert!(read.as_ref() == Some(made), "read by id: {read:?}");
    }
    let mut listed = world.said().await;
    listed.reverse();
    assert!(listed == made, "read from the list: {listed:?}");
    assert_eq!(ok(store.message(world.space, &s(), MessageId::MAX).await), None, "no such message");
}

/// Messages are listed newest first, and pages join without gap or repeat.
pub async fn messages_are_listed_newest_first(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let empty = ok(store.messages(world.space, &s(), first(10)).await);
    assert_eq!((empty.items, empty.next), (vec![], None), "nothing was said yet");
    let mut all = Vec::new();
    for second in 0..11 {
        all.insert(0, message(world.space, "s", at(second)));
        world.change(vec![Change::Message(all[0].clone())]).await;
    }
    for limit in [1, 2, 5, 11, 12] {
        let read = walk(limit, async |page| store.messages(world.space, &s(), page).await).await;
        assert_eq!(read, all, "in pages of {limit}");
    }
    let after = async |id| {
        let page = PageRequest { limit: 100, after: Some(id) };
        ok(store.messages(world.space, &s(), page).await).items
    };
    assert_eq!(after(MessageId::MAX).await, all, "nothing is newer than MAX");
    assert_eq!(after(MessageId::MIN).await, [], "nothing is older than MIN");
    let between = MessageId::from_u128(all[3].id.as_u128() - 1);
    assert_eq!(after(between).await, all[4..], "a cursor need not be a stored id");
}

/// A session has its own messages, and so has the session of that name in another space.
pub async fn messages_are_per_session_and_space(store: Arc<dyn Store>) {
    let (world, stranger) = (World::new(&store).await, World::new(&store).await);
    let id = MessageId::from_u128(ulid(at(1)));
    let mut made = Vec::new();
    for world in [&world.test_space(), &stranger, &world] {
        for name in ["s", "S", "t"] {
            ok(store.insert_session(session(world.space, name)).await);
            made.push(message(world.space, name, at(2)));
        }
        // Ids are per space, too.
        made.push(Message { id, ..message(world.space, "u", at(1)) });
        ok(store.insert_session(session(world.space, "u")).await);
        world.change(made.iter().rev().take(4).cloned().map(Change::Message).collect()).await;
        let choice = if world.space == stranger.space { "b" } else { "Käse" };
        world.change(vec![vote(id, "me", &[choice], None)]).await;
    }
    for made in &made {
        let listed = ok(store.messages(made.space, &made.session, first(10)).await).items;
        assert_eq!(listed, std::slice::from_ref(made), "each session has its own");
        for name in ["s", "S", "t", "u"] {
            let read = ok(store.message(made.space, &text(name), made.id).await);
            assert_eq!(read.is_some(), made.session == text(name), "it is of its session only");
        }
    }
    assert_eq!(world.selected(id).await, [choice("me", &["Käse"])], "votes are per space");
    assert_eq!(stranger.selected(id).await, [choice("me", &["b"])], "votes are per space");
    let unknown = World::new(&store).await.space;
    assert_eq!(ok(store.messages(unknown, &s(), first(10)).await).items, [], "a space with nothing");
    assert_eq!(ok(store.message(unknown, &s(), id).await), None, "a space with nothing");
    assert_eq!(ok(store.votes(unknown, id).await), [], "a space with nothing");
}

/// Long messages make short pages, and nothing is lost between them.
pub async fn pages_of_messages_are_bounded_by_bytes(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    ok(store.insert_session(session(world.space, "s")).await);
    let fitting = PAGE_BYTES_MAX / MESSAGE_BYTES_MAX;
    let content = "x".repeat(MESSAGE_BYTES_MAX);
    let made: Vec<_> = (0..2 * fitting)
        .map(|_| Message { content: content.clone(), ..message(world.space, "s", at(1)) })
        .collect();
    world.change(made.iter().cloned().map(Change::Message).collect()).await;
    let (mut listed, mut after) = (Vec::new(), None);
    for _ in 0..2 {
        let page = ok(store.messages(world.space, &s(), PageRequest { limit: 5 * fitting, after }).await);
        assert_eq!(page.items.len(), fitting, "as many as come to the bound");
        listed.extend(page.items.iter().map(|message| message.id));
        after = page.next;
    }
    assert_eq!(after, None, "that was all");
    listed.reverse();
    assert_eq!(listed, made.iter().map(|message| message.id).collect::<Vec<_>>(), "each is listed once");
}

/// An event and what was said are there together, in a session that they register; or neither is.
pub async fn a_message_and_its_event_are_one_commit(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let endpoint = world.endpoint().await;
    let said = message(world.space, "s", at(0));
    let draft = world.draft("message.created").named("mine").of_session("s").to(endpoint);
    let event = draft.event.id;
    let changes = vec![Change::Message(said.clone())];
    assert_eq!(world.publish_with(vec![draft], changes, None).await, Acceptance::New);
    assert_eq!(world.said().await, std::slice::from_ref(&said), "the message is there");
    assert_eq!(world.event_ids().await, [event], "and the event");
    assert_eq!(world.claim_ids(at(1)).await.len(), 1, "and its delivery");
    assert!(ok(store.session(world.space, &s()).await).is_some(), "and the session");

    let refused = vec![Change::Message(message(world.space, "s", at(1)))];
    let taken = vec![world.draft("t").named("mine")];
    assert_eq!(world.publish_with(taken, refused, None).await, Acceptance::DuplicateId(0));
    assert_eq!(world.said().await, [said], "what is not accepted says nothing");
}

/// A message does not get into a session that is not there, and takes its event with it.
pub async fn a_message_needs_its_session(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    ok(store.insert_session(session(world.test_space().space, "s")).await);
    let draft = world.draft("t").of_session("other").to(world.endpoint().await);
    let change = Change::Message(message(world.space, "s", at(0)));
    assert_eq!(world.publish_with(vec![draft], vec![change], None).await, Acceptance::Stale);
    assert_eq!(world.event_ids().await, [], "no event was written");
    assert_eq!(world.claim_ids(at(1)).await, [], "no delivery was written");
    assert_eq!(ok(store.session(world.space, &text("other")).await), None, "no session was registered");
    ok(store.insert_session(session(world.space, "s")).await);
    assert_eq!(world.said().await, [], "no message was written");
}

/// Votes read back exactly, also those taken back, in the order of the voters' bytes.
pub async fn votes_read_back(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    assert_eq!(ok(store.votes(world.space, poll).await), [], "nobody has voted yet");
    let made: Vec<_> = ["B", "a", "a b", "aa", "b'\"%", "é", "日"]
        .into_iter()
        .zip([&["Käse"][..], &["b", "c \"'"], &[], &["Käse", "b", "c \"'"], &["b"], &[], &["b"]])
        .zip(1..)
        .map(|((voter, selected), second)| Vote {
            voter: voter.to_owned(),
            selected: selected.iter().map(|text| (*text).to_owned()).collect(),
            event: EventId::from_u128(ulid(at(second))),
            updated_at: at(second),
        })
        .collect();
    for vote in made.iter().rev() {
        world.change(vec![Change::Vote { message: poll, vote: vote.clone(), previous: None }]).await;
    }
    assert_eq!(ok(store.votes(world.space, poll).await), made);
    assert_eq!(ok(store.votes(world.space, MessageId::MAX).await), [], "no such poll");
}

/// A vote takes the place of the voter's former one, in its own poll only.
pub async fn votes_replace(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let other = Message { id: MessageId::from_u128(ulid(at(1))), ..message(world.space, "s", at(1)) };
    world.change(vec![Change::Message(other.clone())]).await;
    world.change(vec![vote(other.id, "me", &["b"], None), vote(poll, "you", &["b"], None)]).await;
    world.change(vec![vote(poll, "me", &["Käse"], None)]).await;
    world.change(vec![vote(poll, "me", &["Käse", "b"], Some(&["Käse"]))]).await;
    world.change(vec![vote(poll, "me", &[], Some(&["Käse", "b"]))]).await;
    assert_eq!(world.selected(poll).await, [choice("me", &[]), choice("you", &["b"])], "it is taken back");
    world.change(vec![vote(poll, "me", &["b"], Some(&[]))]).await;
    assert_eq!(world.selected(poll).await, [choice("me", &["b"]), choice("you", &["b"])], "and cast anew");
    assert_eq!(world.selected(other.id).await, [choice("me", &["b"])], "the other poll's is left alone");
}

/// A vote and the event that tells of it are there together.
pub async fn a_vote_and_its_event_are_one_commit(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let draft = world.draft("poll.vote").of_session("s").to(world.endpoint().await);
    let event = draft.event.id;
    let changes = vec![vote(poll, "me", &["b"], None)];
    let answer = world.publish_with(vec![draft], changes, idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(answer, Acceptance::New);
    assert_eq!(world.selected(poll).await, [choice("me", &["b"])], "the vote is there");
    assert!(ok(store.event(world.space, &EventRef::Internal(event)).await).is_some(), "and the event");
    assert_eq!(world.claim_ids(at(1)).await.len(), 1, "and its delivery");
    assert!(ok(store.answered(world.space, None, &text("k")).await).is_some(), "and the answer");
}

/// A vote that is not what its change says it was undoes the whole accept.
pub async fn a_stale_vote_writes_nothing(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let endpoint = world.endpoint().await;
    world.change(vec![vote(poll, "me", &["Käse", "b"], None), vote(poll, "gone", &[], None)]).await;
    let before = (world.selected(poll).await, world.said().await);
    let stale: [(&str, Option<&[&str]>); 7] = [
        ("me", None),
        ("me", Some(&[])),
        ("me", Some(&["Käse"])),
        ("me", Some(&["b", "Käse"])),
        ("gone", None),
        ("new", Some(&[])),
        ("new", Some(&["b"])),
    ];
    for (voter, previous) in stale {
        let draft = world.draft("poll.vote").of_session("new").to(endpoint);
        let changes = vec![
            Change::Message(message(world.space, "s", at(1))),
            vote(poll, "other", &["b"], None),
            vote(poll, voter, &["b"], previous),
        ];
        let answer = world.publish_with(vec![draft], changes, idempotency("k", 1, at(DAY_S))).await;
        assert_eq!(answer, Acceptance::Stale, "{voter} had no {previous:?}");
    }
    assert_eq!((world.selected(poll).await, world.said().await), before, "votes and messages are as before");
    assert_eq!(world.event_ids().await, [], "no event was written");
    assert_eq!(world.claim_ids(at(1)).await, [], "no delivery was written");
    assert_eq!(ok(store.session(world.space, &text("new")).await), None, "no session was registered");
    assert_eq!(ok(store.answered(world.space, None, &text("k")).await), None, "no answer was kept");
}

/// A poll that is not there, or in another space, takes no votes.
pub async fn a_vote_needs_its_message(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let (other, _) = polled(&store).await;
    for (world, message) in [(&world, MessageId::MAX), (&other, poll), (&world.test_space(), poll)] {
        let changes = vec![vote(message, "me", &["b"], None)];
        let answer = world.publish_with(vec![world.draft("t")], changes, None).await;
        assert_eq!(answer, Acceptance::Stale, "{message} is not in {:?}", world.space);
        assert_eq!(world.selected(message).await, [], "no vote was written");
        assert_eq!(world.event_ids().await, [], "no event was written");
    }
}

/// Of many who change a vote at once one finds it as it was.
pub async fn one_of_racing_votes_wins(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let rounds: [(&[&str], Option<&[&str]>); 2] = [(&["b"], None), (&["Käse"], Some(&["b"]))];
    for (selected, previous) in rounds {
        let racers: Vec<_> = (0..16)
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move {
                    let changes = vec![vote(poll, "me", selected, previous)];
                    world.publish_with(vec![world.draft("t")], changes, None).await
                })
            })
            .collect();
        let mut new = 0;
        for racer in racers {
            match racer.await.expect("a voter does not panic") {
                Acceptance::New => new += 1,
                other => assert_eq!(other, Acceptance::Stale, "the loser is told"),
            }
        }
        assert_eq!(new, 1, "one vote counts");
    }
    assert_eq!(world.event_ids().await.len(), 2, "and has its event");
}

/// Each change is checked against what those before it leave.
pub async fn changes_see_those_before_them(store: Arc<dyn Store>) {
    let (world, _) = polled(&store).await;
    let asked = Message { poll: Some(poll("And now?")), ..message(world.space, "new", at(1)) };
    let id = asked.id;
    let asks = || Change::Message(asked.clone());
    let refused = [
        vec![vote(id, "me", &["b"], None), asks()],
        vec![asks(), vote(id, "me", &["b"], None), vote(id, "me", &[], None)],
        vec![asks(), vote(id, "me", &["b"], None), vote(id, "me", &[], Some(&["Käse"]))],
    ];
    let events = || vec![world.draft("t").of_session("new")];
    for changes in refused {
        assert_eq!(world.publish_with(events(), changes, None).await, Acceptance::Stale);
        assert_eq!(ok(store.message(world.space, &text("new"), id).await), None, "no message was written");
        assert_eq!(world.selected(id).await, [], "no vote was written");
    }
    let changes = vec![
        asks(),
        vote(id, "me", &["b"], None),
        vote(id, "you", &["b"], None),
        vote(id, "me", &["Käse"], Some(&["b"])),
    ];
    assert_eq!(world.publish_with(events(), changes, None).await, Acceptance::New);
    assert_eq!(world.selected(id).await, [choice("me", &["Käse"]), choice("you", &["b"])]);
}

/// Whatever else speaks against an accept is said before its changes are looked at.
pub async fn changes_are_checked_last(store: Arc<dyn Store>) {
    let world = World::new(&store).await;
    let (one, two) = (world.project().await, world.project().await);
    ok(store.insert_session(SessionRecord { project: Some(one), ..session(world.space, "mine") }).await);
    assert_eq!(
        world.publish(vec![world.draft("t").named("taken")], idempotency("k", 1, at(DAY_S))).await,
        Acceptance::New
    );
    let stale = || vec![vote(MessageId::MAX, "me", &["b"], None)];
    let again = world.publish_with(vec![], stale(), idempotency("k", 1, at(DAY_S))).await;
    assert!(matches!(again, Acceptance::Replayed(_)), "the idempotency key: {again:?}");
    let reused = world.publish_with(vec![], stale(), idempotency("k", 2, at(DAY_S))).await;
    assert_eq!(reused, Acceptance::KeyReused, "the idempotency key");
    let taken = world.publish_with(vec![world.draft("t").named("taken")], stale(), None).await;
    assert_eq!(taken, Acceptance::DuplicateId(0), "external ids");
    let foreign = vec![world.draft("t").of_project(two).of_session("mine")];
    let foreign = world.publish_with(foreign, stale(), None).await;
    assert_eq!(foreign, Acceptance::SessionOfAnotherProject(0), "sessions of events");
}

/// Changes without events can be repeated like any accept, and are made once.
pub async fn repeated_changes_are_replayed(store: Arc<dyn Store>) {
    let (world, poll) = polled(&store).await;
    let changes = || vec![vote(poll, "me", &["b"], None), Change::Message(message(world.space, "s", at(1)))];
    let first = world.publish_with(vec![], changes(), idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(first, Acceptance::New);
    let again = world.publish_with(vec![], changes(), idempotency("k", 1, at(DAY_S))).await;
    assert_eq!(again, Acceptance::Replayed(vec![]), "the empty answer is remembered");
    let other = world.publish_with(vec![], changes(), idempotency("k", 2, at(DAY_S))).await;
    assert_eq!(other, Acceptance::KeyReused);
    assert_eq!((world.said().await.len(), world.selected(poll).await.len()), (2, 1), "all was done once");
    assert_eq!(world.event_ids().await, [], "no event was made up");
}

/// A session goes with its messages and their votes; those of others stay, and a new one of its name is empty.
pub async fn deleting_a_session_removes_its_messages(store: Arc<dyn Store>) {
    let (world, gone) = polled(&store).await;
    let (stranger, foreign) = polled(&store).await;
    ok(store.insert_session(session(world.space, "kept")).await);
    let kept = message(world.space, "kept", at(1));
    world.change(vec![Change::Message(kept.clone())]).await;
    world.change((0..5).map(|_| Change::Message(message(world.space, "s", at(2)))).collect()).await;
    for (world, message) in [(&world, gone), (&world, kept.id), (&stranger, foreign)] {
        let votes = ["me", "you"].map(|voter| vote(message, voter, &["b"], None));
        world.change(votes.to_vec()).await;
    }
    assert!(ok(store.delete_session(world.space, &s()).await), "it existed");
    assert_eq!(world.said().await, [], "its messages are gone");
    assert_eq!(ok(store.message(world.space, &s(), gone).await), None, "from every list");
    assert_eq!(world.selected(gone).await, [], "and their votes");
    let changes = vec![vote(gone, "me", &[], Some(&["b"]))];
    assert_eq!(world.publish_with(vec![], changes, None).await, Acceptance::Stale, "a late vote is told");
    let changes = vec![Change::Message(message(world.space, "s", at(3)))];
    assert_eq!(world.publish_with(vec![], changes, None).await, Acceptance::Stale, "a late message is told");

    world.accept(vec![world.draft("t").of_session("s")]).await;
    assert_eq!(world.said().await, [], "a new one of that name has none");
    assert_eq!(ok(store.message(world.space, &text("kept"), kept.id).await), Some(kept.clone()));
    assert_eq!(world.selected(kept.id).await.len(), 2, "another session keeps its votes");
    assert_eq!(stranger.selected(foreign).await.len(), 2, "another space keeps its votes");
    assert_eq!(stranger.said().await.len(), 1, "and its messages");
}
