//! What every scenario needs: a place, a fresh gateway, a sink beside it.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::Settings;
use crate::error::{Error, Result};
use crate::payload;
use crate::server::{Endpoint, Home, Server};
use crate::sink::Sink;

/// Nothing new at the sink for this long means that the rest is lost.
pub(super) const STALL: Duration = Duration::from_secs(20);

/// How long a delivery made twice has time to show itself, and the gateway to settle.
const AFTERMATH: Duration = Duration::from_millis(300);

/// The type of events where it does not matter.
pub(super) const KIND: &str = "bench.event";

/// Where a scenario runs.
pub(super) struct Place<'a> {
    pub(super) settings: &'a Settings,
    pub(super) folder: &'a Path,
}

impl Place<'_> {
    /// A folder for a gateway of this name.
    pub(super) fn home(&self, name: &str) -> Result<Home> {
        Home::new(&self.settings.binary, self.folder.join(name))
    }

    /// One or the other.
    pub(super) fn sized<T>(&self, full: T, quick: T) -> T {
        self.settings.sized(full, quick)
    }
}

/// Creates the sink's endpoint of this number for events of these types.
pub(super) async fn endpoint(
    server: &Server,
    sink: &Sink,
    number: usize,
    kinds: &[&str],
) -> Result<Endpoint> {
    server.create_endpoint(&json!({ "url": sink.url(number), "events": kinds })).await
}

/// Events with these numbers.
pub(super) fn events(numbers: Range<usize>, bytes: usize) -> Vec<String> {
    numbers.map(|number| payload::event(KIND, &payload::payload(number, bytes))).collect()
}

/// Gives the gateway time to do what it still has to.
pub(super) async fn settle() {
    tokio::time::sleep(AFTERMATH).await;
}

/// Gives duplicates time to come, and fails when the sink saw what it should not.
pub(super) async fn duplicates(sink: &Sink) -> Result<usize> {
    settle().await;
    match sink.recorder().strange_count() {
        0 => Ok(sink.recorder().take_repeats().len()),
        strange => Err(Error::new(format!("{strange} delivered bodies were not what was published"))),
    }
}
