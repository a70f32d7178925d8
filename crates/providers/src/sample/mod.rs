//! Realistic requests, for trying a source out.
//!
//! Bodies are files in `data/`, one per event of a profile's catalogue, in the form of the providers' documentation;
//! who and what is in them does not exist. In them `{unique}` stands for what must not repeat, and `{event}` for the
//! type.

use http::HeaderValue;
use serde_json::Value;

/// A request as a provider would send it, unsigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Headers beyond those that sign.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The samples of a profile.
struct Samples {
    profile: &'static str,
    events: &'static [&'static str],
    /// In the order of `events`.
    bodies: &'static [&'static str],
    /// The body for any other type, when there may be one.
    other: Option<&'static str>,
    /// The headers of a type, with what must not repeat.
    headers: fn(&str, &str) -> Vec<(&'static str, String)>,
}

macro_rules! samples {
    ($profile:literal, $headers:ident, $other:expr, [$($event:literal,)*]) => {
        Samples {
            profile: $profile,
            events: &[$($event,)*],
            bodies: &[$(include_str!(concat!("data/", $profile, "/", $event, ".json")),)*],
            other: $other,
            headers: $headers,
        }
    };
}

static ALL: [Samples; 4] = [
    samples!("generic", generic, Some(include_str!("data/generic/any.json")), ["deploy.completed",]),
    samples!(
        "github",
        github,
        None,
        [
            "pull_request.opened",
            "pull_request.synchronize",
            "pull_request.closed",
            "push",
            "issues.opened",
            "issues.labeled",
            "issue_comment.created",
            "pull_request_review.submitted",
            "release.published",
            "workflow_run.completed",
            "check_suite.completed",
            "ping",
        ]
    ),
    samples!(
        "gitlab",
        gitlab,
        None,
        [
            "merge_request.open",
            "merge_request.update",
            "merge_request.merge",
            "push",
            "note",
            "issue.open",
            "pipeline",
            "release",
        ]
    ),
    samples!(
        "stripe",
        stripe,
        None,
        [
            "checkout.session.completed",
            "payment_intent.succeeded",
            "payment_intent.payment_failed",
            "invoice.paid",
            "invoice.payment_failed",
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.deleted",
            "charge.dispute.created",
        ]
    ),
];

/// The types of which a profile has samples of its own, the most telling first; none of an unknown profile. The
/// generic profile has one for any other type, too.
pub fn events(profile: &str) -> &'static [&'static str] {
    of(profile).map_or(&[], |samples| samples.events)
}

/// A request of this profile and type, with `unique` where providers have ids that never repeat; `None` when there is
/// none. Both texts must be fit for headers: visible ASCII, as ids are.
pub fn sample(profile: &str, event_type: &str, unique: &str) -> Option<Sample> {
    let samples = of(profile)?;
    let is_text = |text: &str| !text.trim().is_empty() && HeaderValue::from_str(text).is_ok();
    if !is_text(event_type) || !is_text(unique) {
        return None;
    }
    let own = samples.events.iter().zip(samples.bodies).find(|(event, _)| **event == event_type);
    let template = own.map(|(_, body)| *body).or(samples.other)?;
    let body = template.replace("{event}", &escaped(event_type)).replace("{unique}", &escaped(unique));
    let headers = (samples.headers)(event_type, unique);
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Some(Sample { headers, body })
}

fn of(profile: &str) -> Option<&'static Samples> {
    ALL.iter().find(|samples| samples.profile == profile)
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

const JSON: &str = "application/json";

fn generic(event_type: &str, unique: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", JSON.to_owned()),
        ("User-Agent", "example-service/1.0".to_owned()),
        ("X-Event-Type", event_type.to_owned()),
        ("X-Delivery-Id", unique.to_owned()),
    ]
}

/// GitHub, Webhook events and payloads: delivery headers.
fn github(event_type: &str, unique: &str) -> Vec<(&'static str, String)> {
    let event = event_type.split('.').next().unwrap_or(event_type);
    vec![
        ("Content-Type", JSON.to_owned()),
        ("User-Agent", "GitHub-Hookshot/044aadd".to_owned()),
        ("X-GitHub-Event", event.to_owned()),
        ("X-GitHub-Delivery", unique.to_owned()),
        ("X-GitHub-Hook-ID", "458120934".to_owned()),
        ("X-GitHub-Hook-Installation-Target-ID", "17273051".to_owned()),
        ("X-GitHub-Hook-Installation-Target-Type", "repository".to_owned()),
    ]
}

/// GitLab, Webhooks: delivery headers. The event is the family in words, `Merge Request Hook`.
fn gitlab(event_type: &str, unique: &str) -> Vec<(&'static str, String)> {
    let family = event_type.split('.').next().unwrap_or(event_type);
    let words = family.split('_').map(|word| match word.split_at_checked(1) {
        Some((first, rest)) => format!("{}{rest}", first.to_ascii_uppercase()),
        None => String::new(),
    });
    let event = words.chain(["Hook".to_owned()]).collect::<Vec<_>>().join(" ");
    vec![
        ("Content-Type", JSON.to_owned()),
        ("User-Agent", "GitLab/18.5.1".to_owned()),
        ("X-Gitlab-Event", event),
        ("X-Gitlab-Event-UUID", unique.to_owned()),
        ("X-Gitlab-Webhook-UUID", "7b0c9f3e-51d4-4a86-9e2d-0c8f6a17b3d5".to_owned()),
        ("X-Gitlab-Instance", "https://gitlab.example".to_owned()),
        ("Idempotency-Key", unique.to_owned()),
    ]
}

/// Stripe says in the body what it is and which (Stripe, The Event object).
fn stripe(_event_type: &str, _unique: &str) -> Vec<(&'static str, String)> {
    vec![
        ("Content-Type", "application/json; charset=utf-8".to_owned()),
        ("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
    ]
}
