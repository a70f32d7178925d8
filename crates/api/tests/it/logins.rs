//! People's logins: which calls take one, whose webhooks it shows, and when it ends.

mod frontend;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, header};
use futures_util::StreamExt as _;
use posthouse_api::{ApiOptions, ServeOptions};
use posthouse_engine::{KeyLimit, Options};
use posthouse_types::{Capability, Environment};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use self::frontend::{Frontend, SigningKey, options};
use crate::stream::{PATIENCE, Socket, publish};
use crate::world::{Answer, World, request};

const WEBHOOKS: &str = "/whatsapp/api/v1/webhooks";
const TICKET: &str = "/whatsapp/api/v1/realtime/ticket";
const WEBHOOK: &str = r#"{"url": "https://example.com/wa"}"#;
/// How far the frontend's clock may be off: a login is taken for so much longer.
const LEEWAY: Duration = Duration::from_secs(30);
/// After this a login for a minute is still good, and a millisecond later no more.
const ALMOST_TO_ITS_END: Duration = Duration::from_millis(89_999);
/// How long what is known of a login, or of a key, is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// How long an organization is believed to be none.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// Calls with a login, or with a key.
async fn call(world: &World, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let mut request = request(token, Method::from_bytes(method.as_bytes()).unwrap(), path);
    if !body.is_empty() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    world.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn list(world: &World, token: &str) -> Answer {
    call(world, token, "GET", WEBHOOKS, "").await
}

/// The webhooks that a login, or a key, sees.
async fn seen(world: &World, token: &str) -> Value {
    let answer = list(world, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

/// Makes a webhook; as it is shown.
async fn webhook(world: &World, token: &str) -> Value {
    let answer = call(world, token, "POST", WEBHOOKS, WEBHOOK).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Status and code of an error, after checking its shape.
fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json", "{}", answer.text());
    let body = answer.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "details", "message"]);
    assert!(!text(&error["message"]).is_empty());
    assert_eq!(error["details"], json!({}));
    (answer.status.as_u16(), text(&error["code"]))
}

fn unauthorized() -> (u16, String) {
    (401, "unauthorized".to_owned())
}

fn forbidden() -> (u16, String) {
    (403, "forbidden".to_owned())
}

fn rate_limited() -> (u16, String) {
    (429, "rate_limited".to_owned())
}

/// A key may make one request per second.
fn one_per_second() -> Options {
    let one = NonZeroU32::MIN;
    Options { key_limit: KeyLimit { per_second: one, burst: one }, ..Options::default() }
}

/// Serves on a port of the machine.
async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = world.stop.subscribe();
    tokio::spawn(posthouse_api::serve(listener, world.router.clone(), stop, ServeOptions::default()));
    address
}

async fn ticket(world: &World, token: &str) -> String {
    let answer = call(world, token, "POST", TICKET, "").await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    text(&answer.json()["ticket"])
}

async fn open(at: SocketAddr, ticket: &str) -> Result<Socket, WsError> {
    let url = format!("ws://{at}/whatsapp/api/v1/realtime?ticket={ticket}");
    tokio_tungstenite::connect_async(url).await.map(|(socket, _)| socket)
}

