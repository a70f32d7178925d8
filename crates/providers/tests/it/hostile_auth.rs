//! Whatever arrives: `verify` says yes exactly when a second, simpler reading of the rules does, and the small profiles
//! keep their bounds. How many cases are tried is in the environment, `PROPTEST_CASES`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use posthouse_providers::auth::{Verifier, new_secret, sign};
use posthouse_providers::{Incoming, find};
use posthouse_types::limits::INBOUND_TEXT_CHARS_MAX;
use posthouse_types::{AuthMode, SecretText, Timestamp};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};
use serde_json::Value;
use sha2::Sha256;

use crate::auth::{header_map, secret};
use crate::auth_profiles::documented;

const NOW_MS: i64 = 1_767_225_600_500;
const OWN_HEADER: &str = "x-own-token";

/// A request, and what it is checked with.
#[derive(Debug, Clone)]
struct Case {
    mode: AuthMode,
    secrets: Vec<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now_ms: i64,
}

impl Case {
    fn verify(&self) -> bool {
        let secrets: Vec<SecretText> = self.secrets.iter().map(|text| secret(text)).collect();
        let verifier = Verifier::new(self.mode, Some(OWN_HEADER), &secrets).unwrap();
        let now = Timestamp::from_millis(self.now_ms);
        verifier.verify(&header_map(&self.headers), &self.body, now).is_ok()
    }

    /// The one value of a header, when it is there once and a header may have it.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        let visible = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        (values.next().is_none() && visible).then_some(value)
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(&parts.concat());
        mac.finalize().into_bytes().to_vec()
    }

    /// The rules once more: makes what would be right for a secret, and compares texts.
    fn oracle(&self) -> bool {
        self.mode == AuthMode::None
            || self.secrets.iter().any(|secret| self.fits(secret).is_some_and(|fits| fits))
    }

    fn fits(&self, secret: &str) -> Option<bool> {
        let hex = || hex::encode(Self::mac(secret.as_bytes(), &[&self.body]));
        Some(match self.mode {
            AuthMode::None => true,
            AuthMode::StaticHeader => self.header(OWN_HEADER)? == secret,
            AuthMode::Bearer => self.header("authorization")? == format!("Bearer {secret}"),
            AuthMode::GitlabToken => self.header("x-gitlab-token")? == secret,
            AuthMode::GithubHmacSha256 => {
                let claimed = self.header("x-hub-signature-256")?.strip_prefix("sha256=")?;
                claimed.eq_ignore_ascii_case(&hex())
            }
            AuthMode::SentryWebhookSignature => {
                self.header("sentry-hook-signature")?.eq_ignore_ascii_case(&hex())
            }
            AuthMode::LinearWebhookSignature => {
                let header = self.header("linear-signature")?;
                let claimed = header.strip_prefix("sha256=").unwrap_or(header);
                claimed.eq_ignore_ascii_case(&hex()) && self.linear_time()
            }
            AuthMode::PagerdutyV2Signature => {
                let list = self.header("x-pagerduty-signature")?;
                let wanted = hex();
                list.split(',').take(16).any(|piece| {
                    let piece = piece.trim_matches([' ', '\t']);
                    piece.strip_prefix("v1=").is_some_and(|claimed| claimed.eq_ignore_ascii_case(&wanted))
                })
            }
            AuthMode::ShopifyHmacSha256 => {
                self.header("x-shopify-hmac-sha256")?
                    == STANDARD.encode(Self::mac(secret.as_bytes(), &[&self.body]))
            }
            AuthMode::SlackSignature => {
                let at = self.header("x-slack-request-timestamp")?;
                let tag = Self::mac(secret.as_bytes(), &[b"v0:", at.as_bytes(), b":", &self.body]);
                let claimed = self.header("x-slack-signature")?.strip_prefix("v0=")?;
                claimed.eq_ignore_ascii_case(&hex::encode(tag)) && self.within_300_s(at)
            }
            AuthMode::StripeWebhookSignature => self.stripe(secret)?,
            AuthMode::StandardWebhooks => self.standard(secret)?,
        })
    }

    fn within_300_s(&self, at: &str) -> bool {
        let digits = !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit());
        digits && at.parse().is_ok_and(|at: i64| (self.now_ms.div_euclid(1000) - at).abs() <= 300)
    }

    fn linear_time(&self) -> bool {
        let Ok(Value::Object(members)) = serde_json::from_slice(&self.body) else { return true };
        match members.get("webhookTimestamp") {
            None | Some(Value::Null) => true,
            Some(time) => time.as_i64().is_some_and(|time| (self.now_ms - time).abs() <= 60_000),
        }
    }

    fn stripe(&self, secret: &str) -> Option<bool> {
        let pairs: Option<Vec<(&str, &str)>> =
            self.header("stripe-signature")?.split(',').map(|part| part.split_once('=')).collect();
        let pairs = pairs?;
        let mut times = pairs.iter().filter(|(name, _)| *name == "t").map(|(_, at)| *at);
        let (at, None) = (times.next()?, times.next()) else { return None };
        let tag = hex::encode(Self::mac(secret.as_bytes(), &[at.as_bytes(), b".", &self.body]));
        let mut claimed = pairs.iter().filter(|(name, _)| *name == "v1").take(16);
        let canonical = at == "0" || !at.starts_with('0');
        Some(claimed.any(|(_, claimed)| *claimed == tag) && canonical && self.within_300_s(at))
    }

    fn standard(&self, secret: &str) -> Option<bool> {
        let family =
            if !self.has("webhook-signature") && self.has("svix-signature") { "svix" } else { "webhook" };
        let id = self.header(&format!("{family}-id"))?;
        let at = self.header(&format!("{family}-timestamp"))?;
        let signatures = self.header(&format!("{family}-signature"))?;
        let key = STANDARD.decode(secret.strip_prefix("whsec_")?).unwrap();
        let tag = Self::mac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", &self.body]);
        let wanted = format!("v1,{}", STANDARD.encode(tag));
        let known = signatures.split(' ').filter(|one| one.starts_with("v1,") || one.starts_with("v1a,"));
        let unambiguous = !id.is_empty() && !id.contains('.') && (at == "0" || !at.starts_with('0'));
        Some(known.take(16).any(|one| one == wanted) && unambiguous && self.within_300_s(at))
    }
}

