//! What is accepted and what is refused, and with which reason.

use posthouse_sign::standard::{
    STANDARD_SIGNATURES_CHECKED_MAX, StandardRequest, StandardVerifier, VerifyError, verify,
};

use crate::support::{BODY, ID, NOW_S, Received, asymmetric, signed_by, symmetric};

const TOLERANCE_S: i64 = 300;

#[test]
fn both_kinds_of_key_round_trip() {
    for key in [symmetric(1), asymmetric(1)] {
        assert_eq!(signed_by(&[&key]).check(&[&key]), Ok(()));
    }
}

#[test]
fn any_change_is_refused() {
    for key in [symmetric(1), asymmetric(1)] {
        let changes: [fn(&mut Received); 6] = [
            |received| received.message_id.push('x'),
            |received| received.timestamp = (NOW_S + 1).to_string(),
            |received| received.body[3] ^= 1,
            |received| received.body.push(b' '),
            |received| received.body.clear(),
            |received| received.signatures.truncate(received.signatures.len() - 4),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut received = signed_by(&[&key]);
            change(&mut received);
            assert_eq!(received.check(&[&key]), Err(VerifyError::NoMatch), "change {number}");
        }
    }
}

#[test]
fn another_key_is_refused() {
    assert_eq!(signed_by(&[&symmetric(1)]).check(&[&symmetric(2)]), Err(VerifyError::NoMatch));
    assert_eq!(signed_by(&[&asymmetric(1)]).check(&[&asymmetric(2)]), Err(VerifyError::NoMatch));
    assert_eq!(signed_by(&[&symmetric(1)]).check(&[&asymmetric(1)]), Err(VerifyError::NoMatch));
    assert_eq!(signed_by(&[&symmetric(1)]).check(&[]), Err(VerifyError::NoMatch));
}

#[test]
fn a_signature_of_one_version_is_not_taken_for_the_other() {
    for (key, from, to) in [(symmetric(1), "v1,", "v1a,"), (asymmetric(1), "v1a,", "v1,")] {
        let mut received = signed_by(&[&key]);
        received.signatures = received.signatures.replacen(from, to, 1);
        assert_eq!(received.check(&[&key]), Err(VerifyError::NoMatch));
    }
}

#[test]
fn rotation_overlaps_on_either_side() {
    let (old, new, public) = (symmetric(1), symmetric(2), asymmetric(3));
    let received = signed_by(&[&new, &old, &public]);
    let versions: Vec<&str> =
        received.signatures.split(' ').map(|entry| entry.split_once(',').unwrap().0).collect();
    assert_eq!(versions, ["v1", "v1", "v1a"]);
    for key in [&old, &new, &public] {
        assert_eq!(received.check(&[key]), Ok(()));
    }
    assert_eq!(signed_by(&[&old]).check(&[&public, &new, &old]), Ok(()));
}

#[test]
fn unknown_versions_and_broken_signatures_are_passed_over() {
    let key = symmetric(1);
    let mut received = signed_by(&[&key]);
    received.signatures = format!("v2,AAAA v1 nonsense , v1,%%% v1,AAAA  {} v1a,x", received.signatures);
    assert_eq!(received.check(&[&key]), Ok(()));
}

#[test]
fn a_header_without_a_known_version_is_missing_its_signature() {
    for header in ["", " ", "v1", "v2,AAAA", "V1,AAAA", "sha256=00", "v1=AAAA"] {
        let received = Received { signatures: header.to_owned(), ..signed_by(&[]) };
        assert_eq!(received.check(&[&symmetric(1)]), Err(VerifyError::MissingSignature), "{header:?}");
    }
}

#[test]
fn signatures_beyond_the_bound_are_not_checked() {
    let key = symmetric(1);
    let good = signed_by(&[&key]).signatures;
    let wrong = signed_by(&[&symmetric(2)]).signatures + " ";
    let behind = |count: usize| Received { signatures: wrong.repeat(count) + &good, ..signed_by(&[]) };
    assert_eq!(behind(STANDARD_SIGNATURES_CHECKED_MAX - 1).check(&[&key]), Ok(()));
    assert_eq!(behind(STANDARD_SIGNATURES_CHECKED_MAX).check(&[&key]), Err(VerifyError::NoMatch));
}

#[test]
fn tolerance_holds_to_the_second_both_ways() {
    let key = symmetric(1);
    let received = signed_by(&[&key]);
    for (now_s, expected) in [
        (NOW_S + TOLERANCE_S, Ok(())),
        (NOW_S + TOLERANCE_S + 1, Err(VerifyError::TooOld { age_s: 301 })),
        (NOW_S - TOLERANCE_S, Ok(())),
        (NOW_S - TOLERANCE_S - 1, Err(VerifyError::TooNew { ahead_s: 301 })),
    ] {
        assert_eq!(received.check_at(&[&key], now_s), expected);
    }
}

#[test]
fn extreme_clocks_do_not_overflow() {
    let key = symmetric(1);
    let mut received = signed_by(&[&key]);
    received.timestamp = i64::MAX.to_string();
    assert_eq!(received.check_at(&[&key], i64::MIN), Err(VerifyError::TooNew { ahead_s: u64::MAX }));
    received.timestamp = "0".to_owned();
    let age_s = i64::MAX.unsigned_abs();
    assert_eq!(received.check_at(&[&key], i64::MAX), Err(VerifyError::TooOld { age_s }));
}

#[test]
fn timestamps_have_one_spelling() {
    let key = symmetric(1);
    for timestamp in [
        "",
        "+1767225600",
        "-1",
        " 1767225600",
        "01767225600",
        "1767225600.0",
        "00",
        "1e9",
        "１",
        "9999999999999999999",
    ] {
        let received = Received { timestamp: timestamp.to_owned(), ..signed_by(&[&key]) };
        assert_eq!(received.check(&[&key]), Err(VerifyError::MalformedTimestamp), "{timestamp:?}");
    }
}

#[test]
fn parts_cannot_be_moved_over_a_full_stop() {
    // The same signed bytes, read as another id, timestamp and body.
    let key = symmetric(1);
    let body = format!("{NOW_S}.rest");
    let signatures = key.sign("msg", NOW_S, body.as_bytes());
    let message_id = format!("msg.{NOW_S}");
    let timestamp = NOW_S.to_string();
    let verifier: StandardVerifier = key.verifier();
    let request = StandardRequest {
        message_id: &message_id,
        timestamp: &timestamp,
        signatures: &signatures,
        body: b"rest",
    };
    assert_eq!(verify(&[&verifier], &request, NOW_S, 0), Err(VerifyError::MalformedId));
    let nameless = StandardRequest { message_id: "", ..request };
    assert_eq!(verify(&[&verifier], &nameless, NOW_S, 0), Err(VerifyError::MalformedId));
}

#[test]
fn the_header_is_allocated_once() {
    let keys = [symmetric(1), asymmetric(1), symmetric(2)];
    let keys: Vec<_> = keys.iter().collect();
    let header = posthouse_sign::standard::signature_header(&keys, ID, NOW_S, BODY);
    assert!(header.capacity() <= header.len() + 1, "{} bytes", header.capacity());
    assert_eq!(posthouse_sign::standard::signature_header(&[], ID, NOW_S, BODY), "");
}
