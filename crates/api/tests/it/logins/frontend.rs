//! A frontend that people log in to: it has keys, publishes them, and signs logins.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthouse_api::ApiOptions;
use posthouse_engine::{Clock as _, Logins, Options};
use posthouse_testkit::{ManualClock, ScriptedSender, answer};
use posthouse_types::{Capabilities, Capability, Environment, Outcome};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::world::World;

pub(super) use posthouse_engine::LoginOptions;

/// More fetches than any test makes.
const FETCHES_MAX: usize = 20;

/// The roles of the gateway's, as the binary has them unless told otherwise.
pub(super) fn options() -> LoginOptions {
    let owner = [Capability::Manage, Capability::Send, Capability::Read];
    let member = [Capability::Send, Capability::Read];
    LoginOptions {
        jwks_url: "https://app.example/.well-known/jwks.json".parse().unwrap(),
        issuer: "https://app.example".to_owned(),
        audience: "posthouse".to_owned(),
        organization_claim: "org".to_owned(),
        role_claim: "role".to_owned(),
        roles: BTreeMap::from([
            ("owner".to_owned(), owner.into_iter().collect::<Capabilities>()),
            ("member".to_owned(), member.into_iter().collect()),
        ]),
        environment: Environment::Live,
    }
}

pub(super) struct Frontend {
    clock: Arc<ManualClock>,
    /// Answers whoever asks for its keys.
    server: Arc<ScriptedSender>,
    /// The key that is published to begin with.
    pub(super) key: SigningKey,
}

impl Frontend {
    /// A world that takes the logins of a frontend.
    pub(super) async fn with_world() -> (World, Self) {
        Self::with(Options::default(), ApiOptions::default(), options()).await
    }

    pub(super) async fn with(options: Options, api: ApiOptions, logins: LoginOptions) -> (World, Self) {
        let server = Arc::new(ScriptedSender::default());
        let sender = Arc::clone(&server);
        let logins = |clock| Some(Logins::new(logins, sender, clock));
        let world = World::with_logins(options, api, logins).await;
        let frontend = Self { clock: Arc::clone(&world.clock), server, key: SigningKey::ed25519("main") };
        frontend.publish([&frontend.key]);
        (world, frontend)
    }

    /// Publishes these keys and no others from now on.
    pub(super) fn publish<'a>(&self, keys: impl IntoIterator<Item = &'a SigningKey>) {
        let keys: Vec<_> = keys.into_iter().map(|key| key.jwk.clone()).collect();
        let mut report = answer(Outcome::Delivered { status: 200 });
        report.response_body = json!({ "keys": keys }).to_string().into();
        self.server.forget_script();
        self.server.script(vec![report; FETCHES_MAX]);
    }

    /// Publishes nothing from now on.
    pub(super) fn go_down(&self) {
        self.server.forget_script();
        self.server.script(vec![answer(Outcome::Timeout); FETCHES_MAX]);
    }

    /// How often its keys were fetched since the last call.
    pub(super) fn fetches(&self) -> usize {
        self.server.take_sent().len()
    }

    /// Seconds since 1970, this far from now.
    pub(super) fn seconds_from_now(&self, seconds: i64) -> i64 {
        self.clock.now().as_seconds() + seconds
    }

    /// Claims of an owner of `acme`, with some of them changed; `null` leaves one out.
    pub(super) fn claims(&self, changed: Value) -> Value {
        let mut claims = json!({
            "iss": "https://app.example",
            "aud": "posthouse",
            "sub": "user_1",
            "org": "acme",
            "role": "owner",
            "iat": self.seconds_from_now(0),
            "exp": self.seconds_from_now(3600),
        });
        let Value::Object(changed) = changed else { panic!("an object") };
        let members = claims.as_object_mut().unwrap();
        members.extend(changed);
        members.retain(|_, value| !value.is_null());
        claims
    }

    /// A login with these claims changed.
    pub(super) fn login(&self, changed: Value) -> String {
        self.key.sign(&self.claims(changed))
    }
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key pair and what is published of it.
pub(super) struct SigningKey {
    pair: Pair,
    jwk: Value,
}

impl SigningKey {
    pub(super) fn p256(name: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        // A byte that says "uncompressed", then both coordinates.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({
            "kty": "EC", "kid": name, "crv": "P-256", "alg": "ES256", "x": base64(x), "y": base64(y),
        });
        Self { pair: Pair::Ecdsa(pair), jwk }
    }

    pub(super) fn ed25519(name: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let x = base64(pair.public_key().as_ref());
        let jwk = json!({ "kty": "OKP", "kid": name, "crv": "Ed25519", "alg": "EdDSA", "x": x });
        Self { pair: Pair::Ed25519(pair), jwk }
    }

    /// A login under this key's name.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.jwk["alg"], "typ": "JWT", "kid": self.jwk["kid"] });
        let parts = [header.to_string(), claims.to_string()].map(|part| base64(part.as_bytes()));
        let message = parts.join(".");
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
                base64(signature.as_ref())
            }
            Pair::Ed25519(pair) => base64(pair.sign(message.as_bytes()).as_ref()),
        };
        format!("{message}.{signature}")
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
