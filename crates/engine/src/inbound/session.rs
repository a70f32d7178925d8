//! Which session a delivery belongs to.

use posthouse_store::TurnSession;
use posthouse_types::limits::SESSION_ID_CHARS_MAX;
use posthouse_types::{InboundDelivery, PublicId, SessionId, SessionMode};
use sha2::{Digest as _, Sha256};

/// Hexadecimal digits of a digest that stand for what does not fit into an id.
const DIGEST_CHARS: usize = 32;

/// The session of a delivery: `webhook:{public id}:{number}`, `webhook:{public id}:{entity key}`, the configured name
/// or `webhook:{public id}`. Source: Moltis.
pub(super) fn session_of(mode: &SessionMode, public_id: PublicId, entity_key: Option<&str>) -> TurnSession {
    match (mode, entity_key) {
        (SessionMode::PerEntity, Some(key)) => {
            TurnSession::Named(id_of(&format!("webhook:{public_id}:{key}")))
        }
        (SessionMode::PerDelivery | SessionMode::PerEntity, _) => {
            TurnSession::Numbered(format!("webhook:{public_id}:"))
        }
        (SessionMode::NamedSession(Some(name)), _) => TurnSession::Named(id_of(name)),
        (SessionMode::NamedSession(None), _) => TurnSession::Named(id_of(&format!("webhook:{public_id}"))),
    }
}

/// What people see as the name of the session: its key, which its id may not hold in full.
pub(crate) fn label_of(mode: &SessionMode, public_id: &str, delivery: &InboundDelivery) -> String {
    match (mode, &delivery.entity_key) {
        (SessionMode::PerEntity, Some(key)) => format!("webhook:{public_id}:{key}"),
        (SessionMode::NamedSession(Some(name)), _) => name.clone(),
        (SessionMode::NamedSession(None), _) => format!("webhook:{public_id}"),
        (SessionMode::PerDelivery | SessionMode::PerEntity, _) => {
            format!("webhook:{public_id}:{}", delivery.number)
        }
    }
}

/// An id that needs no escaping in the path of a URL: the key with `~` for `/`. A key that holds something else that
/// would need it, or is too long, keeps what can stay and gets a digest of it all. No two keys share an id.
fn id_of(key: &str) -> SessionId {
    let plain = |char: char| char.is_ascii_alphanumeric() || ":-_.@".contains(char);
    let fits = key.len() <= SESSION_ID_CHARS_MAX && key.chars().all(|char| plain(char) || char == '/');
    let mut id: String = key.chars().map(|char| if plain(char) { char } else { '~' }).collect();
    if !fits || key.is_empty() {
        let digest = hex::encode(Sha256::digest(key));
        id.truncate(SESSION_ID_CHARS_MAX - DIGEST_CHARS - 1);
        id.extend(["~", &digest[..DIGEST_CHARS]]);
    }
    SessionId::parse(&id).expect("visible ASCII of at most the length of an id")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: PublicId = PublicId::from_bytes([0xab; 18]);

    fn named(mode: &SessionMode, entity: Option<&str>) -> String {
        match session_of(mode, PUBLIC, entity) {
            TurnSession::Named(id) => id.to_string(),
            TurnSession::Numbered(prefix) => format!("{prefix}#"),
        }
    }

    #[test]
    fn modes_name_sessions() {
        assert_eq!(named(&SessionMode::PerDelivery, Some("github:a/b:pr:1")), format!("webhook:{PUBLIC}:#"));
        assert_eq!(
            named(&SessionMode::PerEntity, Some("github:a/b:pr:1")),
            format!("webhook:{PUBLIC}:github:a~b:pr:1")
        );
        assert_eq!(named(&SessionMode::PerEntity, None), format!("webhook:{PUBLIC}:#"));
        assert_eq!(named(&SessionMode::NamedSession(None), None), format!("webhook:{PUBLIC}"));
        assert_eq!(named(&SessionMode::NamedSession(Some("ops".to_owned())), None), "ops");
    }

    #[test]
    fn keys_that_are_no_ids_get_one_of_their_own() {
        let long = "x".repeat(300);
        let one = named(&SessionMode::PerEntity, Some(&long));
        let other = named(&SessionMode::PerEntity, Some(&format!("{long}y")));
        assert_eq!(one.len(), SESSION_ID_CHARS_MAX);
        assert_ne!(one, other);
        let spaced = SessionMode::NamedSession(Some("on call".to_owned()));
        assert!(named(&spaced, None).starts_with("on~call~"));
        assert_ne!(named(&SessionMode::PerEntity, Some("a~b")), named(&SessionMode::PerEntity, Some("a/b")));
    }
}
