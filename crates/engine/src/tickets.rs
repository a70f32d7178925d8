//! Tickets: what a browser opens a WebSocket with, since it can send no header there. A ticket is its holder's caller,
//! sealed, so any node can read it; used once, which the store sees to.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use posthouse_store::Sealed;
use posthouse_types::{Capability, SecretText, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Engine;
use crate::caller::Caller;
use crate::error::{Error, ErrorKind, Result};

/// How long a ticket is good for: enough to open a connection, too short to be worth stealing.
const LIFETIME: Duration = Duration::from_secs(60);
/// Longer texts are not tickets.
const CHARS_MAX: usize = 2048;
const CONTEXT: &str = "realtime-ticket";

/// The right to open one live stream.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The text to present.
    pub text: SecretText,
    /// When it is void.
    pub expires_at: Timestamp,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Contents {
    caller: Caller,
    expires_at_ms: i64,
}

impl Engine {
    /// Gives out a ticket for a live stream.
    pub fn mint_ticket(&self, caller: &Caller) -> Result<Ticket> {
        caller.need(Capability::Read)?;
        let expires_at = self.clock.now().plus(LIFETIME);
        let contents = Contents { caller: caller.clone(), expires_at_ms: expires_at.as_millis() };
        let plain = serde_json::to_vec(&contents).expect("a caller has a JSON form");
        let Sealed(bytes) = self.vault.seal(CONTEXT, &plain);
        Ok(Ticket { text: SecretText::new(URL_SAFE_NO_PAD.encode(bytes)), expires_at })
    }

    /// Takes a ticket: its holder's caller, once.
    pub async fn redeem_ticket(&self, text: &str) -> Result<Caller> {
        let void =
            || Error::new(ErrorKind::Unauthenticated, "the ticket is not valid, was used or has expired");
        if text.len() > CHARS_MAX {
            return Err(void());
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| void())?;
        let plain = self.vault.open(CONTEXT, &Sealed(sealed)).map_err(|_| void())?;
        let contents: Contents = serde_json::from_slice(&plain).map_err(|_| void())?;
        let expires_at = Timestamp::from_millis(contents.expires_at_ms);
        if expires_at <= self.clock.now() {
            return Err(void());
        }
        let token = Sha256::digest(text.as_bytes()).into();
        let caller = contents.caller;
        if self.store.use_once(caller.space, token, expires_at).await? && self.still_known(&caller).await? {
            return Ok(caller);
        }
        Err(void())
    }
}
