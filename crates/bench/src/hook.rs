//! What a provider sends: GitHub's `pull_request` event (GitHub, Webhook events and payloads), signed, with a key of
//! its own in each request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::error::{Context, Error, Result};
use crate::load::{Connection, Target};
use crate::signature::Signer;
use crate::stats::{self, Latencies};

const EVENT: HeaderName = HeaderName::from_static("x-github-event");
const DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
const KEY: &str = "bench-";
const KEY_DIGITS: usize = 10;
/// Bodies made for a load; requests take them in turn.
const BODIES: usize = 256;
/// From this size on, a payload holds the repository as often as GitHub's do.
const WHOLE_BYTES_MIN: usize = 6 * 1_024;
const WORDS: &str = "Keeps the queue short while the store is slow, and says so in the log. ";

/// One request.
#[derive(Clone)]
pub struct Hook {
    /// Its headers, the signature among them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Hook {
    /// A request with this number in its key, about this pull request.
    pub fn new(signer: &Signer, number: usize, pull_request: usize, bytes: usize) -> Result<Self> {
        let body = Bytes::from(payload(pull_request, bytes));
        let signature = signer.sign_hook(&body);
        Self::signed(number, body, &signature)
    }

    /// Requests with these numbers, whose bodies repeat: only their keys tell them apart.
    pub fn several(signer: &Signer, numbers: std::ops::Range<usize>, bytes: usize) -> Result<Vec<Self>> {
        let bodies: Vec<(Bytes, String)> = (0..BODIES)
            .map(|pull_request| {
                let body = Bytes::from(payload(pull_request, bytes));
                let signature = signer.sign_hook(&body);
                (body, signature)
            })
            .collect();
        numbers
            .map(|number| {
                let (body, signature) = &bodies[number % BODIES];
                Self::signed(number, body.clone(), signature)
            })
            .collect()
    }

    fn signed(number: usize, body: Bytes, signature: &str) -> Result<Self> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static("GitHub-Hookshot/bench"));
        headers.insert(EVENT, HeaderValue::from_static("pull_request"));
        headers.insert(DELIVERY, HeaderValue::try_from(key(number)).context("delivery key")?);
        headers.insert(SIGNATURE, HeaderValue::try_from(signature).context("signature")?);
        Ok(Self { headers, body })
    }
}

/// The delivery key with this number.
pub fn key(number: usize) -> String {
    format!("{KEY}{number:0KEY_DIGITS$}")
}

