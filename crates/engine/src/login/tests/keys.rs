//! The key set: what is read of it, when it is fetched, and how often.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use http::Method;
use posthouse_egress::{AddressPolicy, Egress, EgressConfig, SendReport};
use posthouse_testkit::answer;
use posthouse_types::Outcome;
use serde_json::{Value, json};

use super::issuer::{KeyServer, SigningKey};
use super::{LoginOptions, Logins, World, options, seconds};
use crate::error::ErrorKind;

const UNKNOWN: &str = "the login is signed with a key that is not known, or no longer";
const UNNAMED: &str = "the login does not name its key (kid)";

impl World {
    /// A good token of this key, if it is one of P-256.
    fn token(&self, key: &SigningKey) -> String {
        key.token("ES256", &self.claims(json!({})))
    }

    fn fetches(&self) -> usize {
        self.server.take_asked().len()
    }

    async fn is_unavailable(&self, token: &str) -> bool {
        self.verify(token).await.is_err_and(|error| error.kind == ErrorKind::Unavailable)
    }
}

#[tokio::test]
async fn the_set_is_asked_for_as_configured_and_kept_for_ten_minutes() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let token = world.token(&key);
    assert!(world.verify(&token).await.is_ok());
    let asked = world.server.take_asked();
    let [request] = asked.as_slice() else { panic!("one fetch: {asked:?}") };
    assert_eq!((&request.method, request.body.len()), (&Method::GET, 0));
    assert_eq!(request.uri, "https://app.example/.well-known/jwks.json");
    assert_eq!(request.response_kept_bytes_max, 256 * 1024);

    world.clock.advance(seconds(599));
    assert!(world.verify(&token).await.is_ok());
    assert_eq!(world.fetches(), 0);
    world.clock.advance(seconds(1));
    assert!(world.verify(&token).await.is_ok());
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_works_at_once_and_one_that_is_gone_works_no_more() {
    let (old, new) = (SigningKey::p256("old"), SigningKey::p256("new"));
    let world = World::with([&old]);
    let (old_token, new_token) = (world.token(&old), world.token(&new));
    assert!(world.verify(&old_token).await.is_ok());
    assert_eq!(world.refusal(&new_token).await, UNKNOWN);

    world.server.publish([&old, &new]);
    assert!(world.verify(&new_token).await.is_ok());
    assert!(world.verify(&old_token).await.is_ok());
    assert_eq!(world.fetches(), 3);

    world.server.publish([&new]);
    world.clock.advance(seconds(600));
    assert!(world.verify(&new_token).await.is_ok());
    assert_eq!(world.refusal(&old_token).await, UNKNOWN);
    // The frontend withdraws all.
    world.server.publish([]);
    world.clock.advance(seconds(600));
    assert_eq!(world.refusal(&new_token).await, UNKNOWN);
}

#[tokio::test]
async fn the_name_of_the_key_may_be_left_out_when_there_is_one_only() {
    let (one, other) = (SigningKey::p256("one"), SigningKey::p256("other"));
    let world = World::with([&one]);
    let token = one.sign(&json!({ "alg": "ES256" }), &world.claims(json!({})));
    assert!(world.verify(&token).await.is_ok());
    let wrong = one.sign(&json!({ "alg": "EdDSA" }), &world.claims(json!({})));
    let another = "the login is signed with another algorithm than that of its key";
    assert_eq!(world.refusal(&wrong).await, another);

    let world = World::with([&one, &other]);
    assert_eq!(world.refusal(&token).await, UNNAMED);
    world.fetches();
    assert_eq!(world.refusal(&token).await, UNNAMED);
    assert_eq!(world.fetches(), 0, "there is nothing to look for");
}

#[tokio::test]
async fn keys_of_two_types_may_share_a_name() {
    let (rsa, p256) = (SigningKey::rsa("shared"), SigningKey::p256("shared"));
    let world = World::with([&rsa, &p256]);
    assert!(world.verify(&world.token(&p256)).await.is_ok());
    assert!(world.verify(&rsa.token("RS256", &world.claims(json!({})))).await.is_ok());
}

