//! The header `t=…,v1=…`, by each scheme that sends it: what is accepted, what is refused and with which reason.

use posthouse_sign::molroo::{self, MOLROO_TOLERANCE_S, MolrooKey, VerifyError};
use posthouse_sign::sonzai::{self, SONZAI_TOLERANCE_S, SonzaiKey};
use posthouse_sign::stripe::{self, STRIPE_TOLERANCE_S, StripeKey};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};

use crate::support::{BODY, NOW_S};

const SECRET: &str = "whsec_current-secret";
const OTHER: &str = "whsec_other-secret";

/// Secrets, header, body, the time now, tolerance.
type Verify = fn(&[&str], &str, &[u8], i64, u32) -> Result<(), VerifyError>;

/// What the schemes have in common, so that every test runs with each.
#[derive(Debug)]
struct Scheme {
    name: &'static str,
    sign: fn(&[&str], i64, &[u8]) -> String,
    verify: Verify,
    tolerance_s: u32,
}

const SCHEMES: [Scheme; 3] = [
    Scheme {
        name: "molroo",
        sign: |secrets, timestamp_s, body| {
            let keys = molroo_keys(secrets);
            molroo::signature_header(&keys.iter().collect::<Vec<_>>(), timestamp_s, body)
        },
        verify: |secrets, header, body, now_s, tolerance_s| {
            let keys = molroo_keys(secrets);
            molroo::verify(&keys.iter().collect::<Vec<_>>(), header, body, now_s, tolerance_s)
        },
        tolerance_s: MOLROO_TOLERANCE_S,
    },
    Scheme {
        name: "sonzai",
        sign: |secrets, timestamp_s, body| {
            let keys = sonzai_keys(secrets);
            sonzai::signature_header(&keys.iter().collect::<Vec<_>>(), timestamp_s, body)
        },
        verify: |secrets, header, body, now_s, tolerance_s| {
            let keys = sonzai_keys(secrets);
            sonzai::verify(&keys.iter().collect::<Vec<_>>(), header, body, now_s, tolerance_s)
        },
        tolerance_s: SONZAI_TOLERANCE_S,
    },
    Scheme {
        name: "stripe",
        sign: |secrets, timestamp_s, body| {
            let keys = stripe_keys(secrets);
            stripe::signature_header(&keys.iter().collect::<Vec<_>>(), timestamp_s, body)
        },
        verify: |secrets, header, body, now_s, tolerance_s| {
            let keys = stripe_keys(secrets);
            stripe::verify(&keys.iter().collect::<Vec<_>>(), header, body, now_s, tolerance_s)
        },
        tolerance_s: STRIPE_TOLERANCE_S,
    },
];

fn molroo_keys(secrets: &[&str]) -> Vec<MolrooKey> {
    secrets.iter().map(|secret| MolrooKey::parse(secret).unwrap()).collect()
}

fn sonzai_keys(secrets: &[&str]) -> Vec<SonzaiKey> {
    secrets.iter().map(|secret| SonzaiKey::parse(secret).unwrap()).collect()
}

fn stripe_keys(secrets: &[&str]) -> Vec<StripeKey> {
    secrets.iter().map(|secret| StripeKey::parse(secret).unwrap()).collect()
}

impl Scheme {
    /// Checks a header over the standard body, now.
    fn check(&self, secrets: &[&str], header: &str) -> Result<(), VerifyError> {
        (self.verify)(secrets, header, BODY, NOW_S, self.tolerance_s)
    }
}

/// The hex of the one signature in a header.
fn hex_of(header: &str) -> &str {
    header.split_once(",v1=").unwrap().1
}