/// The number in the first of our keys in a text.
pub fn number(text: &str) -> Option<usize> {
    let digits = text.get(text.find(KEY)? + KEY.len()..)?.get(..KEY_DIGITS)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A payload of exactly `bytes` bytes, or as short as it can be.
fn payload(number: usize, bytes: usize) -> String {
    let whole = bytes >= WHOLE_BYTES_MIN;
    let bare = opened(number, whole, "").to_string();
    let filling = bytes.saturating_sub(bare.len());
    let words: String = WORDS.chars().cycle().take(filling).collect();
    opened(number, whole, &words).to_string()
}

fn opened(number: usize, whole: bool, description: &str) -> Value {
    let repository = repository(whole);
    let branch = |name: &str| {
        let mut branch =
            json!({ "label": format!("acme:{name}"), "ref": name, "sha": format!("{number:040x}") });
        if whole {
            branch["repo"] = repository.clone();
        }
        branch
    };
    json!({
        "action": "opened",
        "number": number,
        "pull_request": {
            "id": 1_800_000_000 + number,
            "html_url": format!("https://github.com/acme/widgets/pull/{number}"),
            "number": number,
            "state": "open",
            "title": "Bound the queue",
            "user": user("octocat", 583_231),
            "body": description,
            "head": branch("bound-the-queue"),
            "base": branch("main"),
            "draft": false,
            "additions": 1_203,
            "deletions": 87,
            "changed_files": 14,
        },
        "repository": repository,
        "sender": user("octocat", 583_231),
    })
}

fn user(login: &str, id: u32) -> Value {
    json!({ "login": login, "id": id, "type": "User" })
}

fn repository(whole: bool) -> Value {
    const PARTS: [&str; 16] = [
        "assignees",
        "blobs",
        "branches",
        "collaborators",
        "comments",
        "commits",
        "compare",
        "contents",
        "deployments",
        "events",
        "hooks",
        "issues",
        "labels",
        "milestones",
        "pulls",
        "releases",
    ];
    let mut repository = json!({ "id": 1_296_269, "full_name": "acme/widgets", "private": false });
    if whole {
        for part in PARTS {
            let url = format!("https://api.github.com/repos/acme/widgets/{part}{{/number}}");
            repository[format!("{part}_url")] = Value::String(url);
        }
    }
    repository
}

/// What came of sending requests.
pub struct Posted {
    /// From the first request to the last answer.
    pub took: Duration,
    /// How long the answers took.
    pub answers: Latencies,
}

impl Posted {
    /// Requests answered per second.
    pub fn per_second(&self) -> f64 {
        stats::per_second(self.answers.count(), self.took)
    }
}

/// Posts all to this path over `connections`, on each the next one as soon as the one before is answered. Fails when
/// one is answered with another status than this.
pub async fn post_all(
    target: &Target,
    path: &str,
    connections: usize,
    hooks: &Arc<[Hook]>,
    status: StatusCode,
) -> Result<Posted> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(target).await?);
    }
    let (next, path): (_, Arc<str>) = (Arc::new(AtomicUsize::new(0)), path.into());
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for connection in open {
        let (hooks, next, path) = (Arc::clone(hooks), Arc::clone(&next), Arc::clone(&path));
        senders.spawn(async move { post_next(connection, &path, &hooks, &next, status).await });
    }
    let mut answers_ns = Vec::with_capacity(hooks.len());
    while let Some(sent) = senders.join_next().await {
        answers_ns.extend(sent.context("sender")??);
    }
    let took = began.elapsed();
    if answers_ns.len() != hooks.len() {
        return Err(Error::new(format!("{} of {} requests were answered", answers_ns.len(), hooks.len())));
    }
    Ok(Posted { took, answers: Latencies::from_ns(answers_ns) })
}

async fn post_next(
    mut connection: Connection,
    path: &str,
    hooks: &[Hook],
    next: &AtomicUsize,
    status: StatusCode,
) -> Result<Vec<u64>> {
    let mut answers_ns = Vec::new();
    while let Some(Hook { headers, body }) = hooks.get(next.fetch_add(1, Ordering::Relaxed)).cloned() {
        let began = Instant::now();
        let answer = connection.post_keyless(path, headers, body).await?;
        answers_ns.push(stats::nanoseconds(began.elapsed()));
        answer.expect(status)?;
    }
    Ok(answers_ns)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::{Hook, key, number, payload, post_all};
    use crate::load::Target;
    use crate::plain;
    use crate::signature::Signer;

    #[test]
    fn a_payload_is_json_of_its_size() {
        for bytes in [1_024, 8 * 1_024] {
            let text = payload(7, bytes);
            assert_eq!(text.len(), bytes);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["pull_request"]["number"], 7);
            assert_eq!(value["repository"]["full_name"], "acme/widgets");
        }
    }

    #[test]
    fn a_key_gives_its_number_back() {
        assert_eq!(number(&format!("Delivery: {}\nbench-0000000008", key(7))), Some(7));
        assert_eq!(number("bench-7"), None);
        assert_eq!(number("Delivery: 7"), None);
    }

    #[tokio::test]
    async fn every_request_is_answered_as_expected_or_it_fails() {
        let listener = plain::listen().await.unwrap();
        let target = Target::new(listener.local_addr().unwrap(), "").unwrap();
        let serving = tokio::spawn(plain::serve(listener));
        let hooks = Hook::several(&Signer::new(b"secret").unwrap(), 0..300, 1_024).unwrap().into();
        let posted = post_all(&target, "/a/b", 4, &hooks, StatusCode::ACCEPTED).await.unwrap();
        assert_eq!(posted.answers.count(), 300);
        let other = post_all(&target, "/a/b", 4, &hooks, StatusCode::OK).await;
        assert!(other.err().unwrap().to_string().contains("202"));
        serving.abort();
    }
}
