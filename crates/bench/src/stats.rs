//! The arithmetic of figures: rates, medians, percentiles.

use std::time::Duration;

/// A count as a number to divide with.
#[expect(clippy::cast_precision_loss, reason = "counts here stay far below 2^52")]
pub fn float(count: usize) -> f64 {
    count as f64
}

/// How many per second.
pub fn per_second(count: usize, elapsed: Duration) -> f64 {
    float(count) / elapsed.as_secs_f64()
}

/// Nanoseconds since some instant, which fit 64 bits for five centuries.
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds with their fraction.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The arithmetic mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / float(values.len()) }
}

/// The middle value; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Measured waits, sorted.
#[derive(Debug, Default)]
pub struct Latencies {
    sorted_ns: Vec<u64>,
}

impl Latencies {
    /// Sorts what was measured, in nanoseconds.
    pub fn from_ns(mut measured: Vec<u64>) -> Self {
        measured.sort_unstable();
        Self { sorted_ns: measured }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sorted_ns.len()
    }

    /// The wait that `per_thousand` of a thousand did not exceed, in milliseconds; 0 of nothing.
    pub fn percentile_ms(&self, per_thousand: usize) -> f64 {
        let rank = (self.sorted_ns.len() * per_thousand).div_ceil(1_000);
        let found = self.sorted_ns.get(rank.saturating_sub(1)).copied().unwrap_or(0);
        milliseconds(Duration::from_nanos(found))
    }
}

#[cfg(test)]
mod tests {
    use super::{Latencies, median};

    fn same(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!(same(median(&[3.0, 1.0, 2.0]), 2.0));
        assert!(same(median(&[4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(same(median(&[]), 0.0));
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let hundred = Latencies::from_ns((1..=100).rev().map(|ms| ms * 1_000_000).collect());
        assert!(same(hundred.percentile_ms(500), 50.0));
        assert!(same(hundred.percentile_ms(990), 99.0));
        assert!(same(hundred.percentile_ms(1_000), 100.0));
        assert!(same(Latencies::default().percentile_ms(990), 0.0));
    }
}
