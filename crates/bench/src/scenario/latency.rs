//! `latency`: how long from publish to arrival, at a steady rate far below what the gateway can do.

use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::setup::{Place, STALL, duplicates, endpoint, events};
use crate::error::{Context, Error, Result};
use crate::load::{self, Form, Requests, Schedule};
use crate::raw::BODY_BYTES;
use crate::report::{Figure, Mark};
use crate::sink::Sink;
use crate::stats::{self, Latencies};

const RATE: u32 = 200;
const CONNECTIONS: usize = 16;
/// Not counted: connections are opened and caches filled.
const WARM_UP: usize = 200;

/// 200 single publishes a second on an open-loop schedule.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let count = WARM_UP + RATE as usize * place.sized(20, 4);
    let sink = Sink::start(count).await?;
    let server = place.home("latency")?.start_with_key().await?;
    endpoint(&server, &sink, 0, &["*"]).await?;

    let schedule = Schedule { rate: RATE, connections: CONNECTIONS, epoch: sink.recorder().epoch() };
    let requests = Requests::prepare(Form::Single, &events(0..count, BODY_BYTES));
    let sent = load::open_loop(server.target(), schedule, requests).await?;
    sink.recorder().wait_for(count, STALL).await?;
    let repeats = duplicates(&sink).await?;

    let counted = || sent.iter().filter(|sent| sent.index >= WARM_UP);
    let mut arrival = Vec::with_capacity(count);
    for sent in counted() {
        let arrived_ns = sink.recorder().first_ns(sent.index).context("an event never arrived")?;
        arrival.push(arrived_ns.checked_sub(sent.began_ns).context("an event arrived before it was sent")?);
    }
    if arrival.is_empty() {
        return Err(Error::new("nothing was sent"));
    }
    let arrival = Latencies::from_ns(arrival);
    let answer = Latencies::from_ns(counted().map(|sent| sent.answered_after_ns).collect());
    let late = Latencies::from_ns(counted().map(|sent| sent.late_ns).collect());
    server.stop().await?;
    let folder = place.folder.to_owned();
    let disk = tokio::task::spawn_blocking(move || disk_alone(&folder)).await.context("disk")??;
    Ok(vec![
        Figure::one("publish to arrival, p50", "ms", arrival.percentile_ms(500)).mark(Mark::AtMost(1.0)),
        Figure::one("publish to arrival, p99", "ms", arrival.percentile_ms(990)).mark(Mark::AtMost(3.0)),
        Figure::one("publish to arrival, worst", "ms", arrival.percentile_ms(1_000)),
        Figure::one("publish to 202, p50", "ms", answer.percentile_ms(500)),
        Figure::one("publish to 202, p99", "ms", answer.percentile_ms(990)),
        Figure::one("fdatasync alone at that rate, p50", "ms", disk.percentile_ms(500)),
        Figure::one("fdatasync alone at that rate, p99", "ms", disk.percentile_ms(990)),
        Figure::one("load generator late, p99", "ms", late.percentile_ms(990)),
        Figure::one("duplicates", "", stats::float(repeats)).mark(Mark::AtMost(0.0)),
    ])
}

/// What the disk takes by itself: as much as a commit writes, synced at the same rate, with nothing else going on.
/// No gateway that syncs before it answers can be quicker.
#[expect(
    clippy::disallowed_methods,
    reason = "it has a thread of its own, and the runtime's timer ticks too coarsely"
)]
fn disk_alone(folder: &Path) -> Result<Latencies> {
    const SYNCS: u32 = RATE * 5;
    const COMMIT_BYTES: usize = 32 * 1_024;
    let mut file = tempfile::tempfile_in(folder).context("file beside the data")?;
    file.write_all(&vec![1; 64 * COMMIT_BYTES]).context("write")?;
    file.sync_all().context("sync")?;
    let commit = vec![2; COMMIT_BYTES];
    let began = Instant::now();
    let mut taken = Vec::new();
    for n in 0..SYNCS {
        let due = Duration::from_secs(1) / RATE * n;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let started = Instant::now();
        if n % 64 == 0 {
            file.rewind().context("rewind")?;
        }
        file.write_all(&commit).context("write")?;
        file.sync_data().context("fdatasync")?;
        taken.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    Ok(Latencies::from_ns(taken))
}
