//! Retry policies.

use std::time::Duration;

use posthouse_types::RetryPolicy;
use posthouse_types::retry::{Schedule, Steps};
use serde_json::Number;

use super::super::wire;
use crate::http::Fields;

/// The numbers of a computed schedule where nothing is said. They are WhatsApp Gateway's, but for the cap.
const STEPS_DEFAULT: Steps = Steps { delay_s: 2, attempts: 15, cap_s: 21_600 };

const NAMES: &str = "must be standard, exponential, linear, constant or custom";

/// Reads a policy. Members that it does not have are refused: someone meant something by them.
pub(super) fn policy_in(policy: &wire::PolicyIn, fields: &mut Fields) -> Option<RetryPolicy> {
    let bare;
    let (members, name_location) = match policy {
        wire::PolicyIn::Members(members) => (members, "body.retry_policy.policy"),
        wire::PolicyIn::Name(name) => {
            bare = wire::PolicyMembers {
                policy: name.clone(),
                delay_seconds: None,
                attempts: None,
                cap_seconds: None,
                delays_seconds: None,
                jitter: None,
            };
            (&bare, "body.retry_policy")
        }
    };
    let steps = Steps {
        delay_s: members.delay_seconds.unwrap_or(STEPS_DEFAULT.delay_s),
        attempts: members.attempts.unwrap_or(STEPS_DEFAULT.attempts),
        cap_s: members.cap_seconds.unwrap_or(STEPS_DEFAULT.cap_s),
    };
    let (schedule, has_steps, has_waits) = match members.policy.as_str() {
        "standard" => (Schedule::Standard, false, false),
        "exponential" => (Schedule::Exponential(steps), true, false),
        "linear" => (Schedule::Linear(steps), true, false),
        "constant" => (Schedule::Constant(steps), true, false),
        "custom" => (Schedule::Custom(members.delays_seconds.clone().unwrap_or_default()), false, true),
        other => {
            fields.read(other, |_| Err::<(), _>(NAMES), || name_location.to_owned());
            return None;
        }
    };
    let stray = [
        ("delay_seconds", members.delay_seconds.is_some() && !has_steps),
        ("attempts", members.attempts.is_some() && !has_steps),
        ("cap_seconds", members.cap_seconds.is_some() && !has_steps),
        ("delays_seconds", members.delays_seconds.is_some() && !has_waits),
    ];
    for (member, _) in stray.iter().filter(|(_, is_stray)| *is_stray) {
        let message = format!("does not belong to the policy {}", members.policy);
        fields.refuse(format!("body.retry_policy.{member}"), message);
    }
    if has_waits && members.delays_seconds.is_none() {
        fields.refuse("body.retry_policy.delays_seconds", "is required for the policy custom");
    }
    RetryPolicy::new(schedule, members.jitter)
        .map_err(|(member, invalid)| fields.refuse(format!("body.retry_policy.{member}"), invalid))
        .ok()
}

/// A policy with the members that it has, so that it can be sent back as it is.
pub(super) fn policy_out(policy: &RetryPolicy) -> wire::RetryPolicy {
    let bare = wire::RetryPolicy {
        policy: "standard",
        delay_seconds: None,
        attempts: None,
        cap_seconds: None,
        delays_seconds: None,
        jitter: policy.jitter(),
    };
    let stepped = |name, steps: &Steps| wire::RetryPolicy {
        policy: name,
        delay_seconds: Some(steps.delay_s),
        attempts: Some(steps.attempts),
        cap_seconds: Some(steps.cap_s),
        delays_seconds: None,
        jitter: policy.jitter(),
    };
    match policy.schedule() {
        Schedule::Standard => bare,
        Schedule::Exponential(steps) => stepped("exponential", steps),
        Schedule::Linear(steps) => stepped("linear", steps),
        Schedule::Constant(steps) => stepped("constant", steps),
        Schedule::Custom(waits) => {
            let waits = waits.iter().filter_map(|seconds| plain(*seconds)).collect();
            wire::RetryPolicy { policy: "custom", delays_seconds: Some(waits), ..bare }
        }
    }
}

/// Whole seconds without a decimal point, as most people write them.
fn plain(seconds: f64) -> Option<Number> {
    let whole = Duration::from_secs_f64(seconds);
    if whole.subsec_nanos() == 0 { Some(whole.as_secs().into()) } else { Number::from_f64(seconds) }
}
