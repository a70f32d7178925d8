//! One event, five formats; and what goes with a format.

use posthouse_engine::{
    CreateEndpoint, CreateSession, ErrorKind, NewSecret, UpdateEndpoint, Verdict, message_id,
};
use posthouse_testkit::answer;
use posthouse_types::{
    DeliveryState, DisabledReason, Endpoint, EndpointUrl, EventRef, Headers, Outcome, SecretText, SessionId,
    Settings, Wire,
};
use serde_json::{Value, json};

use crate::world::World;

fn create(wire: Wire) -> CreateEndpoint {
    CreateEndpoint {
        settings: Settings::new(EndpointUrl::parse("https://example.com/hook").unwrap(), wire),
        project: None,
        session: None,
        secret: NewSecret::Make,
        headers: Headers::default(),
    }
}

async fn endpoint(world: &World, create: CreateEndpoint) -> Endpoint {
    world.engine.create_endpoint(&world.caller, create, None).await.unwrap().0.endpoint
}

#[tokio::test]
async fn one_event_reaches_endpoints_of_every_format_in_its_own() {
    let mut world = World::new().await;
    for wire in Wire::ALL {
        endpoint(&world, create(wire)).await;
    }
    let payload = r#"{"agent_id": "a1", "n": 1.50}"#;
    let event = world.publish_with("message.created", payload, |_| ()).await;
    assert_eq!(event.deliveries, 5);
    let sent = world.drain().await;
    let telling =
        ["webhook-signature", "x-molroo-signature", "sonzai-signature", "x-webhook-hmac", "svix-signature"];
    let inner = ["", "data", "data", "payload", "data"];
    let ids = ["", "id", "event_id", "id", "event_id"];
    let mut seen = Vec::new();
    for request in &sent {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let has = telling.map(|header| request.headers.contains_key(header));
        // tellcasey's deliveries carry the standard headers too.
        let kind = (0..5).rev().find(|index| has[*index]).unwrap();
        seen.push(kind);
        if kind == 0 {
            assert_eq!(request.body, payload);
            continue;
        }
        assert!(request.body.windows(payload.len()).any(|part| part == payload.as_bytes()), "byte for byte");
        assert_eq!(body[inner[kind]], json!({"agent_id": "a1", "n": 1.5}));
        assert_eq!(body[ids[kind]], event.id);
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn bodies_stay_the_same_on_every_attempt_and_are_shown_as_sent() {
    for wire in Wire::ALL {
        let mut world = World::new().await;
        endpoint(&world, create(wire)).await;
        world.sender.script([answer(Outcome::Refused { status: 500 })]);
        let event = world.publish_with("a", r#"{"x":1}"#, |_| ()).await;
        let (first, next) = world.drain_to().await;
        let wait = next.unwrap().since(posthouse_engine::Clock::now(&*world.clock));
        world.clock.advance(wait);
        let second = world.drain().await;
        assert_eq!(first[0].body, second[0].body, "{wire:?}");
        let delivery = world.delivery_of(&event).await;
        for detail in world.engine.attempts(&world.caller, delivery.id).await.unwrap() {
            assert_eq!(detail.request_body, first[0].body, "{wire:?}");
            assert_eq!((detail.attempt.wire, &*detail.attempt.url), (wire, "https://example.com/hook"));
        }
    }
}

#[tokio::test]
async fn what_was_sent_is_shown_although_the_endpoint_has_changed_since() {
    let mut world = World::new().await;
    let casey = endpoint(&world, create(Wire::Casey)).await;
    let event = world.publish("a").await;
    let sent = world.drain().await;
    let settings = |settings: &mut Settings| {
        settings.wire = Wire::Standard;
        settings.url = EndpointUrl::parse("https://example.org/").unwrap();
    };
    let update = UpdateEndpoint::settings(&settings);
    world.engine.update_endpoint(&world.caller, casey.id, update).await.unwrap();
    let delivery = world.delivery_of(&event).await;
    let attempts = world.engine.attempts(&world.caller, delivery.id).await.unwrap();
    assert_eq!(attempts[0].request_body, sent[0].body);
    assert_eq!(&*attempts[0].attempt.url, "https://example.com/hook");
}

#[tokio::test]
async fn a_format_keeps_secrets_that_are_none_of_its_own_out() {
    let world = World::new().await;
    let secret = NewSecret::Given(SecretText::new("not base64 at all".to_owned()));
    let molroo = endpoint(&world, CreateEndpoint { secret, ..create(Wire::Molroo) }).await;
    let to_standard = |settings: &mut Settings| settings.wire = Wire::Standard;
    let update = UpdateEndpoint::settings(&to_standard);
    let error = world.engine.update_endpoint(&world.caller, molroo.id, update).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::Invalid(fields) if fields[0].location == "body.wire"),
        "{error:?}"
    );
    let unsigned = CreateEndpoint { secret: NewSecret::Unsigned, ..create(Wire::Standard) };
    let error = world.engine.create_endpoint(&world.caller, unsigned, None).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::Invalid(fields) if fields[0].location == "body.secret"),
        "{error:?}"
    );
    let http = EndpointUrl::parse("http://example.com/").unwrap();
    let plain = CreateEndpoint { settings: Settings::new(http, Wire::Molroo), ..create(Wire::Molroo) };
    let error = world.engine.create_endpoint(&world.caller, plain, None).await.unwrap_err();
    assert!(
        matches!(&error.kind, ErrorKind::Invalid(fields) if fields[0].location == "body.url"),
        "{error:?}"
    );
}

