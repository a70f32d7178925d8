//! Changes with a secret in their answer, made once however often they are asked for: the answer is remembered,
//! sealed, in the commit of the change. Without it a client that repeats a lost rotation would turn the secret once
//! more, and the one it is told first would be void.

use std::sync::Arc;

use posthouse_store::{Constraint, EndpointRecord, Remember, StoreError};
use posthouse_types::limits::IDEMPOTENCY_WINDOW;
use posthouse_types::{EndpointId, IdempotencyKey, SecretText};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed_away;
use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::publish::{Repeatable, key_reused};

/// What is remembered of an answer.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Remembered {
    pub(super) endpoint: EndpointId,
    secret: Option<Zeroizing<String>>,
}

impl Remembered {
    pub(super) fn new(endpoint: EndpointId, secret: Option<&SecretText>) -> Self {
        Self { endpoint, secret: secret.map(|secret| Zeroizing::new(secret.expose().to_owned())) }
    }

    pub(super) fn secret(&self) -> Option<SecretText> {
        self.secret.as_ref().map(|secret| SecretText::new(secret.as_str().to_owned()))
    }
}

impl Engine {
    /// Makes a change, unless it was made under this key before: then the answer is the first one. `change` is to
    /// write what [`Engine::remember`] makes of the key that it is given, in its own commit.
    pub(super) async fn once<'a, W, F>(
        &self,
        caller: &Caller,
        repeatable: Option<&'a Repeatable>,
        change: W,
    ) -> Result<Remembered>
    where
        W: FnOnce(Option<&'a Repeatable>) -> F + Send,
        F: Future<Output = Result<Remembered>> + Send,
    {
        let repeatable = match self.done_before(caller, repeatable).await? {
            Some(done) if self.registry.get(done.endpoint).is_some() => return Ok(done),
            // What it made was removed since: it is made anew, and the key goes on standing for the first time.
            Some(_) => None,
            None => repeatable,
        };
        match change(repeatable).await {
            // Someone else made the same change in between.
            Err(Error { cause: Some(StoreError::Conflict(Constraint::IdempotencyKey)), .. }) => {
                self.done_before(caller, repeatable).await?.ok_or_else(key_reused)
            }
            result => result,
        }
    }

    /// Changes an endpoint, unless that was done under this key before. `fresh` is the answer when it was not.
    pub(super) async fn change_once(
        self: &Arc<Self>,
        caller: &Caller,
        fresh: Remembered,
        repeatable: Option<&Repeatable>,
        change: impl Fn(&mut EndpointRecord) -> Result<()> + Send + Sync,
    ) -> Result<Remembered> {
        let make = async |repeatable| {
            let remember = self.remember(caller, repeatable, &fresh);
            let change = |record: &mut EndpointRecord| change(record).map(|()| remember.clone());
            self.change_endpoint(caller, fresh.endpoint, change).await?;
            Ok(fresh.clone())
        };
        self.once(caller, repeatable, make).await
    }

    /// What was answered under this key, if anything.
    async fn done_before(
        &self,
        caller: &Caller,
        repeatable: Option<&Repeatable>,
    ) -> Result<Option<Remembered>> {
        let Some((key, fingerprint)) = repeatable else { return Ok(None) };
        let Some((first, sealed)) =
            self.store.remembered(caller.space, caller.project, key, self.clock.now()).await?
        else {
            return Ok(None);
        };
        if first != *fingerprint {
            return Err(key_reused());
        }
        let plain = self.vault.open(&context(caller, key), &sealed).map_err(|_| sealed_away())?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| sealed_away())
    }

    /// What is to be written with a change, so that it is made once.
    pub(super) fn remember(
        &self,
        caller: &Caller,
        repeatable: Option<&Repeatable>,
        done: &Remembered,
    ) -> Option<Remember> {
        let (key, fingerprint) = repeatable?;
        let plain = serde_json::to_vec(done).expect("an id and a text have a JSON form");
        Some(Remember {
            key: key.clone(),
            project: caller.project,
            fingerprint: *fingerprint,
            answer: self.vault.seal(&context(caller, key), &Zeroizing::new(plain)),
            expires_at: self.clock.now().plus(IDEMPOTENCY_WINDOW),
        })
    }
}

fn context(caller: &Caller, key: &IdempotencyKey) -> String {
    format!("remembered:{}:{}:{key}", caller.space.tenant, caller.space.environment)
}
