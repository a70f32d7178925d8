//! How each mode works, as a table.

use posthouse_types::AuthMode;

/// The header of [`Scheme::Stripe`].
pub(super) const STRIPE_HEADER: &str = "stripe-signature";

/// How requests of a mode prove who sent them.
#[derive(Debug)]
pub(super) enum Scheme {
    /// Not at all.
    Open,
    /// A header holds a token.
    Token(TokenScheme),
    /// A header holds HMAC-SHA256 signatures.
    Hmac(HmacScheme),
    /// As Stripe does (see [`posthouse_sign::stripe`]).
    Stripe,
    /// Standard Webhooks (see [`posthouse_sign::standard`]).
    Standard,
}

/// A header whose value, after a prefix, is equal to the secret.
#[derive(Debug)]
pub(super) struct TokenScheme {
    /// Lower case; `None`: the owner's choice.
    pub(super) header: Option<&'static str>,
    /// Exactly this, case and all.
    pub(super) prefix: &'static str,
}

/// A header with HMAC-SHA256 of something, keyed with the text of the secret.
#[derive(Debug)]
pub(super) struct HmacScheme {
    /// Lower case.
    pub(super) header: &'static str,
    /// What stands before a signature …
    pub(super) prefix: &'static str,
    /// … or need not.
    pub(super) prefix_optional: bool,
    /// The header is a list, separated by commas; what has another prefix in it is ignored.
    pub(super) list: bool,
    /// How the signature is spelt.
    pub(super) written: Written,
    /// The time that is signed with the body.
    pub(super) time: Option<HeaderTime>,
    /// The time that is told in the body.
    pub(super) body_time: Option<BodyTime>,
}

/// How a signature is spelt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Written {
    /// Hexadecimal digits of either case.
    Hex,
    /// Base64, the standard alphabet, padded.
    Base64,
}

/// A header with unix seconds. Signed are `before`, the header's text, `after` and the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeaderTime {
    pub(super) header: &'static str,
    pub(super) before: &'static str,
    pub(super) after: &'static str,
    /// Either way.
    pub(super) tolerance_s: u64,
}

/// A member of the body, a JSON object, with unix milliseconds. It may be missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyTime {
    pub(super) member: &'static str,
    /// Either way.
    pub(super) tolerance_ms: u64,
}

impl HmacScheme {
    /// A bare hex signature of the body; the rows below say what is different.
    const fn of_body(header: &'static str) -> Self {
        Self {
            header,
            prefix: "",
            prefix_optional: false,
            list: false,
            written: Written::Hex,
            time: None,
            body_time: None,
        }
    }

    /// What is signed, in parts that follow each other.
    pub(super) fn signed<'a>(&self, timestamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 4] {
        match self.time {
            Some(HeaderTime { before, after, .. }) => {
                [before.as_bytes(), timestamp.as_bytes(), after.as_bytes(), body]
            }
            None => [b"", b"", b"", body],
        }
    }
}

/// An owner's choice of header; nothing published.
const STATIC_HEADER: Scheme = Scheme::Token(TokenScheme { header: None, prefix: "" });

/// RFC 6750, section 2.1. It leaves open whether `bearer` is the same; here it is not.
const BEARER: Scheme = Scheme::Token(TokenScheme { header: Some("authorization"), prefix: "Bearer " });

/// GitLab, Webhooks, “Validate payloads by using a secret token”.
const GITLAB: Scheme = Scheme::Token(TokenScheme { header: Some("x-gitlab-token"), prefix: "" });

/// GitHub, “Validating webhook deliveries”.
const GITHUB: Scheme =
    Scheme::Hmac(HmacScheme { prefix: "sha256=", ..HmacScheme::of_body("x-hub-signature-256") });

/// Linear, “Webhooks”, “Securing webhooks”: bare hex, and a minute for `webhookTimestamp`. Moltis wants GitHub's
/// prefix, so senders made for it write that.
const LINEAR: Scheme = Scheme::Hmac(HmacScheme {
    prefix: "sha256=",
    prefix_optional: true,
    body_time: Some(BodyTime { member: "webhookTimestamp", tolerance_ms: 60_000 }),
    ..HmacScheme::of_body("linear-signature")
});

/// PagerDuty, “Verifying signatures”: a list, for the time in which a secret is changed.
const PAGERDUTY: Scheme =
    Scheme::Hmac(HmacScheme { prefix: "v1=", list: true, ..HmacScheme::of_body("x-pagerduty-signature") });

/// Sentry, Integration platform, “Webhooks”. `Sentry-Hook-Timestamp` is not signed and therefore proves nothing.
const SENTRY: Scheme = Scheme::Hmac(HmacScheme::of_body("sentry-hook-signature"));

/// Slack, “Verifying requests from Slack”.
const SLACK: Scheme = Scheme::Hmac(HmacScheme {
    prefix: "v0=",
    time: Some(HeaderTime {
        header: "x-slack-request-timestamp",
        before: "v0:",
        after: ":",
        tolerance_s: 300,
    }),
    ..HmacScheme::of_body("x-slack-signature")
});

/// Shopify, “Deliver webhooks through HTTPS”, “Verify the webhook”.
const SHOPIFY: Scheme =
    Scheme::Hmac(HmacScheme { written: Written::Base64, ..HmacScheme::of_body("x-shopify-hmac-sha256") });

/// The row of a mode.
pub(super) const fn of(mode: AuthMode) -> &'static Scheme {
    match mode {
        AuthMode::None => &Scheme::Open,
        AuthMode::StaticHeader => &STATIC_HEADER,
        AuthMode::Bearer => &BEARER,
        AuthMode::GithubHmacSha256 => &GITHUB,
        AuthMode::GitlabToken => &GITLAB,
        AuthMode::StripeWebhookSignature => &Scheme::Stripe,
        AuthMode::LinearWebhookSignature => &LINEAR,
        AuthMode::PagerdutyV2Signature => &PAGERDUTY,
        AuthMode::SentryWebhookSignature => &SENTRY,
        AuthMode::StandardWebhooks => &Scheme::Standard,
        AuthMode::SlackSignature => &SLACK,
        AuthMode::ShopifyHmacSha256 => &SHOPIFY,
    }
}
