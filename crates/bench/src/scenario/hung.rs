//! `hung`: one endpoint of 1,000 takes requests and never answers. What do the others notice?
//!
//! Three loads in turn, each on a fresh gateway and repeated so that the noise of the machine meets all of them:
//! nobody hangs; one hangs and gets as many events as the others; one hangs and gets every tenth event.

use serde_json::json;

use super::setup::{Place, STALL};
use crate::error::{Context, Error, Result};
use crate::load::{self, Connection, Form, Requests, Schedule};
use crate::payload;
use crate::report::{Figure, Mark, say};
use crate::server::{Server, create_endpoint};
use crate::sink::Sink;
use crate::stats::Latencies;

const RATE: u32 = 1_000;
const CONNECTIONS: usize = 32;
const PAYLOAD_BYTES: usize = 512;
const REPETITIONS: usize = 3;
/// In the heavy load, every so many events one goes to the hung endpoint.
const HEAVY: usize = 10;
/// The endpoint that hangs.
const HUNG: usize = 0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    Calm,
    Even,
    Heavy,
}

/// Compares the others' p99 with and without the hung one.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let (mut calm, mut even, mut heavy) = (Samples::default(), Samples::default(), Samples::default());
    for repetition in 1..=place.sized(REPETITIONS, 1) {
        for (name, load, samples) in [
            ("calm", Load::Calm, &mut calm),
            ("even", Load::Even, &mut even),
            ("heavy", Load::Heavy, &mut heavy),
        ] {
            samples.add(once(place, &format!("{name}-{repetition}"), load).await.context(name)?);
        }
        say(&format!("  p99 of the others, ms: {:?} {:?} {:?}", calm.p99_ms, even.p99_ms, heavy.p99_ms));
    }
    let p99 = |samples: &Samples| Latencies::from_ns(samples.pooled_ns.clone()).percentile_ms(990);
    let (calm_p99, even_p99, heavy_p99) = (p99(&calm), p99(&even), p99(&heavy));
    Ok(vec![
        Figure::new("others' p99, nobody hangs", "ms", calm.p99_ms),
        Figure::new("others' p99, one hangs", "ms", even.p99_ms),
        Figure::new("others' p99, it gets 100/s", "ms", heavy.p99_ms),
        Figure::one("p99 ratio, one hangs (pooled)", "", even_p99 / calm_p99).mark(Mark::AtMost(1.1)),
        Figure::one("p99 ratio, it gets 100/s (pooled)", "", heavy_p99 / calm_p99),
    ])
}

#[derive(Default)]
struct Samples {
    pooled_ns: Vec<u64>,
    p99_ms: Vec<f64>,
}

impl Samples {
    fn add(&mut self, measured_ns: Vec<u64>) {
        self.pooled_ns.extend(&measured_ns);
        self.p99_ms.push(Latencies::from_ns(measured_ns).percentile_ms(990));
    }
}

/// From publish to arrival for all but the hung endpoint, in nanoseconds.
async fn once(place: &Place<'_>, name: &str, load: Load) -> Result<Vec<u64>> {
    let endpoints = place.sized(1_000, 200);
    let warm_up = RATE as usize;
    let count = warm_up + RATE as usize * place.sized(10, 3);
    let sink = Sink::start(count).await?;
    if load != Load::Calm {
        sink.faults().hang(u32::try_from(HUNG).unwrap_or_default());
    }
    let server = place.home(name)?.start_with_key().await?;
    create_endpoints(&server, &sink, endpoints).await?;

    let receiver = |index: usize| receiver(load, index, endpoints);
    let events: Vec<String> = (0..count).map(|index| event(receiver(index), index)).collect();
    let schedule = Schedule { rate: RATE, connections: CONNECTIONS, epoch: sink.recorder().epoch() };
    let sent = load::open_loop(server.target(), schedule, Requests::prepare(Form::Single, &events)).await?;
    let answered = |index: &usize| load == Load::Calm || receiver(*index) != HUNG;
    sink.recorder().wait_for((0..count).filter(answered).count(), STALL).await?;

    let mut measured = Vec::with_capacity(count);
    for sent in sent.iter().filter(|sent| sent.index >= warm_up && receiver(sent.index) != HUNG) {
        let arrived_ns = sink.recorder().first_ns(sent.index).context("an event never arrived")?;
        measured.push(arrived_ns.saturating_sub(sent.began_ns));
    }
    match sink.recorder().strange_count() {
        0 => Ok(measured),
        strange => Err(Error::new(format!("{strange} delivered bodies were not what was published"))),
    }
}

/// One endpoint for each type, over one connection.
async fn create_endpoints(server: &Server, sink: &Sink, endpoints: usize) -> Result<()> {
    let mut connection = Connection::open(server.target()).await?;
    for number in 0..endpoints {
        let endpoint = json!({ "url": sink.url(number), "events": [kind(number)] });
        create_endpoint(&mut connection, &endpoint).await?;
    }
    Ok(())
}

fn receiver(load: Load, index: usize, endpoints: usize) -> usize {
    match load {
        Load::Heavy if index.is_multiple_of(HEAVY) => HUNG,
        Load::Calm | Load::Even | Load::Heavy => index % endpoints,
    }
}

fn event(receiver: usize, index: usize) -> String {
    payload::event(&kind(receiver), &payload::payload(index, PAYLOAD_BYTES))
}

fn kind(endpoint: usize) -> String {
    format!("t.{endpoint}")
}
