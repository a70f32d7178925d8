//! Which logins are accepted, which refused and why, and how often keys are fetched.

mod issuer;
mod keys;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use posthouse_types::{Capabilities, Capability, Environment};
use serde_json::{Value, json};

use super::{Login, LoginOptions, Logins};
use crate::clock::Clock as _;
use crate::error::{ErrorKind, Result};
use issuer::{KeyServer, SigningKey, TestClock};

/// A frontend, its published keys, and who checks its logins.
struct World {
    clock: Arc<TestClock>,
    server: Arc<KeyServer>,
    logins: Logins,
}

impl World {
    /// With these keys published.
    fn with<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> Self {
        Self::new(keys, |_| ())
    }

    fn new<'a>(
        keys: impl IntoIterator<Item = &'a SigningKey>,
        change: impl FnOnce(&mut LoginOptions),
    ) -> Self {
        let server = KeyServer::new();
        server.publish(keys);
        let clock = Arc::new(TestClock::default());
        let mut options = options();
        change(&mut options);
        let logins = Logins::new(options, server.clone(), clock.clone());
        Self { clock, server, logins }
    }

    async fn verify(&self, token: &str) -> Result<Login> {
        self.logins.verify(token).await
    }

    /// Why a token is refused. The reason is never the token's to write.
    async fn refusal(&self, token: &str) -> String {
        let error = self.verify(token).await.expect_err("it is refused");
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
        error.detail.into_owned()
    }

    /// Seconds since 1970, this far from now.
    fn at(&self, seconds: i64) -> i64 {
        self.clock.now().as_seconds() + seconds
    }

    /// Claims of a good login, with some of them changed; `null` leaves one out.
    fn claims(&self, changed: Value) -> Value {
        let mut claims = json!({
            "iss": "https://app.example",
            "aud": "posthouse",
            "sub": "user_1",
            "org": "org_1",
            "role": "owner",
            "iat": self.at(0),
            "exp": self.at(3600),
        });
        let Value::Object(changed) = changed else { panic!("an object") };
        for (name, value) in changed {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(&name)),
                value => claims[name] = value,
            }
        }
        claims
    }
}

fn options() -> LoginOptions {
    LoginOptions {
        jwks_url: "https://app.example/.well-known/jwks.json".parse().unwrap(),
        issuer: "https://app.example".to_owned(),
        audience: "posthouse".to_owned(),
        organization_claim: "org".to_owned(),
        role_claim: "role".to_owned(),
        roles: BTreeMap::from([
            ("owner".to_owned(), capabilities([Capability::Manage, Capability::Send, Capability::Read])),
            ("member".to_owned(), capabilities([Capability::Send, Capability::Read])),
            ("robot".to_owned(), capabilities([Capability::Publish])),
        ]),
        environment: Environment::Live,
    }
}

fn capabilities(members: impl IntoIterator<Item = Capability>) -> Capabilities {
    members.into_iter().collect()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