/// Something that goes wrong, or not, on the way.
#[derive(Debug, Clone)]
enum Change {
    Drop(Index),
    Twice(Index),
    Extra(String, String),
    Before(Index, String),
    Behind(Index, String),
    Instead(Index, String),
    Character(Index, Index, char),
    Uppercase(Index),
    Body(Index, u8),
    BodyGrows(u8),
}

impl Change {
    fn apply(self, case: &mut Case) {
        let count = case.headers.len();
        match self {
            Self::Extra(name, value) => case.headers.push((name, value)),
            Self::Body(at, byte) if !case.body.is_empty() => {
                let at = at.index(case.body.len());
                case.body[at] = byte;
            }
            Self::BodyGrows(byte) => case.body.push(byte),
            _ if count == 0 => {}
            Self::Drop(header) => drop(case.headers.remove(header.index(count))),
            Self::Twice(header) => {
                let again = case.headers[header.index(count)].clone();
                case.headers.push(again);
            }
            Self::Before(header, text) => case.headers[header.index(count)].1.insert_str(0, &text),
            Self::Behind(header, text) => case.headers[header.index(count)].1.push_str(&text),
            Self::Instead(header, text) => case.headers[header.index(count)].1 = text,
            Self::Character(header, at, with) => {
                let value = &mut case.headers[header.index(count)].1;
                let mut characters: Vec<char> = value.chars().collect();
                if !characters.is_empty() {
                    let at = at.index(characters.len());
                    characters[at] = with;
                    *value = characters.into_iter().collect();
                }
            }
            Self::Uppercase(header) => case.headers[header.index(count)].1.make_ascii_uppercase(),
            Self::Body(..) => {}
        }
    }
}

const NAMES: [&str; 17] = [
    OWN_HEADER,
    "authorization",
    "x-gitlab-token",
    "x-hub-signature-256",
    "stripe-signature",
    "linear-signature",
    "x-pagerduty-signature",
    "sentry-hook-signature",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "svix-id",
    "svix-timestamp",
    "svix-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-shopify-hmac-sha256",
];

