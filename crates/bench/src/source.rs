//! Sources and agents through the native API: making them, and asking what became of what arrived.

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Context, Result};
use crate::load::Connection;

const JSON: &str = "application/json";
const PAGE: usize = 500;
/// What a segment of a path may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// A source as the API creates it.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    /// Its id.
    pub id: String,
    public_id: String,
}

impl Source {
    /// Where the provider posts to.
    pub fn path(&self) -> String {
        format!("/api/webhooks/ingest/{}", self.public_id)
    }
}

/// What arrived, as the API lists it.
#[derive(Debug, Clone, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// Its number, which the answer to the provider has as well.
    pub number: u64,
    /// What became of it.
    pub status: Status,
    /// What tells it from others.
    pub dedup_key: Option<String>,
    /// Its session.
    pub session_id: Option<String>,
    /// How often an agent began to work on it.
    pub runs: usize,
    /// Why the last run failed.
    pub error: Option<String>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// On disk.
    Received,
    /// Of a type that is not wanted.
    Filtered,
    /// Here before.
    Deduplicated,
    /// Refused.
    Rejected,
    /// An agent will work on it.
    Queued,
    /// An agent works on it.
    Processing,
    /// Worked on.
    Completed,
    /// Not to be worked on any more.
    Failed,
}

impl Status {
    /// Whether it was taken on: then all else follows.
    pub fn is_taken_on(self) -> bool {
        !matches!(self, Self::Filtered | Self::Deduplicated | Self::Rejected)
    }

    /// Whether nothing follows any more of what was taken on.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// What was said in a session.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// `user` or `assistant`.
    pub role: String,
    /// The delivery that it is about.
    pub delivery_id: Option<String>,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Agent {
    id: String,
}

/// Creates a source.
pub async fn create(connection: &mut Connection, source: &Value) -> Result<Source> {
    let answer = connection.post("/api/v1/sources", JSON, Bytes::from(source.to_string())).await?;
    let body = answer.expect(StatusCode::CREATED).context("create a source")?;
    serde_json::from_slice(&body).context("created source")
}

/// Creates an agent; gives its id.
pub async fn create_agent(connection: &mut Connection, agent: &Value) -> Result<String> {
    let answer = connection.post("/api/v1/agents", JSON, Bytes::from(agent.to_string())).await?;
    let body = answer.expect(StatusCode::CREATED).context("create an agent")?;
    let agent: Agent = serde_json::from_slice(&body).context("created agent")?;
    Ok(agent.id)
}

/// All deliveries to a source that pass a filter (`status=rejected`), newest first.
pub async fn deliveries(connection: &mut Connection, source: &Source, filter: &str) -> Result<Vec<Delivery>> {
    let path = format!("/api/v1/sources/{}/deliveries?limit={PAGE}&{filter}", source.id);
    pages(connection, &path, |_| true).await.context("list deliveries")
}

/// What was said in a session, newest first, one page after another as long as `more` says so of one.
pub async fn messages(
    connection: &mut Connection,
    session: &str,
    more: impl FnMut(&[Message]) -> bool,
) -> Result<Vec<Message>> {
    let session = utf8_percent_encode(session, SEGMENT);
    let path = format!("/api/v1/sessions/{session}/messages?limit={PAGE}");
    pages(connection, &path, more).await.context("list messages")
}

async fn pages<T: DeserializeOwned>(
    connection: &mut Connection,
    path: &str,
    mut more: impl FnMut(&[T]) -> bool,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let answer = match &cursor {
            None => connection.get(path).await?,
            Some(cursor) => {
                let cursor = utf8_percent_encode(cursor, SEGMENT);
                connection.get(&format!("{path}&cursor={cursor}")).await?
            }
        };
        let page: Page<T> = serde_json::from_slice(&answer.expect(StatusCode::OK)?).context("page")?;
        let goes_on = more(&page.data);
        all.extend(page.data);
        cursor = page.next_cursor.filter(|_| goes_on);
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::utf8_percent_encode;

    use super::{Delivery, SEGMENT, Status};

    #[test]
    fn a_session_is_one_segment_of_a_path() {
        let session = "webhook:wh_1:github:acme/widgets:pr:7";
        let segment = utf8_percent_encode(session, SEGMENT).to_string();
        assert_eq!(segment, "webhook:wh_1:github:acme%2Fwidgets:pr:7");
    }

    #[test]
    fn a_delivery_is_read_as_the_api_shows_it() {
        let text = r#"{"id":"inb_1","number":3,"source_id":"src_1","status":"queued","dedup_key":null,
                       "session_id":"s","runs":0,"error":null}"#;
        let delivery: Delivery = serde_json::from_str(text).unwrap();
        assert_eq!((delivery.number, delivery.status), (3, Status::Queued));
        assert!(delivery.status.is_taken_on() && !delivery.status.is_final());
        assert!(!Status::Deduplicated.is_taken_on());
    }
}
