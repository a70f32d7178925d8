//! `fanout`: one event to ten endpoints.

use super::setup::Place;
use super::throughput::{Plan, figures, repeat};
use crate::error::Result;
use crate::load::Form;
use crate::report::{Figure, Mark};

/// 2,000 events of 1 KiB to 10 endpoints each.
pub(super) async fn run(place: &Place<'_>) -> Result<Vec<Figure>> {
    let plan = Plan {
        events: place.sized(2_000, 500),
        warm_up: 200,
        endpoints: 10,
        connections: 4,
        form: Form::Json(100),
    };
    Ok(figures(&repeat(place, "fanout", plan).await?, &[Mark::AtLeast(20_000.0)]))
}
