//! One token at a time.

use posthouse_types::{Capability, Environment};
use ring::hmac;
use serde_json::{Value, json};

use super::issuer::{SigningKey, base64, message};
use super::{Login, World, capabilities, seconds};
use crate::clock::Clock as _;

#[tokio::test]
async fn every_accepted_algorithm_is_checked_with_its_key() {
    let (rsa, p256) = (SigningKey::rsa("rsa"), SigningKey::p256("p256"));
    let (p384, ed25519) = (SigningKey::p384("p384"), SigningKey::ed25519("ed25519"));
    let world = World::with([&rsa, &p256, &p384, &ed25519]);
    let claims = world.claims(json!({}));
    let rsa_algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|name| (&rsa, name));
    let others = [(&p256, "ES256"), (&p384, "ES384"), (&ed25519, "EdDSA")];
    for (key, algorithm) in rsa_algorithms.into_iter().chain(others) {
        let login = world.verify(&key.token(algorithm, &claims)).await.expect(algorithm);
        let expected = Login {
            subject: "user_1".to_owned(),
            organization: "org_1".to_owned(),
            capabilities: capabilities([Capability::Manage, Capability::Send, Capability::Read]),
            environment: Environment::Live,
            until: world.clock.now().plus(seconds(3630)),
        };
        assert_eq!(login, expected);
    }
    assert_eq!(world.server.take_asked().len(), 1, "one fetch for all of them");
}

#[tokio::test]
async fn roles_say_what_a_login_may_do() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let all = [Capability::Send, Capability::Read, Capability::Publish];
    for (role, expected) in [
        (json!("member"), capabilities([Capability::Send, Capability::Read])),
        (json!(["member", "robot"]), capabilities(all)),
        (json!(["member", "stranger"]), capabilities([Capability::Send, Capability::Read])),
        (json!("stranger"), capabilities([])),
        (json!([]), capabilities([])),
        (json!("Owner"), capabilities([])),
        (Value::Null, capabilities([])),
    ] {
        let token = key.token("ES256", &world.claims(json!({ "role": role })));
        assert_eq!(world.verify(&token).await.unwrap().capabilities, expected, "{role}");
    }
}

#[tokio::test]
async fn claims_are_found_by_name_or_by_pointer() {
    let key = SigningKey::p256("k");
    let world = World::new([&key], |options| {
        options.organization_claim = "/https:~1~1app.example~1context/organization".to_owned();
        options.role_claim = "app.example/roles".to_owned();
        options.environment = Environment::Test;
    });
    let token = key.token(
        "ES256",
        &world.claims(json!({
            "https://app.example/context": { "organization": "org_2" },
            "app.example/roles": ["robot"],
        })),
    );
    let login = world.verify(&token).await.unwrap();
    assert_eq!((login.organization.as_str(), login.environment), ("org_2", Environment::Test));
    assert_eq!(login.capabilities, capabilities([Capability::Publish]));
    let token = key.token("ES256", &world.claims(json!({})));
    let lacking = "the login lacks /https:~1~1app.example~1context/organization";
    assert_eq!(world.refusal(&token).await, lacking);
}

