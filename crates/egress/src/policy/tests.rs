//! Tables of addresses against the policy.

use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().expect("the table's addresses are valid")
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().expect("the table's networks are valid")).collect()
}

fn reason(policy: &AddressPolicy, text: &str) -> Option<BlockReason> {
    policy.check(address(text)).err().map(|blocked| blocked.reason)
}

#[test]
fn public_addresses_pass() {
    let policy = AddressPolicy::default();
    for text in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
    ] {
        assert_eq!(reason(&policy, text), None, "{text}");
    }
}

#[test]
fn refused_addresses_name_their_rule() {
    let policy = AddressPolicy::default();
    for (text, expected) in [
        ("0.0.0.0", BlockReason::Unspecified),
        ("0.255.255.255", BlockReason::Unspecified),
        ("10.255.255.255", BlockReason::Private),
        ("100.64.0.1", BlockReason::Shared),
        ("100.100.100.200", BlockReason::Metadata),
        ("127.255.255.254", BlockReason::Loopback),
        ("168.63.129.16", BlockReason::Metadata),
        ("169.254.0.1", BlockReason::LinkLocal),
        ("169.254.169.254", BlockReason::Metadata),
        ("169.254.170.2", BlockReason::Metadata),
        ("172.31.255.255", BlockReason::Private),
        ("192.0.0.192", BlockReason::Metadata),
        ("192.168.255.255", BlockReason::Private),
        ("198.19.255.255", BlockReason::Reserved),
        ("224.0.0.1", BlockReason::Multicast),
        ("240.0.0.1", BlockReason::Reserved),
        ("255.255.255.255", BlockReason::Multicast),
        ("::", BlockReason::Unspecified),
        ("::1", BlockReason::Loopback),
        ("::2", BlockReason::EmbeddedIpv4),
        ("::8.8.8.8", BlockReason::EmbeddedIpv4),
        ("::ffff:8.8.8.8", BlockReason::EmbeddedIpv4),
        ("::ffff:0:8.8.8.8", BlockReason::EmbeddedIpv4),
        ("64:ff9b::8.8.8.8", BlockReason::EmbeddedIpv4),
        ("64:ff9b:1::1", BlockReason::EmbeddedIpv4),
        ("2002:808:808::1", BlockReason::EmbeddedIpv4),
        ("2001::1", BlockReason::EmbeddedIpv4),
        ("100::1", BlockReason::Reserved),
        ("2001:2::1", BlockReason::Reserved),
        ("2001:10::1", BlockReason::Reserved),
        ("2001:20::1", BlockReason::Reserved),
        ("2001:db8::1", BlockReason::Reserved),
        ("3fff::1", BlockReason::Reserved),
        ("4000::1", BlockReason::NotGlobal),
        ("5f00::1", BlockReason::NotGlobal),
        ("fc00::1", BlockReason::LocalNetwork),
        ("fd00:ec2::254", BlockReason::Metadata),
        ("fd20:ce::254", BlockReason::Metadata),
        ("fe80::1", BlockReason::LinkLocal),
        ("fe80::a9fe:a9fe", BlockReason::Metadata),
        ("fec0::1", BlockReason::LocalNetwork),
        ("ff02::1", BlockReason::Multicast),
    ] {
        assert_eq!(reason(&policy, text), Some(expected), "{text}");
    }
}

#[test]
fn allow_private_lifts_local_networks_but_never_metadata() {
    let policy = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
    for text in
        ["127.0.0.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1", "::1", "fd12::1", "fe80::1"]
    {
        assert_eq!(reason(&policy, text), None, "{text}");
    }
    for text in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"] {
        assert_eq!(reason(&policy, text), Some(BlockReason::Metadata), "{text}");
    }
    for text in ["0.0.0.0", "224.0.0.1", "203.0.113.1", "::ffff:127.0.0.1", "2002:7f00:1::"] {
        assert!(reason(&policy, text).is_some(), "{text}");
    }
}

#[test]
fn allow_wins_over_the_built_in_list_and_deny_over_all() {
    let policy = AddressPolicy {
        allow_private: true,
        allow: nets(&["10.1.0.0/16", "169.254.169.254/32"]),
        deny: nets(&["10.1.2.0/24", "192.168.0.0/16", "8.8.8.8/32"]),
    };
    for (text, expected) in [
        ("10.1.1.1", None),
        ("169.254.169.254", None),
        ("10.1.2.3", Some(BlockReason::Denied)),
        ("192.168.1.1", Some(BlockReason::Denied)),
        ("8.8.8.8", Some(BlockReason::Denied)),
        ("::ffff:8.8.8.8", Some(BlockReason::Denied)),
        ("64:ff9b::808:808", Some(BlockReason::Denied)),
        ("1.1.1.1", None),
    ] {
        assert_eq!(reason(&policy, text), expected, "{text}");
    }
}

#[test]
fn an_allowed_embedding_is_decided_by_the_address_inside() {
    let policy = AddressPolicy { allow: nets(&["64:ff9b::/96"]), ..AddressPolicy::default() };
    assert_eq!(reason(&policy, "64:ff9b::8.8.8.8"), None);
    assert_eq!(reason(&policy, "64:ff9b::127.0.0.1"), Some(BlockReason::Loopback));
    assert_eq!(reason(&policy, "64:ff9b::169.254.169.254"), Some(BlockReason::Metadata));
    let everything_v6 = AddressPolicy { allow: nets(&["::/0"]), ..AddressPolicy::default() };
    assert_eq!(reason(&everything_v6, "::ffff:127.0.0.1"), Some(BlockReason::Loopback));
    assert_eq!(reason(&everything_v6, "2002:7f00:1::1"), Some(BlockReason::Loopback));
    assert_eq!(reason(&everything_v6, "2001::80ff:fffe"), Some(BlockReason::Loopback));
}

#[test]
fn one_refused_address_refuses_a_mixed_answer() {
    let policy = AddressPolicy::default();
    let answer = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(address(text), 443)).collect()
    };
    assert_eq!(policy.check_all(&answer(&["1.1.1.1", "2606:4700::1"])), Ok(()));
    for mixed in [["1.1.1.1", "127.0.0.1"], ["10.0.0.1", "1.1.1.1"], ["1.1.1.1", "::ffff:10.0.0.1"]] {
        assert!(policy.check_all(&answer(&mixed)).is_err(), "{mixed:?}");
    }
}