#[tokio::test]
async fn made_up_key_names_make_five_fetches_at_most() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let made_up = |index: usize| {
        let header = json!({ "alg": "ES256", "kid": format!("made-up-{index}") });
        key.sign(&header, &world.claims(json!({})))
    };
    for index in 0..200 {
        assert_eq!(world.refusal(&made_up(index)).await, UNKNOWN);
    }
    assert_eq!(world.fetches(), 5);
    assert!(world.verify(&world.token(&key)).await.is_ok(), "known keys go on working");
    world.clock.advance(seconds(2));
    for index in 0..200 {
        assert_eq!(world.refusal(&made_up(index)).await, UNKNOWN);
    }
    assert_eq!(world.fetches(), 2, "one more for each second");
}

#[tokio::test]
async fn without_any_keys_logins_are_unavailable_and_not_wrong() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let token = world.token(&key);
    world.server.go_down();
    for _ in 0..50 {
        assert!(world.is_unavailable(&token).await);
    }
    assert_eq!(world.fetches(), 5, "what is down is not asked by every login");
    world.server.publish([&key]);
    assert!(world.is_unavailable(&token).await);
    world.clock.advance(seconds(1));
    assert!(world.verify(&token).await.is_ok());
}

#[tokio::test]
async fn old_keys_are_used_for_an_hour_when_no_new_ones_come() {
    let (key, new) = (SigningKey::p256("k"), SigningKey::p256("new"));
    let world = World::with([&key]);
    let token = key.token("ES256", &world.claims(json!({ "exp": world.at(7200) })));
    assert!(world.verify(&token).await.is_ok());
    world.server.go_down();
    world.fetches();

    world.clock.advance(seconds(600));
    for _ in 0..20 {
        assert!(world.verify(&token).await.is_ok());
    }
    assert_eq!(world.fetches(), 1, "it is left alone for a while after it failed");
    world.clock.advance(seconds(10));
    assert!(world.verify(&token).await.is_ok());
    assert_eq!(world.fetches(), 1);
    assert_eq!(world.refusal(&world.token(&new)).await, UNKNOWN);

    world.clock.advance(seconds(3600 - 610 - 1));
    assert!(world.verify(&token).await.is_ok());
    world.clock.advance(seconds(1));
    assert!(world.is_unavailable(&token).await);
    world.server.publish([&key]);
    assert!(world.verify(&token).await.is_ok());
}

#[tokio::test]
async fn answers_that_are_no_key_set_change_nothing() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let token = world.token(&key);
    assert!(world.verify(&token).await.is_ok());
    let set = json!({ "keys": [key.jwk] }).to_string();
    let delivered = SendReport { response_body: set.into(), ..answer(Outcome::Delivered { status: 200 }) };
    let truncated = SendReport { response_truncated: true, ..delivered.clone() };
    let refused = SendReport { outcome: Outcome::Refused { status: 404 }, ..delivered };
    for report in [truncated, refused] {
        world.server.report(report.clone());
        world.clock.advance(seconds(610));
        assert!(world.verify(&token).await.is_ok(), "the old keys are used on");
        let fresh = World::with([]);
        fresh.server.report(report);
        assert!(fresh.is_unavailable(&token).await);
    }
    for document in ["", "[]", "{}", "{\"keys\":{}}", "<html>"] {
        let fresh = World::with([]);
        fresh.server.serve(document);
        assert!(fresh.is_unavailable(&token).await, "{document}");
    }
}