#[tokio::test]
async fn claims_that_are_missing_wrong_or_of_the_wrong_type_are_refused() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let lists = "of the login is not a text or an array of texts";
    for (changed, reason) in [
        (json!({ "iss": "https://evil.example" }), "the login is of another issuer"),
        (json!({ "iss": ["https://app.example"] }), "iss of the login is not a text"),
        (json!({ "iss": null }), "the login lacks iss"),
        (json!({ "aud": "other" }), "the login is for another audience"),
        (json!({ "aud": ["other", "another"] }), "the login is for another audience"),
        (json!({ "aud": [] }), "the login is for another audience"),
        (json!({ "aud": null }), "the login lacks aud"),
        (json!({ "aud": { "posthouse": true } }), &format!("aud {lists}")),
        (json!({ "aud": ["posthouse", 1] }), &format!("aud {lists}")),
        (json!({ "sub": null }), "the login lacks sub"),
        (json!({ "sub": "" }), "sub of the login is not a text"),
        (json!({ "sub": 17 }), "sub of the login is not a text"),
        (json!({ "org": null }), "the login lacks org"),
        (json!({ "org": ["org_1"] }), "org of the login is not a text"),
        (json!({ "org": "" }), "org of the login is not a text"),
        (json!({ "role": 1 }), &format!("role {lists}")),
        (json!({ "role": [["owner"]] }), &format!("role {lists}")),
        (json!({ "exp": null }), "the login lacks exp"),
        (json!({ "exp": world.at(3600).to_string() }), "exp of the login is not a number of seconds"),
        (json!({ "exp": true }), "exp of the login is not a number of seconds"),
        (json!({ "nbf": "0" }), "nbf of the login is not a number of seconds"),
        (json!({ "iat": "now" }), "iat of the login is not a number of seconds"),
    ] {
        let token = key.token("ES256", &world.claims(changed.clone()));
        assert_eq!(world.refusal(&token).await, reason, "{changed}");
    }
    let token = key.token("ES256", &world.claims(json!({ "aud": ["other", "posthouse"] })));
    assert!(world.verify(&token).await.is_ok());
}

