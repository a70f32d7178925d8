//! `latency`: how long from publish to arrival, at a steady rate far below what the gateway can do.

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
    Ok(vec![
        Figure::one("publish to arrival, p50", "ms", arrival.percentile_ms(500)).mark(Mark::AtMost(1.0)),
        Figure::one("publish to arrival, p99", "ms", arrival.percentile_ms(990)).mark(Mark::AtMost(3.0)),
        Figure::one("publish to arrival, worst", "ms", arrival.percentile_ms(1_000)),
        Figure::one("publish to 202, p50", "ms", answer.percentile_ms(500)),
        Figure::one("publish to 202, p99", "ms", answer.percentile_ms(990)),
        Figure::one("load generator late, p99", "ms", late.percentile_ms(990)),
        Figure::one("duplicates", "", stats::float(repeats)).mark(Mark::AtMost(0.0)),
    ])
}
