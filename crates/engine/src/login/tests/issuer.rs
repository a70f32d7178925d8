//! A frontend for tests: it has keys, publishes them, and signs what it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use parking_lot::Mutex;
use posthouse_egress::{SendReport, SendRequest, Sender};
use posthouse_testkit::answer;
use posthouse_types::{Outcome, Timestamp};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::clock::Clock;

/// The testkit's clock is a clock to the engine that the testkit was built with, which is not the one under test.
pub(super) struct TestClock(AtomicI64);

impl TestClock {
    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_767_225_600_000))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Serves a key set, as long as it is up, and remembers what it was asked.
pub(super) struct KeyServer {
    answer: Mutex<SendReport>,
    asked: Mutex<Vec<SendRequest>>,
    /// How many more answers it may give: tests that look at what happens meanwhile take them away.
    pub(super) answers: Semaphore,
}

impl KeyServer {
    pub(super) fn new() -> Arc<Self> {
        let answers = Semaphore::new(10_000);
        Arc::new(Self { answer: Mutex::new(answer(Outcome::Timeout)), asked: Mutex::default(), answers })
    }

    /// Publishes these keys from now on.
    pub(super) fn publish<'a>(&self, keys: impl IntoIterator<Item = &'a SigningKey>) {
        let keys: Vec<_> = keys.into_iter().map(|key| key.jwk.clone()).collect();
        self.serve(json!({ "keys": keys }).to_string());
    }

    pub(super) fn serve(&self, document: impl Into<Bytes>) {
        let document = document.into();
        self.report(SendReport { response_body: document, ..answer(Outcome::Delivered { status: 200 }) });
    }

    pub(super) fn report(&self, report: SendReport) {
        *self.answer.lock() = report;
    }

    pub(super) fn go_down(&self) {
        self.report(answer(Outcome::Timeout));
    }

    /// How often it was asked since what it was asked was taken.
    pub(super) fn asked(&self) -> usize {
        self.asked.lock().len()
    }

    /// What was asked for since the last call.
    pub(super) fn take_asked(&self) -> Vec<SendRequest> {
        std::mem::take(&mut self.asked.lock())
    }
}

#[async_trait]
impl Sender for KeyServer {
    async fn send(&self, request: SendRequest) -> SendReport {
        self.asked.lock().push(request);
        self.answers.acquire().await.unwrap().forget();
        self.answer.lock().clone()
    }
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key pair and what is published of it.
pub(super) struct SigningKey {
    pair: Pair,
    pub(super) jwk: Value,
}

impl SigningKey {
    /// The key of RFC 7515, appendix A.2: `ring` makes no RSA keys.
    pub(super) fn rsa(kid: &str) -> Self {
        let jwk: Value = serde_json::from_str(include_str!("rfc7515_a2.json")).unwrap();
        let part = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        let pair = RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents { n: part("n"), e: part("e") },
            d: part("d"),
            p: part("p"),
            q: part("q"),
            dP: part("dp"),
            dQ: part("dq"),
            qInv: part("qi"),
        });
        let jwk = json!({ "kty": "RSA", "kid": kid, "use": "sig", "n": jwk["n"], "e": jwk["e"] });
        Self { pair: Pair::Rsa(pair.unwrap()), jwk }
    }

    pub(super) fn p256(kid: &str) -> Self {
        Self::ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", kid)
    }

    pub(super) fn p384(kid: &str) -> Self {
        Self::ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", kid)
    }

    fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, curve: &str, kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = json!({ "kty": "EC", "kid": kid, "crv": curve, "x": base64(x), "y": base64(y) });
        Self { pair: Pair::Ecdsa(pair), jwk }
    }

    pub(super) fn ed25519(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let jwk =
            json!({ "kty": "OKP", "kid": kid, "crv": "Ed25519", "x": base64(pair.public_key().as_ref()) });
        Self { pair: Pair::Ed25519(pair), jwk }
    }

    /// The same key with another member in its JWK.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.jwk[name] = value.into();
        self
    }

    /// A token of this algorithm under this key's name.
    pub(super) fn token(&self, algorithm: &str, claims: &Value) -> String {
        self.sign(&json!({ "alg": algorithm, "typ": "JWT", "kid": self.jwk["kid"] }), claims)
    }

    /// A token of whatever header, signed with this key: as its algorithm says if the key can, else as the key
    /// does.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &dyn RsaEncoding = match header["alg"].as_str().unwrap() {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", base64(&signature))
    }
}

/// What is signed: header and claims.
pub(super) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()))
}

pub(super) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
