//! `formats`: what it costs to deliver in four formats, against four times the standard one.
//!
//! One gateway has both sets of endpoints, told apart by the type of event. A repetition is four loads: standard,
//! formats, formats, standard. So the noise of the machine and the growth of the database meet both sets alike, and
//! so does a rhythm of the gateway's own: with loads of this size every second one takes about a tenth more CPU,
//! even when all of them are standard, and plain turns would put that on one set.
//!
//! Signatures are checked on the first delivery to each endpoint, after the measurement: a check of all would cost
//! the sink more for some formats than for others, on the cores that the gateway needs.

use std::ops::Range;
use std::time::Duration;

use serde_json::json;

use super::setup::{Place, STALL, duplicates};
use crate::error::{Context, Error, Result};
use crate::load::{self, Form, Requests};
use crate::raw::BODY_BYTES;
use crate::report::{Figure, Mark, say};
use crate::server::Server;
use crate::sink::Sink;
use crate::wire::Wire;
use crate::{payload, process, stats};

const REPETITIONS: usize = 3;
const CONNECTIONS: usize = 4;
const FORM: Form = Form::Json(100);
const WARM_UP: usize = 200;
const COST_MAX: f64 = 1.3;
const WIRES: usize = 4;

/// Endpoints that all get the same events.
struct Set {
    /// The type of their events; of one length in both sets, because envelopes repeat it.
    kind: &'static str,
    wires: [Wire; WIRES],
    /// The number of the first one at the sink.
    first: usize,
}

const STANDARD: Set = Set { kind: "bench.alike", wires: [Wire::Standard; WIRES], first: 0 };
const FORMATS: Set = Set {
    kind: "bench.mixed",
    wires: [Wire::Molroo, Wire::Sonzai, Wire::Whatsapp, Wire::Casey],
    first: WIRES,
};

/// One load, or several.
#[derive(Default)]
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
    deliveries: f64,
    duplicates: usize,
}

/// A gateway with both sets, and the sink they deliver to.
struct Pair {
    server: Server,
    sink: Sink,
    /// Events for each set; every event has a number of its own in its set.
    events: usize,
}

/// 5,000 events of 1 KiB in each load.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let (repetitions, size) = (place.sized(REPETITIONS, 1), place.sized(5_000, 500));
    let events = WARM_UP + repetitions * 2 * size;
    let sink = Sink::start_fanned(2 * WIRES, events).await?;
    let server = place.home("formats")?.start_with_key().await?;
    let pair = Pair { server, sink, events };
    let (standard_secrets, formats_secrets) = (pair.create(&STANDARD).await?, pair.create(&FORMATS).await?);
    for set in [&STANDARD, &FORMATS] {
        pair.load(set, 0..WARM_UP).await.context("warm-up")?;
    }
    let (mut standard, mut formats) = (Vec::new(), Vec::new());
    for repetition in 0..repetitions {
        let begin = WARM_UP + repetition * 2 * size;
        let (early, late) = (begin..begin + size, begin + size..begin + 2 * size);
        let (mut alike, mut mixed) = (Cost::default(), Cost::default());
        alike.add(&pair.load(&STANDARD, early.clone()).await?);
        mixed.add(&pair.load(&FORMATS, early).await?);
        mixed.add(&pair.load(&FORMATS, late.clone()).await?);
        alike.add(&pair.load(&STANDARD, late).await?);
        let rates = (alike.per_second(), mixed.per_second());
        say(&format!("  {:.0} deliveries/s in one format, {:.0} in four", rates.0, rates.1));
        standard.push(alike);
        formats.push(mixed);
    }
    pair.check(&STANDARD, &standard_secrets)?;
    pair.check(&FORMATS, &formats_secrets)?;
    pair.server.stop().await?;
    Ok(figures(&standard, &formats))
}