#[tokio::test]
async fn keys_that_can_not_be_used_are_skipped_and_the_others_are_not() {
    let good = SigningKey::p256("good");
    let short = {
        let jwk = SigningKey::rsa("short").jwk;
        let modulus = jwk["n"].as_str().unwrap();
        json!({ "kty": "RSA", "kid": "short", "n": &modulus[4..], "e": "AQAB" })
    };
    let mut keys: Vec<Value> = [
        SigningKey::p256("enc").with("use", "enc"),
        SigningKey::p256("ops").with("key_ops", json!(["sign"])),
        SigningKey::p256("alg").with("alg", "ES384"),
        SigningKey::p256("new-alg").with("alg", "ML-DSA-44"),
        SigningKey::p256("curve").with("crv", "P-384"),
        SigningKey::p256("koblitz").with("crv", "secp256k1"),
        SigningKey::p256("edwards").with("crv", "Ed25519"),
        SigningKey::p256("no-base64").with("x", "!"),
        SigningKey::p256("cut").with("x", "AAAA"),
        SigningKey::ed25519("other").with("crv", "X25519"),
        SigningKey::ed25519("cut").with("x", "AAAA"),
        SigningKey::p256("kid").with("kid", 1),
    ]
    .map(|key| key.jwk)
    .into();
    let secret = json!({ "kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0" });
    keys.extend([short, secret, json!({}), json!(null), json!("text"), json!({ "kty": "AKP" })]);
    keys.push(good.jwk.clone());
    let world = World::with([]);
    world.server.serve(json!({ "keys": keys }).to_string());
    // None of the others counts: the one that is left needs no name.
    let token = good.sign(&json!({ "alg": "ES256" }), &world.claims(json!({})));
    assert!(world.verify(&token).await.is_ok());
    for named in ["enc", "ops", "alg", "curve", "edwards", "cut", "short", "secret"] {
        let token = good.sign(&json!({ "alg": "ES256", "kid": named }), &world.claims(json!({})));
        assert_eq!(world.refusal(&token).await, UNKNOWN, "{named}");
    }
}

#[tokio::test]
async fn a_set_is_read_to_its_hundredth_key() {
    let (last, beyond) = (SigningKey::p256("100"), SigningKey::p256("101"));
    let world = World::with([]);
    let mut keys = vec![json!({ "kty": "AKP" }); 99];
    keys.extend([last.jwk.clone(), beyond.jwk.clone()]);
    world.server.serve(json!({ "keys": keys }).to_string());
    assert!(world.verify(&world.token(&last)).await.is_ok());
    assert_eq!(world.refusal(&world.token(&beyond)).await, UNKNOWN);
}

#[tokio::test]
async fn many_who_wait_share_one_fetch_even_when_the_first_hangs_up() {
    let key = SigningKey::p256("k");
    let world = Arc::new(World::with([&key]));
    let token = world.token(&key);
    let held = hold(&world.server).await;
    let verify = || {
        let (world, token) = (Arc::clone(&world), token.clone());
        tokio::spawn(async move { world.verify(&token).await.is_ok() })
    };
    let first = verify();
    while world.server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (0..20).map(|_| verify()).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.server.answers.add_permits(held);
    for other in others {
        assert!(other.await.unwrap());
    }
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn a_large_set_comes_whole_through_the_real_client() {
    let key = SigningKey::p256("k");
    let chain = "A".repeat(200 * 1024);
    let set =
        json!({ "keys": [SigningKey::p256("large").with("x5c", json!([chain])).jwk, key.jwk] }).to_string();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        assert_eq!(head.next().unwrap(), "GET /keys HTTP/1.1");
        head.by_ref().take_while(|line| !line.is_empty()).for_each(drop);
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{set}", set.len()).unwrap();
    });
    let policy = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    let egress =
        Egress::new(EgressConfig { policy, native_roots: false, ..EgressConfig::default() }).unwrap();
    let world = World::with([]);
    let options = LoginOptions { jwks_url: format!("http://{address}/keys").parse().unwrap(), ..options() };
    let logins = Logins::new(options, Arc::new(egress), world.clock.clone());
    assert!(logins.verify(&world.token(&key)).await.is_ok());
    server.join().unwrap();
}

/// Lets the server give no more answers; says how many it may be allowed again.
async fn hold(server: &KeyServer) -> usize {
    let all = server.answers.available_permits();
    server.answers.acquire_many(u32::try_from(all).unwrap()).await.unwrap().forget();
    all
}