/// What stands in such headers, and what should not.
fn fragments() -> impl Strategy<Value = String> {
    prop_oneof![
        select(
            &[
                "",
                " ",
                "\t",
                ",",
                ".",
                "=",
                "0",
                "00",
                "v1=",
                "v0=",
                "v1,",
                "v1 ",
                "v1a,",
                "t=",
                ",v1=00",
                "sha256=",
                "Bearer ",
                "bearer ",
                "1767225600",
                ",t=1767225600",
                "t=1767225600,",
                "v1=00,",
                "v2,AAAA "
            ][..]
        )
        .prop_map(str::to_owned),
        "[0-9a-fA-F]{64}",
        "v1=00(,v1=00){13,16},",
        "(t=[0-9]{0,20})?(,?v[01]=[0-9a-f]{0,64}){0,3}",
        "[ -~é]{0,40}",
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        index().prop_map(Change::Drop),
        index().prop_map(Change::Twice),
        (select(&NAMES[..]), fragments()).prop_map(|(name, value)| Change::Extra(name.to_owned(), value)),
        (index(), fragments()).prop_map(|(header, text)| Change::Before(header, text)),
        (index(), fragments()).prop_map(|(header, text)| Change::Behind(header, text)),
        (index(), fragments()).prop_map(|(header, text)| Change::Instead(header, text)),
        (index(), index(), select(&['0', 'a', 'A', 'v', '=', ',', '.', ' ', 'é'][..]))
            .prop_map(|(header, at, with)| Change::Character(header, at, with)),
        index().prop_map(Change::Uppercase),
        (index(), any::<u8>()).prop_map(|(at, byte)| Change::Body(at, byte)),
        any::<u8>().prop_map(Change::BodyGrows),
    ]
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let time = prop_oneof![
        (-70_000..70_000_i64).prop_map(|apart| (NOW_MS + apart).to_string()),
        select(
            &["null", "\"1767225600000\"", "1767225600", "1767225600500.0", "-1", "{}", "true", "1e40"][..]
        )
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..200),
        "[ -~]{0,80}".prop_map(String::into_bytes),
        time.prop_map(|time| format!(r#"{{"type":"Issue","webhookTimestamp":{time}}}"#).into_bytes()),
    ]
}

/// What the mode's owner may have set: a secret that we make, or a text.
fn secrets(mode: AuthMode) -> impl Strategy<Value = String> {
    (any::<[u8; 32]>(), "[!-~]([ -~]{0,100}[!-~])?", any::<bool>()).prop_map(move |(random, text, ours)| {
        if ours || mode == AuthMode::StandardWebhooks {
            new_secret(mode, random).expose().to_owned()
        } else {
            text
        }
    })
}

/// A request that was signed at some time with some secret, perhaps a valid one, and then changed.
fn cases() -> impl Strategy<Value = Case> {
    let later_s = prop_oneof![
        4 => Just(0),
        4 => select(&[-301, -300, -299, 299, 300, 301_i64][..]),
        1 => -1_000_000_000..1_000_000_000_i64,
    ];
    select(AuthMode::ALL)
        .prop_flat_map(|mode| (Just(mode), vec(secrets(mode), 0..3), secrets(mode)))
        .prop_flat_map(move |(mode, valid, stranger)| {
            let signers: Vec<String> = valid.iter().chain(&valid).chain([&stranger]).cloned().collect();
            (
                Just((mode, valid)),
                select(signers),
                bodies(),
                later_s.clone(),
                vec(changes(), 0..4),
                any::<bool>(),
            )
        })
        .prop_map(|((mode, valid), signer, body, later_s, changes, svix)| {
            let at = Timestamp::from_millis(NOW_MS);
            let mut headers = sign(mode, Some(OWN_HEADER), &secret(&signer), &body, at);
            if svix && mode == AuthMode::StandardWebhooks {
                for (name, _) in &mut headers {
                    *name = name.replace("webhook-", "svix-");
                }
            }
            let mut case = Case { mode, secrets: valid, headers, body, now_ms: NOW_MS + later_s * 1000 };
            for change in changes {
                change.apply(&mut case);
            }
            case
        })
}

fn any_headers() -> impl Strategy<Value = Vec<(String, String)>> {
    vec((select(&NAMES[..]).prop_map(str::to_owned), fragments()), 0..6)
}

/// A document as it is documented, with other things in the places of its members.
fn near_documents() -> impl Strategy<Value = (HeaderMap, Vec<u8>)> {
    let value = prop_oneof![
        select(
            &[
                "null",
                "7",
                "-1e400",
                "true",
                "[]",
                "{}",
                "\"\\ud800\"",
                "\"\\n\\u0000\"",
                "[[{\"a\":1}]]",
                "\"",
                ""
            ][..]
        )
        .prop_map(str::to_owned),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        (1_usize..3000).prop_map(|length| Value::from("🗼 ".repeat(length)).to_string()),
        (1_usize..40)
            .prop_map(|count| format!("[{}0]", "{\"title\":\"x\",\"summary\":\"y\"},".repeat(count))),
    ];
    (select(documented()), vec((any::<Index>(), value), 0..4), vec((any::<Index>(), any::<u8>()), 0..3))
        .prop_map(|((_, headers, document), replaced, flipped)| {
            let mut text = document.to_string();
            for (at, value) in replaced {
                // After a colon stands a value; what ends it is found roughly, which makes for broken documents too.
                let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
                let start = colons.get(at.index(colons.len().max(1))).copied().unwrap_or(0);
                let end = text[start..].find([',', '}']).map_or(text.len(), |end| start + end);
                text.replace_range(start..end, &value);
            }
            let mut body = text.into_bytes();
            for (at, byte) in flipped {
                let at = at.index(body.len().max(1));
                if let Some(place) = body.get_mut(at) {
                    *place = byte;
                }
            }
            (headers, body)
        })
}

const SMALL: [&str; 6] = ["linear", "pagerduty", "sentry", "slack", "shopify", "standard_webhooks"];

/// Reads and summarises with all of them, whichever the request was meant for.
fn check_bounds(headers: &HeaderMap, body: &[u8]) {
    for name in SMALL {
        let profile = find(name).unwrap();
        let incoming = Incoming { headers, body, event_header: None };
        let reading = (profile.read)(&incoming);
        let key = reading.delivery_key.as_ref().map(|key| key.as_str().to_owned());
        let answer = profile.challenge.and_then(|challenge| challenge(&incoming));
        for text in [&reading.event_type, &key, &reading.entity_key, &answer].into_iter().flatten() {
            assert!(!text.is_empty() && text.chars().count() <= INBOUND_TEXT_CHARS_MAX, "{name}: {text:?}");
            assert!(!text.contains(char::is_control), "{name}: {text:?}");
        }
        for event_type in [None, reading.event_type.as_deref()] {
            let summary = (profile.summarise)(&incoming, event_type);
            assert!(summary.text.len() <= 16 * 1024, "{name}: {}", summary.text.len());
            assert!(summary.headline.chars().count() <= INBOUND_TEXT_CHARS_MAX, "{name}");
            assert!(!summary.headline.contains(char::is_control), "{name}: {:?}", summary.headline);
        }
    }
}

proptest! {
    #[test]
    fn signed_and_changed_requests_pass_when_the_rules_say_so(case in cases()) {
        prop_assert_eq!(case.verify(), case.oracle(), "{:?}", case);
    }

    #[test]
    fn made_up_headers_prove_nothing(
        mode in select(&AuthMode::ALL[1..]),
        random in any::<[u8; 32]>(),
        headers in any_headers(),
        body in bodies(),
        now_ms in any::<i64>(),
    ) {
        let secrets = vec![new_secret(mode, random).expose().to_owned()];
        let case = Case { mode, secrets, headers, body, now_ms };
        prop_assert!(!case.verify(), "{:?}", case);
    }

    #[test]
    fn any_secret_gets_an_answer(mode in select(AuthMode::ALL), text in "(whsec_)?[A-Za-z0-9+/]{0,90}={0,2}|.{0,1100}") {
        let made = Verifier::new(mode, None, &[secret(&text)]);
        let signed = sign(mode, None, &secret(&text), b"{}", Timestamp::from_millis(NOW_MS));
        if let Ok(verifier) = made {
            let checked = verifier.verify(&header_map(&signed), b"{}", Timestamp::from_millis(NOW_MS));
            prop_assert_eq!(checked, Ok(()), "{:?}", text);
        } else {
            prop_assert_eq!(signed, [], "{:?}", text);
        }
    }

    #[test]
    fn small_profiles_keep_their_bounds_near_what_is_documented((headers, body) in near_documents()) {
        check_bounds(&headers, &body);
    }

    #[test]
    fn small_profiles_keep_their_bounds_over_any_bytes(
        name in select(&["x-shopify-topic", "sentry-hook-resource", "linear-delivery", "webhook-id", "content-type"][..]),
        value in vec(any::<u8>(), 0..2000),
        body in vec(any::<u8>(), 0..400),
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("x-shopify-shop-domain", HeaderValue::from_static("shop.myshopify.com"));
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
        check_bounds(&headers, &body);
    }
}