fn figures(standard: &[Cost], formats: &[Cost]) -> Vec<Figure> {
    let all = |costs: &[Cost], of: fn(&Cost) -> f64| costs.iter().map(of).collect::<Vec<f64>>();
    let ratios = |of: fn(&Cost) -> f64| {
        formats.iter().zip(standard).map(|(formats, standard)| of(formats) / of(standard)).collect()
    };
    let repeats = standard.iter().chain(formats).map(|cost| stats::float(cost.duplicates)).sum();
    vec![
        Figure::new("standard deliveries", "1/s", all(standard, Cost::per_second)),
        Figure::new("four formats deliveries", "1/s", all(formats, Cost::per_second)),
        Figure::new("standard CPU per 1,000", "s", all(standard, Cost::cpu_per_thousand)),
        Figure::new("four formats CPU per 1,000", "s", all(formats, Cost::cpu_per_thousand)),
        Figure::new("cost ratio by CPU", "", ratios(Cost::cpu_per_thousand)).mark(Mark::AtMost(COST_MAX)),
        Figure::new("cost ratio by time", "", ratios(|cost| cost.seconds)).mark(Mark::AtMost(COST_MAX)),
        Figure::one("duplicates", "", repeats).mark(Mark::AtMost(0.0)),
    ]
}

impl Cost {
    fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.cpu_seconds += other.cpu_seconds;
        self.deliveries += other.deliveries;
        self.duplicates += other.duplicates;
    }

    fn per_second(&self) -> f64 {
        self.deliveries / self.seconds
    }

    fn cpu_per_thousand(&self) -> f64 {
        self.cpu_seconds / self.deliveries * 1_000.0
    }
}

impl Pair {
    /// Creates the endpoints of a set; gives their secrets.
    async fn create(&self, set: &Set) -> Result<Vec<String>> {
        let mut secrets = Vec::with_capacity(WIRES);
        for (number, wire) in (set.first..).zip(set.wires) {
            let endpoint =
                json!({ "url": self.sink.url(number), "events": [set.kind], "wire": wire.as_str() });
            secrets.push(self.server.create_endpoint(&endpoint).await.context(wire.as_str())?.secret);
        }
        Ok(secrets)
    }

    /// Publishes events with these numbers for a set, and waits until all their deliveries have arrived.
    async fn load(&self, set: &Set, numbers: Range<usize>) -> Result<Cost> {
        let events: Vec<String> = numbers
            .clone()
            .map(|number| payload::event(set.kind, &payload::payload(number, BODY_BYTES)))
            .collect();
        let requests = Requests::prepare(FORM, &events);
        let (recorder, deliveries) = (self.sink.recorder(), numbers.len() * WIRES);
        let (cpu, arrived) = (process::cpu_seconds(self.server.pid())?, recorder.distinct());

        let published = load::closed_loop(self.server.target(), CONNECTIONS, requests).await?;
        recorder.wait_for(arrived + deliveries, STALL).await?;
        let duplicates = duplicates(&self.sink).await?;
        let cpu_seconds = process::cpu_seconds(self.server.pid())? - cpu;

        let promised = published.deliveries()?;
        if promised != deliveries {
            return Err(Error::new(format!(
                "{} events were accepted for {promised} deliveries",
                events.len()
            )));
        }
        let last = (set.first..set.first + WIRES).map(|endpoint| {
            let slot = |number: usize| endpoint * self.events + number;
            recorder.last_first_ns(slot(numbers.start)..slot(numbers.end))
        });
        let last = recorder.epoch() + Duration::from_nanos(last.max().unwrap_or(0));
        let seconds = last.duration_since(published.began).as_secs_f64();
        Ok(Cost { seconds, cpu_seconds, deliveries: stats::float(deliveries), duplicates })
    }

    /// That the first delivery to each endpoint of a set was in its format, and signed.
    fn check(&self, set: &Set, secrets: &[String]) -> Result<()> {
        for ((number, wire), secret) in (set.first..).zip(set.wires).zip(secrets) {
            let sample = self.sink.sample(number);
            wire.check(secret, sample.context(format!("nothing was delivered by {}", wire.as_str()))?)?;
        }
        Ok(())
    }
}
