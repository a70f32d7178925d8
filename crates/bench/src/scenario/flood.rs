//! `flood`: requests with forged signatures. They are to cost neither memory nor disk, and nobody else their turn.

use std::sync::Arc;

use http::StatusCode;

use super::ingest::{Gateway, hooks};
use super::setup::{Place, settle};
use crate::error::{Context, Result};
use crate::hook::{Hook, post_all};
use crate::load::Connection;
use crate::process::{cpu_seconds, memory};
use crate::report::{Figure, Mark};
use crate::signature::Signer;
use crate::{source, stats};

const CONNECTIONS: usize = 64;
const GOOD: usize = 2_000;
const GOOD_AFTERWARDS: usize = 200;
const BYTES: usize = 1_024;
const MEMORY_GROWTH_MB_MAX: f64 = 10.0;
const DATA_GROWTH_MB_MAX: f64 = 50.0;

/// 100,000 forged requests between good ones.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let forged = place.sized(100_000, 20_000);
    let gateway = Gateway::start(place, "flood", None).await?;
    let (home, path) = (&gateway.home, &gateway.path);
    let (target, pid) = (gateway.server.target(), gateway.server.pid());

    let warm_up = hooks(0..GOOD, BYTES)?;
    post_all(target, path, CONNECTIONS, &warm_up, StatusCode::ACCEPTED).await.context("warm-up")?;
    gateway.drain().await?;
    settle().await;
    let load: Arc<[Hook]> =
        Hook::several(&Signer::new(b"not the secret")?, GOOD..GOOD + forged, BYTES)?.into();
    let (data_before, before, cpu) = (home.data_mb()?, memory(pid)?, cpu_seconds(pid)?);

    let refused = post_all(target, path, CONNECTIONS, &load, StatusCode::UNAUTHORIZED).await;
    let refused = refused.context("forged requests")?;
    let cpu = cpu_seconds(pid)? - cpu;
    settle().await;
    let (data_after, after) = (home.data_mb()?, memory(pid)?);

    let first = GOOD + forged;
    let good = hooks(first..first + GOOD_AFTERWARDS, BYTES)?;
    let accepted = post_all(target, path, 1, &good, StatusCode::ACCEPTED).await.context("good ones after")?;
    gateway.drain().await?;
    let mut connection = Connection::open(target).await?;
    let completed = source::deliveries(&mut connection, &gateway.source, "status=completed").await?.len();
    let recorded = source::deliveries(&mut connection, &gateway.source, "status=rejected").await?.len();
    gateway.server.stop().await?;
    Ok(vec![
        Figure::one("forged, answered 401", "", stats::float(refused.answers.count()))
            .mark(Mark::AtLeast(stats::float(forged))),
        Figure::one("refused", "1/s", refused.per_second()),
        Figure::one("answer p50", "ms", refused.answers.percentile_ms(500)),
        Figure::one("answer p99", "ms", refused.answers.percentile_ms(990)),
        Figure::one("gateway CPU per 1,000", "s", cpu / stats::float(forged) * 1_000.0),
        Figure::one("memory before", "MB", before.rss_mb),
        Figure::one("memory after", "MB", after.rss_mb),
        Figure::one("memory growth", "MB", after.rss_mb - before.rss_mb)
            .mark(Mark::AtMost(MEMORY_GROWTH_MB_MAX)),
        Figure::one("data growth", "MB", data_after - data_before).mark(Mark::AtMost(DATA_GROWTH_MB_MAX)),
        Figure::one("refusals listed", "", stats::float(recorded)).mark(Mark::AtLeast(1.0)),
        Figure::one("good ones worked on", "", stats::float(completed))
            .mark(Mark::AtLeast(stats::float(GOOD + GOOD_AFTERWARDS))),
        Figure::one("good one after it, p50", "ms", accepted.answers.percentile_ms(500)),
        Figure::one("good one after it, worst", "ms", accepted.answers.percentile_ms(1_000)),
    ])
}