#[test]
fn the_header_has_one_form() {
    for scheme in SCHEMES {
        let header = (scheme.sign)(&[SECRET], NOW_S, BODY);
        let hex = header.strip_prefix("t=1767225600,v1=").unwrap();
        assert_eq!(hex.len(), 64);
        assert!(hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{header}");
        assert_eq!(scheme.check(&[SECRET], &header), Ok(()));
        assert_eq!((scheme.sign)(&[], NOW_S, BODY), "");
    }
}

#[test]
fn malformed_headers_are_refused_each_with_its_reason() {
    for scheme in SCHEMES {
        let good = (scheme.sign)(&[SECRET], NOW_S, BODY);
        let hex = hex_of(&good);
        let upper = hex.to_uppercase();
        for (header, expected) in [
            (String::new(), VerifyError::MalformedHeader),
            (hex.to_owned(), VerifyError::MalformedHeader),
            (format!("{good},"), VerifyError::MalformedHeader),
            (format!(",{good}"), VerifyError::MalformedHeader),
            (format!("t={NOW_S},,v1={hex}"), VerifyError::MalformedHeader),
            (format!("t={NOW_S},v1"), VerifyError::MalformedHeader),
            (format!("t:{NOW_S},v1={hex}"), VerifyError::MalformedHeader),
            (format!("v1={hex}"), VerifyError::MissingTimestamp),
            (format!("T={NOW_S},v1={hex}"), VerifyError::MissingTimestamp),
            (format!(" t={NOW_S},v1={hex}"), VerifyError::MissingTimestamp),
            (format!("t={NOW_S};v1={hex}"), VerifyError::MissingSignature),
            (format!("{good},t={NOW_S}"), VerifyError::RepeatedTimestamp),
            (format!("t=1,{good}"), VerifyError::RepeatedTimestamp),
            (format!("t={NOW_S}"), VerifyError::MissingSignature),
            (format!("t={NOW_S}, v1={hex}"), VerifyError::MissingSignature),
            (format!("t={NOW_S},V1={hex}"), VerifyError::MissingSignature),
            (format!("t={NOW_S},v0={hex}"), VerifyError::MissingSignature),
            (format!("t=,v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t=+{NOW_S},v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t=0{NOW_S},v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t={NOW_S} ,v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t={NOW_S}.0,v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t=-1,v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t=9999999999999999999,v1={hex}"), VerifyError::MalformedTimestamp),
            (format!("t={NOW_S},v1="), VerifyError::NoMatch),
            (format!("t={NOW_S},v1={upper}"), VerifyError::NoMatch),
            (format!("t={NOW_S},v1={hex} "), VerifyError::NoMatch),
            (format!("t={NOW_S},v1={hex}00"), VerifyError::NoMatch),
            (format!("t={NOW_S},v1={}", &hex[..62]), VerifyError::NoMatch),
            (format!("t={NOW_S},v1=sha256={hex}"), VerifyError::NoMatch),
        ] {
            assert_eq!(scheme.check(&[SECRET], &header), Err(expected), "{}: {header:?}", scheme.name);
        }
    }
}

#[test]
fn order_and_unknown_keys_do_not_matter() {
    for scheme in SCHEMES {
        let good = (scheme.sign)(&[SECRET], NOW_S, BODY);
        let hex = hex_of(&good);
        for header in [
            format!("v1={hex},t={NOW_S}"),
            format!("v0=00,t={NOW_S},v2=AA==,v1={hex},=,note= a b "),
            format!("t={NOW_S},v1=nonsense,v1=,v1={hex}"),
        ] {
            assert_eq!(scheme.check(&[SECRET], &header), Ok(()), "{}: {header:?}", scheme.name);
        }
    }
}

#[test]
fn tolerance_holds_to_the_second_both_ways() {
    for scheme in SCHEMES {
        let header = (scheme.sign)(&[SECRET], NOW_S, BODY);
        for (now_s, expected) in [
            (NOW_S + 300, Ok(())),
            (NOW_S + 301, Err(VerifyError::TooOld { age_s: 301 })),
            (NOW_S - 300, Ok(())),
            (NOW_S - 301, Err(VerifyError::TooNew { ahead_s: 301 })),
        ] {
            assert_eq!((scheme.verify)(&[SECRET], &header, BODY, now_s, scheme.tolerance_s), expected);
        }
        // Zero is no tolerance, not no check.
        assert_eq!((scheme.verify)(&[SECRET], &header, BODY, NOW_S, 0), Ok(()));
        let next_second = (scheme.verify)(&[SECRET], &header, BODY, NOW_S + 1, 0);
        assert_eq!(next_second, Err(VerifyError::TooOld { age_s: 1 }));
    }
}

#[test]
fn extreme_clocks_do_not_overflow() {
    for scheme in SCHEMES {
        let last = (scheme.sign)(&[SECRET], i64::MAX, BODY);
        let checked = (scheme.verify)(&[SECRET], &last, BODY, i64::MIN, u32::MAX);
        assert_eq!(checked, Err(VerifyError::TooNew { ahead_s: u64::MAX }));
        // Before 1970 there is no timestamp that would be accepted.
        let first = (scheme.sign)(&[SECRET], i64::MIN, BODY);
        let checked = (scheme.verify)(&[SECRET], &first, BODY, i64::MIN, 0);
        assert_eq!(checked, Err(VerifyError::MalformedTimestamp));
    }
}

#[test]
fn rotation_overlaps_on_either_side() {
    for scheme in SCHEMES {
        let both = (scheme.sign)(&[SECRET, OTHER], NOW_S, BODY);
        let (new, old) = ((scheme.sign)(&[SECRET], NOW_S, BODY), (scheme.sign)(&[OTHER], NOW_S, BODY));
        assert_eq!(both, format!("{new},v1={}", hex_of(&old)), "newest first");
        assert_eq!(scheme.check(&[SECRET], &both), Ok(()));
        assert_eq!(scheme.check(&[OTHER], &both), Ok(()));
        assert_eq!(scheme.check(&[SECRET, OTHER], &old), Ok(()));
        assert_eq!(scheme.check(&["whsec_stranger"], &both), Err(VerifyError::NoMatch));
        assert_eq!(scheme.check(&[], &both), Err(VerifyError::NoMatch));
    }
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    (0..SCHEMES.len()).prop_map(|index| SCHEMES.into_iter().nth(index).unwrap())
}

/// What every scheme takes for a secret; long enough at times to be hashed by HMAC first.
const ANY_SECRET: &str = "(whsec_)?[^\\p{Cc}]{8,120}";

proptest! {
    #[test]
    fn what_is_signed_verifies(
        scheme in any_scheme(),
        secrets in vec(ANY_SECRET, 1..4),
        timestamp_s in 0..i64::MAX,
        body in vec(any::<u8>(), 0..300),
    ) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let header = (scheme.sign)(&secrets, timestamp_s, &body);
        for secret in &secrets {
            prop_assert_eq!((scheme.verify)(&[secret], &header, &body, timestamp_s, 0), Ok(()));
        }
    }

    #[test]
    fn a_changed_body_time_or_key_does_not(
        scheme in any_scheme(),
        (secret, other) in (ANY_SECRET, ANY_SECRET).prop_filter("two keys", |(left, right)| {
            left.trim_start_matches("whsec_") != right.trim_start_matches("whsec_")
        }),
        timestamp_s in 0..i64::MAX,
        body in vec(any::<u8>(), 1..300),
        at in any::<Index>(),
        change in 1..=u8::MAX,
    ) {
        let refused = Err(VerifyError::NoMatch);
        let header = (scheme.sign)(&[&secret], timestamp_s, &body);
        prop_assert_eq!((scheme.verify)(&[&other], &header, &body, timestamp_s, 0), refused);
        let later = format!("t={},v1={}", timestamp_s + 1, hex_of(&header));
        prop_assert_eq!((scheme.verify)(&[&secret], &later, &body, timestamp_s, 1), refused);
        let mut tampered = body;
        let at = at.index(tampered.len());
        tampered[at] ^= change;
        prop_assert_eq!((scheme.verify)(&[&secret], &header, &tampered, timestamp_s, 0), refused);
    }

    #[test]
    fn a_changed_header_does_not(
        scheme in any_scheme(),
        at in any::<Index>(),
        replacement in select(&['0', 'a', 'A', 't', 'v', '1', '=', ',', ' ', 'é'][..]),
    ) {
        let header = (scheme.sign)(&[SECRET], NOW_S, BODY);
        let mut characters: Vec<char> = header.chars().collect();
        let at = at.index(characters.len());
        if characters[at] != replacement {
            characters[at] = replacement;
            let changed: String = characters.into_iter().collect();
            let checked = (scheme.verify)(&[SECRET], &changed, BODY, NOW_S, u32::MAX);
            prop_assert!(checked.is_err(), "accepted {}", changed);
        }
    }

    #[test]
    fn what_is_out_of_tolerance_is_refused(
        scheme in any_scheme(),
        timestamp_s in 0..=i64::from(u32::MAX),
        tolerance_s in any::<u32>(),
        beyond_s in 1..=i64::from(u32::MAX),
    ) {
        let header = (scheme.sign)(&[SECRET], timestamp_s, BODY);
        let check = |now_s| (scheme.verify)(&[SECRET], &header, BODY, now_s, tolerance_s);
        let edge_s = i64::from(tolerance_s);
        prop_assert_eq!(check(timestamp_s + edge_s), Ok(()));
        prop_assert_eq!(check(timestamp_s - edge_s), Ok(()));
        let distance_s = (edge_s + beyond_s).unsigned_abs();
        prop_assert_eq!(check(timestamp_s + edge_s + beyond_s), Err(VerifyError::TooOld { age_s: distance_s }));
        prop_assert_eq!(check(timestamp_s - edge_s - beyond_s), Err(VerifyError::TooNew { ahead_s: distance_s }));
    }

    #[test]
    fn any_header_gets_an_answer(
        scheme in any_scheme(),
        header in prop_oneof![".*", "((t|v0|v1|.)?=?([0-9]{0,20}|[0-9a-f]{64}|.{0,4}),?){0,20}"],
        now_s in any::<i64>(),
        tolerance_s in any::<u32>(),
    ) {
        prop_assert!((scheme.verify)(&[SECRET, OTHER], &header, BODY, now_s, tolerance_s).is_err());
    }
}
