//! Signing secrets, and the keys read from them in the way of an endpoint's format. The readings differ: a `whsec_`
//! is part of the key, a prefix to be cut, or the mark of base64. So each format has its own key type, and nothing
//! turns one into another.

use posthouse_sign::molroo::MolrooKey;
use posthouse_sign::sonzai::SonzaiKey;
use posthouse_sign::standard::{StandardKey, StandardSecret};
use posthouse_sign::whatsapp::WhatsappKey;
use posthouse_sign::{molroo, sonzai, whatsapp};
use posthouse_types::{Invalid, SecretText, Timestamp, Wire};
use serde::{Deserialize, Serialize};

/// A signing secret as it is sealed.
#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct Secret {
    text: String,
    /// Replaced by a newer one; signs beside it until then.
    pub(crate) expires_at: Option<Timestamp>,
}

impl Secret {
    pub(crate) fn new(text: &SecretText) -> Self {
        Self { text: text.expose().to_owned(), expires_at: None }
    }

    /// The same, ending at `end` or earlier.
    pub(crate) fn until(mut self, end: Timestamp) -> Self {
        self.expires_at = Some(self.expires_at.map_or(end, |earlier| earlier.min(end)));
        self
    }

    pub(crate) fn text(&self) -> SecretText {
        SecretText::new(self.text.clone())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.text);
    }
}

/// The keys of an endpoint, newest first, each with its end.
pub(crate) struct Ring<K>(Vec<(K, Option<Timestamp>)>);

impl<K> Ring<K> {
    fn read(secrets: &[Secret], parse: impl Fn(&str) -> Result<K, Invalid>) -> Result<Self, Invalid> {
        let keys = secrets.iter().map(|secret| Ok((parse(secret.text().expose())?, secret.expires_at)));
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Those that sign at this moment.
    pub(crate) fn at(&self, now: Timestamp) -> Vec<&K> {
        let valid = |expires_at: &Option<Timestamp>| expires_at.is_none_or(|expires_at| expires_at > now);
        self.0.iter().filter(|(_, expires_at)| valid(expires_at)).map(|(key, _)| key).collect()
    }
}

/// The keys of an endpoint, by its format.
pub(crate) enum Keys {
    Standard(Ring<StandardKey>),
    Molroo(Ring<MolrooKey>),
    Sonzai(Ring<SonzaiKey>),
    Whatsapp(Ring<WhatsappKey>),
    Casey(Ring<StandardKey>),
}

impl Keys {
    /// Reads secrets as this format does.
    pub(crate) fn read(wire: Wire, secrets: &[Secret]) -> Result<Self, Invalid> {
        Ok(match wire {
            Wire::Standard => Self::Standard(Ring::read(secrets, standard_key)?),
            Wire::Molroo => Self::Molroo(Ring::read(secrets, molroo_key)?),
            Wire::Sonzai => Self::Sonzai(Ring::read(secrets, sonzai_key)?),
            Wire::Whatsapp => Self::Whatsapp(Ring::read(secrets, whatsapp_key)?),
            Wire::Casey => Self::Casey(Ring::read(secrets, standard_key)?),
        })
    }
}

/// Checks that a secret is one of this format's.
pub(crate) fn check_secret(wire: Wire, text: &SecretText) -> Result<(), Invalid> {
    Keys::read(wire, &[Secret::new(text)]).map(drop)
}

/// A fresh secret of this format: 32 random bytes, written as the format writes them.
pub(crate) fn make_secret(wire: Wire) -> SecretText {
    let random = rand::random();
    let text = match wire {
        Wire::Standard | Wire::Casey => StandardKey::Symmetric(StandardSecret::generate(random)).to_text(),
        Wire::Molroo => molroo::generate(random),
        Wire::Sonzai => sonzai::generate(random),
        Wire::Whatsapp => whatsapp::generate(random),
    };
    SecretText::new(text.as_str().to_owned())
}

fn standard_key(text: &str) -> Result<StandardKey, Invalid> {
    StandardKey::parse(text).map_err(|error| Invalid::because(error.to_string()))
}

fn molroo_key(text: &str) -> Result<MolrooKey, Invalid> {
    MolrooKey::parse(text).map_err(|error| Invalid::because(error.to_string()))
}

fn sonzai_key(text: &str) -> Result<SonzaiKey, Invalid> {
    SonzaiKey::parse(text).map_err(|error| Invalid::because(error.to_string()))
}

fn whatsapp_key(text: &str) -> Result<WhatsappKey, Invalid> {
    WhatsappKey::parse(text).map_err(|error| Invalid::because(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_reads_the_secrets_it_makes() {
        for wire in Wire::ALL {
            let secret = make_secret(wire);
            assert!(check_secret(wire, &secret).is_ok(), "{wire:?}");
            assert_ne!(secret, make_secret(wire), "{wire:?}");
            assert!(check_secret(wire, &SecretText::new(String::new())).is_err(), "{wire:?}");
        }
    }
}
