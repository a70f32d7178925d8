//! `batch`, `single` and what they share with `fanout`: how many durable deliveries a second, end to end.

use std::time::Duration;

use super::setup::{Place, STALL, duplicates, endpoint, events};
use crate::error::{Context, Error, Result};
use crate::load::{self, Form, Requests};
use crate::process;
use crate::raw::BODY_BYTES;
use crate::report::{Figure, Mark, say};
use crate::server::Server;
use crate::signature::Signer;
use crate::sink::Sink;
use crate::stats;

const REPETITIONS: usize = 3;
const SINGLE_CONNECTIONS: usize = 64;
const BATCH_CONNECTIONS: usize = 4;
const BATCH_EVENTS: usize = 500;

/// What to publish.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) events: usize,
    pub(super) warm_up: usize,
    pub(super) endpoints: usize,
    pub(super) connections: usize,
    pub(super) form: Form,
}

/// What came of one repetition.
pub(super) struct Outcome {
    deliveries_per_second: f64,
    accepted_per_second: f64,
    cpu_per_thousand: f64,
    bench_cpu_per_thousand: f64,
    duplicates: usize,
}

/// 20,000 events of 1 KiB in batches; JSON is the figure, lines beside it.
pub(super) async fn batch(place: &Place<'_>) -> Result<Vec<Figure>> {
    let plan = Plan {
        events: place.sized(20_000, 5_000),
        warm_up: 2_000,
        endpoints: 1,
        connections: BATCH_CONNECTIONS,
        form: Form::Json(BATCH_EVENTS),
    };
    let outcomes = repeat(place, "json", plan).await?;
    let marks = [Mark::AtLeast(13_000.0), Mark::RatioAtLeast(0.25)];
    let mut figures = figures(&outcomes, &marks);
    let lines = repeat(place, "ndjson", Plan { form: Form::Ndjson(BATCH_EVENTS), ..plan }).await?;
    let rates = lines.iter().map(|outcome| outcome.deliveries_per_second).collect();
    figures.push(Figure::new("deliveries, published as NDJSON", "1/s", rates).rated());
    Ok(figures)
}

/// The same, each event in a request of its own.
pub(super) async fn single(place: &Place<'_>) -> Result<Vec<Figure>> {
    let plan = Plan {
        events: place.sized(20_000, 5_000),
        warm_up: 2_000,
        endpoints: 1,
        connections: SINGLE_CONNECTIONS,
        form: Form::Single,
    };
    Ok(figures(&repeat(place, "single", plan).await?, &[Mark::RatioAtLeast(0.15)]))
}

/// The plan three times, each on a fresh gateway.
pub(super) async fn repeat(place: &Place<'_>, name: &str, plan: Plan) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for repetition in 1..=place.sized(REPETITIONS, 1) {
        let outcome = once(place, &format!("{name}-{repetition}"), plan).await?;
        say(&format!("  {name}: {:.0} deliveries/s", outcome.deliveries_per_second));
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// The figures of a plan; the marks are those of its rate.
pub(super) fn figures(outcomes: &[Outcome], marks: &[Mark]) -> Vec<Figure> {
    let all = |of: fn(&Outcome) -> f64| outcomes.iter().map(of).collect::<Vec<f64>>();
    let rate = Figure::new("deliveries", "1/s", all(|outcome| outcome.deliveries_per_second)).rated();
    vec![
        marks.iter().fold(rate, |rate, mark| rate.mark(*mark)),
        Figure::new("events accepted", "1/s", all(|outcome| outcome.accepted_per_second)),
        Figure::new("gateway CPU per 1,000 deliveries", "s", all(|outcome| outcome.cpu_per_thousand))
            .mark(Mark::AtMost(0.2)),
        Figure::new("load and sink CPU per 1,000", "s", all(|outcome| outcome.bench_cpu_per_thousand)),
        Figure::new("duplicates", "", all(|outcome| stats::float(outcome.duplicates)))
            .mark(Mark::AtMost(0.0)),
    ]
}

async fn once(place: &Place<'_>, name: &str, plan: Plan) -> Result<Outcome> {
    let sink = Sink::start_fanned(plan.endpoints, plan.warm_up + plan.events).await?;
    let server = place.home(name)?.start_with_key().await?;
    let mut secrets = Vec::with_capacity(plan.endpoints);
    for number in 0..plan.endpoints {
        secrets.push(endpoint(&server, &sink, number, &["*"]).await?.secret);
    }
    publish(&server, &sink, plan, 0..plan.warm_up).await.context("warm-up")?;
    let outcome = measure(&server, &sink, plan).await?;
    check_signature(&sink, &secrets)?;
    server.stop().await?;
    Ok(outcome)
}

async fn measure(server: &Server, sink: &Sink, plan: Plan) -> Result<Outcome> {
    let (cpu, own_cpu) = (process::cpu_seconds(server.pid())?, process::own_cpu_seconds()?);
    let published = publish(server, sink, plan, plan.warm_up..plan.warm_up + plan.events).await?;
    let own_cpu = process::own_cpu_seconds()? - own_cpu;
    let duplicates = duplicates(sink).await?;
    let cpu = process::cpu_seconds(server.pid())? - cpu;
    let deliveries = plan.events * plan.endpoints;
    Ok(Outcome {
        deliveries_per_second: stats::per_second(deliveries, published.delivered_after),
        accepted_per_second: stats::per_second(plan.events, published.accepted_after),
        cpu_per_thousand: cpu / stats::float(deliveries) * 1_000.0,
        bench_cpu_per_thousand: own_cpu / stats::float(deliveries) * 1_000.0,
        duplicates,
    })
}

struct Published {
    accepted_after: Duration,
    delivered_after: Duration,
}

/// Publishes events with these numbers and waits until all their deliveries have arrived.
async fn publish(
    server: &Server,
    sink: &Sink,
    plan: Plan,
    numbers: std::ops::Range<usize>,
) -> Result<Published> {
    let requests = Requests::prepare(plan.form, &events(numbers.clone(), BODY_BYTES));
    let done = load::closed_loop(server.target(), plan.connections, requests).await?;
    let recorder = sink.recorder();
    recorder.wait_for(numbers.end * plan.endpoints, STALL).await?;
    let promised = done.deliveries()?;
    if promised != numbers.len() * plan.endpoints {
        return Err(Error::new(format!("{} events were accepted for {promised} deliveries", numbers.len())));
    }
    let stride = plan.warm_up + plan.events;
    let slots = |endpoint: usize| endpoint * stride + numbers.start..endpoint * stride + numbers.end;
    let last = (0..plan.endpoints).map(|endpoint| recorder.last_first_ns(slots(endpoint))).max();
    let last = recorder.epoch() + Duration::from_nanos(last.unwrap_or(0));
    Ok(Published { accepted_after: done.took, delivered_after: last.duration_since(done.began) })
}

/// That the gateway really signs what it delivers, checked on the first delivery to each endpoint.
fn check_signature(sink: &Sink, secrets: &[String]) -> Result<()> {
    for (number, secret) in secrets.iter().enumerate() {
        let sample = sink.sample(number).context(format!("nothing was delivered to endpoint {number}"))?;
        Signer::from_secret(secret)?.check(sample)?;
    }
    Ok(())
}
