//! `posthouse publish`: one event from the command line, or many from a file.

use std::io::Read as _;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::client::Remote;
use crate::error::Error;
use crate::output::Format;

/// Publish an event, or a file of events.
#[derive(Debug, clap::Args)]
pub(super) struct Publish {
    /// The event's type, such as message.created
    #[arg(required_unless_present = "batch")]
    event_type: Option<String>,
    /// The payload: JSON, @FILE to read it from a file, or - for standard input
    #[arg(default_value = "{}")]
    payload: String,
    /// The session it belongs to
    #[arg(long)]
    session: Option<String>,
    /// The project it belongs to
    #[arg(long)]
    project: Option<String>,
    /// What orders it among others
    #[arg(long)]
    ordering_key: Option<String>,
    /// An id of your own
    #[arg(long)]
    id: Option<String>,
    /// Makes it safe to run this again
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Publish the events of this file, one JSON object a line (- for standard input), all or none
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event_type", "session", "project", "ordering_key", "id"])]
    batch: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

impl Publish {
    pub(super) async fn run(self, format: Format) -> Result<(), Error> {
        let repeat = self.idempotency_key.as_deref();
        let mut count = 1;
        let answer = if let Some(path) = &self.batch {
            let body = Bytes::from(read(&path.display().to_string())?);
            count = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
            self.remote.post("/api/v1/events/batch", "application/x-ndjson", repeat, body).await?
        } else {
            let body = Bytes::from(self.body()?);
            self.remote.post("/api/v1/events", "application/json", repeat, body).await?
        };
        let answer = if answer.is_null() { json!({ "accepted": count }) } else { answer };
        format.print(&answer, || match self.batch {
            Some(_) => format!("Accepted {count} events."),
            None => format!(
                "Accepted {} for {} endpoints.",
                answer["id"].as_str().unwrap_or("the event"),
                answer["deliveries"]
            ),
        });
        Ok(())
    }

    /// The request, with the payload's bytes exactly as given.
    fn body(&self) -> Result<String, Error> {
        let text = match self.payload.strip_prefix('@') {
            Some(path) => read(path)?,
            None if self.payload == "-" => read("-")?,
            None => self.payload.clone(),
        };
        let payload: &RawValue = serde_json::from_str(text.trim())
            .map_err(|error| Error::Usage(format!("the payload is not JSON: {error}")))?;
        let mut members = Map::new();
        members.insert("type".to_owned(), json!(self.event_type));
        let optional = [
            ("session_id", &self.session),
            ("project_id", &self.project),
            ("ordering_key", &self.ordering_key),
            ("id", &self.id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                members.insert(name.to_owned(), json!(value));
            }
        }
        let members = Value::Object(members).to_string();
        Ok(format!(r#"{},"payload":{payload}}}"#, &members[..members.len() - 1]))
    }
}

fn read(path: &str) -> Result<String, Error> {
    if path == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| Error::Usage(format!("{path} can not be read: {error}")))
}