/// The status with which a ticket is refused.
async fn refused(at: SocketAddr, ticket: &str) -> u16 {
    match open(at, ticket).await {
        Err(WsError::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

/// What comes next over a socket: the id of an event, or how the server closes.
async fn next(socket: &mut Socket) -> Result<String, CloseCode> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => {
                return Ok(self::text(&serde_json::from_str::<Value>(&text).unwrap()["id"]));
            }
            Message::Close(frame) => return Err(frame.unwrap().code),
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_login_makes_is_its_tenants_and_nobody_elses() {
    let (world, frontend) = Frontend::with_world().await;
    let other = world.key_of("other", Environment::Live, &Capability::ALL).await;
    let (login, foreign) = (frontend.login(json!({})), frontend.login(json!({ "org": "other" })));
    let made = webhook(&world, &login).await;
    assert_eq!(made.get("secret"), None);
    for token in [&login, &world.key, &frontend.login(json!({ "sub": "user_2" }))] {
        assert_eq!(seen(&world, token).await, json!([made]));
    }
    let path = format!("{WEBHOOKS}/{}", text(&made["id"]));
    for token in [&other, &foreign] {
        assert_eq!(seen(&world, token).await, json!([]));
        for (method, body) in [("GET", ""), ("PATCH", "{}"), ("DELETE", "")] {
            let answer = call(&world, token, method, &path, body).await;
            assert_eq!(refusal(&answer), (404, "not_found".to_owned()), "{method}");
        }
    }
    let of_key = webhook(&world, &world.key).await;
    assert_eq!(seen(&world, &login).await, json!([of_key, made]));
    assert_eq!(call(&world, &login, "PATCH", &path, r#"{"active": false}"#).await.json()["active"], false);
    assert_eq!(call(&world, &login, "DELETE", &path, "").await.status, 204);
    assert_eq!(seen(&world, &world.key).await, json!([of_key]));
}

#[tokio::test]
async fn keys_of_either_type_sign_logins_and_are_fetched_once() {
    let (world, frontend) = Frontend::with_world().await;
    let others = [SigningKey::p256("p256"), SigningKey::ed25519("ed25519")];
    frontend.publish(&others);
    for key in &others {
        assert_eq!(seen(&world, &key.sign(&frontend.claims(json!({})))).await, json!([]));
    }
    assert_eq!(frontend.fetches(), 1);
    assert!(world.sender.take_sent().is_empty(), "keys do not come the way that deliveries go");
}

#[tokio::test]
async fn an_organization_is_a_tenant_by_name_or_by_id() {
    let (world, frontend) = Frontend::with_world().await;
    world.key_of("other", Environment::Live, &Capability::ALL).await;
    let made = webhook(&world, &world.key).await;
    let organization = text(&made["organizationId"]);
    let id = organization.replacen("org_", "ten_", 1);
    assert!(organization.starts_with("org_"), "{organization}");
    for claimed in ["acme", &organization, &id] {
        let login = frontend.login(json!({ "org": claimed }));
        assert_eq!(seen(&world, &login).await, json!([made]), "{claimed}");
        assert_eq!(webhook(&world, &login).await["organizationId"], organization, "{claimed}");
        assert_eq!(seen(&world, &world.key).await.as_array().unwrap().len(), 2);
        let newest = text(&seen(&world, &login).await[0]["id"]);
        assert_eq!(
            call(&world, &login, "DELETE", &format!("{WEBHOOKS}/{newest}"), "").await.status,
            204,
            "{claimed}"
        );
    }
    let cut = &organization[..organization.len() - 1];
    for claimed in ["Acme", " acme", "acme ", "org_acme", "ten_acme", "org_", cut, &format!("org_{id}")] {
        let login = frontend.login(json!({ "org": claimed }));
        assert_eq!(refusal(&list(&world, &login).await), unauthorized(), "{claimed}");
    }
}

#[tokio::test]
async fn a_tenant_named_like_the_id_of_another_does_not_get_it() {
    let (world, frontend) = Frontend::with_world().await;
    let real = webhook(&world, &world.key).await;
    let organization = text(&real["organizationId"]);
    for name in [organization.clone(), organization.replacen("org_", "ten_", 1)] {
        let impostor = world.key_of(&name, Environment::Live, &Capability::ALL).await;
        let own = webhook(&world, &impostor).await;
        assert_ne!(own["organizationId"], real["organizationId"]);
        assert_eq!(seen(&world, &frontend.login(json!({ "org": name }))).await, json!([real]), "{name}");
        // It is there by its own id.
        let login = frontend.login(json!({ "org": own["organizationId"] }));
        assert_eq!(seen(&world, &login).await, json!([own]), "{name}");
    }
    for name in ["org_01ARZ3NDEKTSV4RRFFQ69G5FAV", "ten_01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
        world.key_of(name, Environment::Live, &Capability::ALL).await;
        let answer = list(&world, &frontend.login(json!({ "org": name }))).await;
        assert_eq!(refusal(&answer), unauthorized(), "what looks like an id is nobody's name: {name}");
    }
}

#[tokio::test]
async fn a_tenant_that_comes_to_be_is_found_soon() {
    let (world, frontend) = Frontend::with_world().await;
    let login = frontend.login(json!({ "org": "late" }));
    assert_eq!(refusal(&list(&world, &login).await), unauthorized());
    let key = world.key_of("late", Environment::Live, &Capability::ALL).await;
    let made = webhook(&world, &key).await;
    world.clock.advance(UNKNOWN_FOR);
    assert_eq!(seen(&world, &login).await, json!([made]));
}

#[tokio::test]
async fn a_login_sees_the_environment_that_is_configured() {
    for environment in [Environment::Live, Environment::Test] {
        let login_options = frontend::LoginOptions { environment, ..options() };
        let started = Frontend::with(Options::default(), ApiOptions::default(), login_options);
        let (world, frontend) = started.await;
        let test = world.key_of("acme", Environment::Test, &Capability::ALL).await;
        let (in_live, in_test) = (webhook(&world, &world.key).await, webhook(&world, &test).await);
        let expected = if environment == Environment::Live { in_live } else { in_test };
        assert_eq!(seen(&world, &frontend.login(json!({}))).await, json!([expected]), "{environment}");
    }
}

#[tokio::test]
async fn a_role_says_what_a_login_may_do() {
    let (world, frontend) = Frontend::with_world().await;
    let owner = frontend.login(json!({}));
    let path = format!("{WEBHOOKS}/{}", text(&webhook(&world, &owner).await["id"]));
    let calls = [
        ("GET", WEBHOOKS, ""),
        ("POST", WEBHOOKS, WEBHOOK),
        ("GET", path.as_str(), ""),
        ("PATCH", path.as_str(), "{}"),
        ("DELETE", path.as_str(), ""),
    ];
    // The role is the login's, not the person's: everyone here is the same.
    let member = frontend.login(json!({ "role": "member" }));
    for role in [json!("member"), json!("stranger"), json!("Owner"), json!([]), Value::Null] {
        let login = frontend.login(json!({ "role": role }));
        for (method, path, body) in calls {
            let answer = call(&world, &login, method, path, body).await;
            assert_eq!(refusal(&answer), forbidden(), "{role} {method} {path}");
        }
        let answer = call(&world, &login, "POST", TICKET, "").await;
        if role == "member" {
            assert_eq!(answer.status, 201, "{}", answer.text());
        } else {
            assert_eq!(refusal(&answer), forbidden(), "{role}");
        }
    }
    assert_eq!(refusal(&list(&world, &member).await), forbidden());
    let several = frontend.login(json!({ "role": ["stranger", "member", "owner"] }));
    for login in [&owner, &several] {
        assert_eq!(seen(&world, login).await.as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_good_login_is_refused_in_the_dialects_shape() {
    let (world, frontend) = Frontend::with_world().await;
    let good = frontend.login(json!({}));
    let head = good.rsplit_once('.').unwrap().0;
    let stranger = SigningKey::ed25519("main").sign(&frontend.claims(json!({})));
    let begins = frontend.seconds_from_now(31);
    for (name, login) in [
        ("an unknown organization", frontend.login(json!({ "org": "nobody" }))),
        ("no organization", frontend.login(json!({ "org": null }))),
        ("another issuer", frontend.login(json!({ "iss": "https://evil.example" }))),
        ("another audience", frontend.login(json!({ "aud": "another" }))),
        ("no audience", frontend.login(json!({ "aud": null }))),
        ("no subject", frontend.login(json!({ "sub": null }))),
        ("expired", frontend.login(json!({ "exp": frontend.seconds_from_now(-30) }))),
        ("without an end", frontend.login(json!({ "exp": null }))),
        ("not valid yet", frontend.login(json!({ "nbf": begins }))),
        ("another key by this name", stranger),
        ("no signature", format!("{head}.")),
        ("one part too many", format!("{good}.")),
        ("no token", "a.b.c".to_owned()),
    ] {
        for (method, path) in [("GET", WEBHOOKS), ("POST", TICKET)] {
            let answer = call(&world, &login, method, path, "").await;
            assert_eq!(refusal(&answer), unauthorized(), "{name}");
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer", "{name}");
            assert!(!answer.text().contains(&login), "{name}");
        }
    }
    assert_eq!(list(&world, &good).await.status, 200);
}

#[tokio::test]
async fn a_login_ends_when_it_says_so() {
    let (world, frontend) = Frontend::with_world().await;
    let login = frontend.login(json!({ "exp": frontend.seconds_from_now(60) }));
    world.clock.advance(ALMOST_TO_ITS_END);
    assert_eq!(list(&world, &login).await.status, 200);
    // It is not believed for the second that it would be otherwise.
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(refusal(&list(&world, &login).await), unauthorized());
}

#[tokio::test]
async fn logins_are_taken_by_this_dialect_only_and_as_a_bearer_token_only() {
    let (world, frontend) = Frontend::with_world().await;
    let login = frontend.login(json!({}));
    let session = world.make("/api/v1/sessions", "{}").await;
    for path in [
        "/api/v1/endpoints",
        "/api/v1/events",
        "/api/v1/keys",
        "/api/v1/stream",
        &format!("/molroo/v1/webhook/{session}"),
        "/sonzai/api/v1/webhooks",
        "/casey/v1/backend/webhooks",
    ] {
        // Believed where it is taken, and nowhere else for that.
        assert_eq!(list(&world, &login).await.status, 200);
        assert_eq!(call(&world, &login, "GET", path, "").await.status, 401, "{path}");
        if path != "/api/v1/stream" {
            assert_eq!(call(&world, &world.key, "GET", path, "").await.status, 200, "{path}");
        }
    }
    for (name, value, expected) in [
        ("authorization", format!("Bearer {login}"), 200),
        ("authorization", login.clone(), 401),
        ("x-api-key", login.clone(), 401),
        ("x-api-key", world.key.clone(), 200),
    ] {
        let request = Request::builder().uri(WEBHOOKS).header(name, value);
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, expected, "{name}: {}", answer.text());
        if expected == 401 {
            assert_eq!(refusal(&answer), unauthorized(), "{name}");
        }
    }
}

#[tokio::test]
async fn without_a_frontend_nobody_logs_in() {
    let (_, frontend) = Frontend::with_world().await;
    let world = World::new().await;
    assert_eq!(refusal(&list(&world, &frontend.login(json!({}))).await), unauthorized());
    assert_eq!(frontend.fetches(), 0);
}

#[tokio::test]
async fn a_new_signing_key_is_taken_at_once_and_the_old_one_no_more() {
    let (world, frontend) = Frontend::with_world().await;
    let (used, unused) = (frontend.login(json!({})), frontend.login(json!({ "sub": "user_2" })));
    assert_eq!(list(&world, &used).await.status, 200);
    let new = SigningKey::p256("new");
    let login = new.sign(&frontend.claims(json!({})));
    assert_eq!(refusal(&list(&world, &login).await), unauthorized(), "it is not published yet");
    frontend.publish([&new]);
    assert_eq!(frontend.fetches(), 2);
    assert_eq!(list(&world, &login).await.status, 200);
    assert_eq!(frontend.fetches(), 1);
    assert_eq!(refusal(&list(&world, &unused).await), unauthorized());
    world.clock.advance(BELIEVED_FOR);
    assert_eq!(refusal(&list(&world, &used).await), unauthorized());
    assert_eq!(list(&world, &login).await.status, 200);
}

#[tokio::test]
async fn while_no_keys_can_be_fetched_api_keys_work_and_logins_are_not_wrong() {
    let (world, frontend) = Frontend::with_world().await;
    frontend.go_down();
    let login = frontend.login(json!({}));
    assert_eq!(refusal(&list(&world, &login).await), (503, "unavailable".to_owned()));
    assert_eq!(list(&world, &world.key).await.status, 200);
    frontend.publish([&frontend.key]);
    assert_eq!(list(&world, &login).await.status, 200);
}

#[tokio::test]
async fn requests_are_counted_by_person_and_not_by_login() {
    let (world, frontend) = Frontend::with(one_per_second(), ApiOptions::default(), options()).await;
    world.key_of("other", Environment::Live, &Capability::ALL).await;
    let [first, second] = ["1", "2"].map(|id| frontend.login(json!({ "jti": id })));
    let others = [
        frontend.login(json!({ "sub": "user_2" })),
        frontend.login(json!({ "org": "other" })),
        world.key.clone(),
    ];
    assert_ne!(first, second);
    assert_eq!(list(&world, &first).await.status, 200);
    let answer = list(&world, &second).await;
    assert_eq!(refusal(&answer), rate_limited());
    assert_eq!(answer.headers[header::RETRY_AFTER], "1");
    // Neither does looking it up once more refill it.
    world.clock.advance(BELIEVED_FOR);
    assert_eq!(refusal(&list(&world, &first).await), rate_limited());
    for token in others {
        assert_eq!(list(&world, &token).await.status, 200, "another person, organization or key");
    }
}

#[tokio::test]
async fn streams_are_counted_by_person_too() {
    let api = ApiOptions { streams_per_key_max: 1, ..ApiOptions::default() };
    let (world, frontend) = Frontend::with(Options::default(), api, options()).await;
    let at = serve(&world).await;
    let login = |changed| frontend.login(changed);
    let _open = open(at, &ticket(&world, &login(json!({ "jti": "1" }))).await).await.unwrap();
    assert_eq!(refused(at, &ticket(&world, &login(json!({ "jti": "2" }))).await).await, 429);
    let _other = open(at, &ticket(&world, &login(json!({ "sub": "user_2" }))).await).await.unwrap();
}

/// A socket that a login opened a minute before its end; sockets are looked after this often.
async fn opened(keep_alive: Duration) -> (World, Socket) {
    let api = ApiOptions { stream_keep_alive: keep_alive, ..ApiOptions::default() };
    let (world, frontend) = Frontend::with(Options::default(), api, options()).await;
    let at = serve(&world).await;
    let exp = frontend.seconds_from_now(60);
    let login = frontend.login(json!({ "role": "member", "exp": exp }));
    let socket = open(at, &ticket(&world, &login).await).await.unwrap();
    (world, socket)
}

#[tokio::test]
async fn a_stream_ends_with_its_login() {
    let (world, mut socket) = opened(Duration::from_secs(3600)).await;
    publish(&world, "e0", "message").await;
    assert_eq!(next(&mut socket).await, Ok("e0".to_owned()));
    world.clock.advance(ALMOST_TO_ITS_END);
    publish(&world, "e1", "message").await;
    assert_eq!(next(&mut socket).await, Ok("e1".to_owned()));
    world.clock.advance(Duration::from_millis(1));
    publish(&world, "e2", "message").await;
    assert_eq!(next(&mut socket).await, Err(CloseCode::Policy), "what came later is not shown");
}

#[tokio::test]
async fn a_silent_stream_ends_with_its_login_too() {
    let (world, mut socket) = opened(Duration::from_millis(20)).await;
    publish(&world, "e0", "message").await;
    assert_eq!(next(&mut socket).await, Ok("e0".to_owned()));
    world.clock.advance(Duration::from_secs(60) + LEEWAY);
    assert_eq!(next(&mut socket).await, Err(CloseCode::Policy));
}

#[tokio::test]
async fn a_ticket_ends_with_its_login() {
    let (world, frontend) = Frontend::with_world().await;
    let at = serve(&world).await;
    let login = frontend.login(json!({ "exp": frontend.seconds_from_now(1) }));
    let (early, late) = (ticket(&world, &login).await, ticket(&world, &login).await);
    world.clock.advance(LEEWAY);
    let _open = open(at, &early).await.unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(refused(at, &late).await, 401);
}

#[tokio::test]
async fn a_stream_shows_the_events_of_the_logins_tenant() {
    let (mut world, frontend) = Frontend::with_world().await;
    let at = serve(&world).await;
    let own = std::mem::take(&mut world.key);
    let login = frontend.login(json!({}));
    let mut socket = open(at, &ticket(&world, &login).await).await.unwrap();
    world.key = world.key_of("other", Environment::Live, &Capability::ALL).await;
    publish(&world, "foreign", "message").await;
    world.key = world.key_of("acme", Environment::Test, &Capability::ALL).await;
    publish(&world, "of-test", "message").await;
    world.key = own;
    publish(&world, "own", "message").await;
    assert_eq!(next(&mut socket).await, Ok("own".to_owned()));
}