#[tokio::test]
async fn times_are_by_our_clock_with_half_a_minute_of_leeway() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let token = key.token("ES256", &world.claims(json!({ "exp": world.at(100), "nbf": world.at(60) })));
    assert_eq!(world.refusal(&token).await, "the login is not valid yet");
    world.clock.advance(seconds(30));
    assert!(world.verify(&token).await.is_ok());
    world.clock.advance(seconds(99));
    assert!(world.verify(&token).await.is_ok());
    world.clock.advance(seconds(1));
    assert_eq!(world.refusal(&token).await, "the login has expired");

    // Not a whole number, and numbers without a moment.
    let exact = key.token("ES256", &world.claims(json!({ "exp": 1_767_225_600.5 })));
    assert_eq!(world.refusal(&exact).await, "the login has expired");
    for far in [json!(1e300), json!(u64::MAX), json!(i64::MAX)] {
        let token = key.token("ES256", &world.claims(json!({ "exp": far })));
        assert_eq!(world.verify(&token).await.unwrap().until.as_millis(), i64::MAX);
    }
    for past in [json!(-1e300), json!(0), json!(i64::MIN)] {
        let token = key.token("ES256", &world.claims(json!({ "exp": past })));
        assert_eq!(world.refusal(&token).await, "the login has expired");
    }
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_never_the_tokens_to_choose() {
    const OTHER: &str = "the login is signed with another algorithm than that of its key";
    const NONE: &str = "the login is signed with an algorithm that is not accepted, or not at all";
    let (rsa, p256) = (SigningKey::rsa("rsa"), SigningKey::p256("p256"));
    let pss = SigningKey::rsa("pss").with("alg", "PS256");
    let world = World::with([&rsa, &p256, &pss]);
    let claims = world.claims(json!({}));

    let unsigned = message(&json!({ "alg": "none", "kid": "rsa" }), &claims);
    assert_eq!(world.refusal(&format!("{unsigned}.")).await, NONE);
    // The public key taken for a secret: in the forms in which an attacker may have it.
    let modulus = rsa.jwk["n"].as_str().unwrap();
    for secret in [modulus.as_bytes(), rsa.jwk.to_string().as_bytes()] {
        let signed = message(&json!({ "alg": "HS256", "kid": "rsa" }), &claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        assert_eq!(world.refusal(&format!("{signed}.{}", base64(tag.as_ref()))).await, NONE);
    }
    for algorithm in ["nOnE", "rs256", "ES512", "ES256K", "RSA-OAEP", ""] {
        let token = rsa.sign(&json!({ "alg": algorithm, "kid": "rsa" }), &claims);
        assert_eq!(world.refusal(&token).await, NONE, "{algorithm}");
    }
    let borrowed = p256.sign(&json!({ "alg": "ES256", "kid": "rsa" }), &claims);
    assert_eq!(world.refusal(&borrowed).await, OTHER);
    assert_eq!(world.refusal(&p256.token("ES384", &claims)).await, OTHER);
    assert_eq!(world.refusal(&pss.token("RS256", &claims)).await, OTHER);
    assert!(world.verify(&pss.token("PS256", &claims)).await.is_ok());
    // A key that the token brings along is no key (RFC 8725, section 3.10).
    let own = SigningKey::p256("p256");
    let header = json!({ "alg": "ES256", "kid": "p256", "jwk": own.jwk, "jku": "https://evil.example/keys" });
    let signature = "the signature of the login is not that of its key";
    assert_eq!(world.refusal(&own.sign(&header, &claims)).await, signature);
}

#[tokio::test]
async fn a_changed_byte_is_noticed() {
    const SIGNATURE: &str = "the signature of the login is not that of its key";
    let keys = [SigningKey::rsa("rsa"), SigningKey::p256("p256"), SigningKey::ed25519("ed")];
    let world = World::with(&keys);
    let claims = world.claims(json!({ "role": "member" }));
    for (key, algorithm) in keys.iter().zip(["RS256", "ES256", "EdDSA"]) {
        let token = key.token(algorithm, &claims);
        let parts: Vec<&str> = token.split('.').collect();
        let raised = base64(claims.to_string().replace("member", "owner").as_bytes());
        assert_eq!(world.refusal(&[parts[0], &raised, parts[2]].join(".")).await, SIGNATURE);
        let first = if parts[2].starts_with('A') { "B" } else { "A" };
        let changed = format!("{first}{}", &parts[2][1..]);
        assert_eq!(world.refusal(&[parts[0], parts[1], &changed].join(".")).await, SIGNATURE);
        assert_eq!(world.refusal(&[parts[0], parts[1], ""].join(".")).await, SIGNATURE);
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused_before_any_key_is_fetched() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    let claims = world.claims(json!({}));
    let good = key.token("ES256", &claims);
    let huge = key.token("ES256", &world.claims(json!({ "sub": "x".repeat(8192) })));
    assert_eq!(world.refusal(&huge).await, "the login is longer than 8192 bytes");
    for no_jwt in ["", "sk_live_0123", "a.b", &format!("{good}.x.y")] {
        assert_eq!(world.refusal(no_jwt).await, "the login is not a signed JWT", "{no_jwt}");
    }
    for header in ["", "e30=", "!!!", &base64(b"[]"), &base64(b"{"), &base64(b"{\"alg\":\"ES256\"}x")] {
        let token = format!("{header}.e30.e30");
        assert_eq!(world.refusal(&token).await, "the header of the login can not be read", "{header}");
    }
    let critical = json!({ "alg": "ES256", "kid": "k", "crit": ["b64"], "b64": false });
    let crit = "the login needs an extension of JWS (crit), and none is known";
    assert_eq!(world.refusal(&key.sign(&critical, &claims)).await, crit);
    for kid in [json!(1), json!(null), json!(["k"]), json!("")] {
        let token = key.sign(&json!({ "alg": "ES256", "kid": kid }), &claims);
        assert_eq!(world.refusal(&token).await, "kid of the login is not a text");
    }
    assert!(world.server.take_asked().is_empty());
}

#[tokio::test]
async fn signed_nonsense_is_refused_too() {
    let key = SigningKey::p256("k");
    let world = World::with([&key]);
    for claims in [json!([]), json!("text"), json!(null), json!(["https://app.example"])] {
        assert_eq!(world.refusal(&key.token("ES256", &claims)).await, "the login can not be read");
    }
    let header = json!({ "alg": "ES256", "kid": "k", "x5c": 1 });
    let token = key.sign(&header, &world.claims(json!({})));
    assert_eq!(world.refusal(&token).await, "the login can not be read");
}