#[tokio::test]
async fn gone_switches_off_where_the_format_says_so() {
    for (wire, state, reason) in [
        (Wire::Standard, DeliveryState::Dead, Some(DisabledReason::Gone)),
        (Wire::Whatsapp, DeliveryState::Pending, None),
    ] {
        let mut world = World::new().await;
        let id = endpoint(&world, create(wire)).await.id;
        world.sender.script([answer(Outcome::Refused { status: 410 })]);
        let event = world.publish("a").await;
        world.drain().await;
        assert_eq!(world.delivery_of(&event).await.state, state, "{wire:?}");
        assert_eq!(world.now_of(id).await.disabled_reason, reason, "{wire:?}");
    }
}

#[tokio::test]
async fn a_session_has_two_names_where_the_format_says_so() {
    let world = World::new().await;
    let session = |text: &str| SessionId::parse(text).unwrap();
    for id in ["s1", "sess_s2"] {
        let create = CreateSession { id: Some(session(id)), ..CreateSession::default() };
        world.engine.create_session(&world.caller, create).await.unwrap();
    }
    let limited = |wire, text| CreateEndpoint { session: Some(session(text)), ..create(wire) };
    let standard = endpoint(&world, limited(Wire::Standard, "s1")).await.id;
    let prefixed = endpoint(&world, limited(Wire::Whatsapp, "sess_s1")).await.id;
    let plain = endpoint(&world, limited(Wire::Whatsapp, "s2")).await.id;
    for (name, reached) in
        [("s1", [true, true, false]), ("sess_s1", [false, true, false]), ("sess_s2", [false, false, true])]
    {
        let event = world.publish_with("a", "{}", |publish| publish.session = Some(session(name))).await;
        let event: EventRef = event.id.parse().unwrap();
        let (_, explained) = world.engine.explain(&world.caller, &event).await.unwrap();
        let got = [standard, prefixed, plain]
            .map(|id| explained.iter().find(|row| row.endpoint == id).unwrap().verdict == Verdict::Waiting);
        assert_eq!(got, reached, "{name}");
    }
}

#[tokio::test]
async fn the_message_id_of_casey_is_the_same_for_every_endpoint_and_not_the_events() {
    let mut world = World::new().await;
    endpoint(&world, create(Wire::Casey)).await;
    endpoint(&world, create(Wire::Casey)).await;
    let event = world.publish("a").await;
    let EventRef::Internal(id) = event.id.parse().unwrap() else { panic!("an id of ours") };
    for request in world.drain().await {
        assert_eq!(request.headers["webhook-id"], message_id(id));
        assert_eq!(request.headers["svix-id"], message_id(id));
    }
}

#[tokio::test]
async fn a_replaced_secret_signs_no_more() {
    let mut world = World::new().await;
    let given = |text: &str| NewSecret::Given(SecretText::new(text.to_owned()));
    let first = CreateEndpoint { secret: given("first secret"), ..create(Wire::Whatsapp) };
    let id = endpoint(&world, first).await.id;
    let mut signature = async |secret| {
        let update = UpdateEndpoint { secret, ..UpdateEndpoint::settings(&|_| ()) };
        world.engine.update_endpoint(&world.caller, id, update).await.unwrap();
        world.publish("a").await;
        let sent = world.drain().await;
        sent[0].headers.get("x-webhook-hmac").map(|value| {
            let key = posthouse_sign::whatsapp::WhatsappKey::parse;
            let verifies = |secret: &str| {
                let key = key(secret).unwrap();
                posthouse_sign::whatsapp::verify(&[&key], value.to_str().unwrap(), &sent[0].body).is_ok()
            };
            [verifies("first secret"), verifies("second secret")]
        })
    };
    assert_eq!(signature(None).await, Some([true, false]));
    assert_eq!(signature(Some(given("second secret"))).await, Some([false, true]));
    assert_eq!(signature(Some(NewSecret::Unsigned)).await, None);
}
