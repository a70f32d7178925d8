//! What a delivery is about: only that may be acted on.

use serde_json::Value;

use super::super::{Context, Unable};

/// Something that Stripe keeps, and where the event's object names it, besides being it itself. Sources: Stripe, API
/// reference, and for `parent` the changelog of 2025-03-31.
pub(super) struct Kind {
    /// The name of the argument, and the value of `object` in what is one itself.
    name: &'static str,
    places: &'static [&'static str],
}

pub(super) const CUSTOMER: Kind = Kind { name: "customer", places: &["/customer"] };

pub(super) const SUBSCRIPTION: Kind =
    Kind { name: "subscription", places: &["/subscription", "/parent/subscription_details/subscription"] };

pub(super) const INVOICE: Kind = Kind { name: "invoice", places: &["/invoice", "/latest_invoice"] };

pub(super) const PAYMENT_INTENT: Kind = Kind { name: "payment_intent", places: &["/payment_intent"] };

pub(super) const CHARGE: Kind = Kind { name: "charge", places: &["/charge", "/latest_charge"] };

impl Kind {
    /// Checks that the delivery is about this one. The error tells which it would be.
    pub(super) fn check(&self, context: &Context<'_>, id: &str) -> Result<(), Unable> {
        let name = self.name;
        let known = self.known(&context.payload["data"]["object"]);
        if known.contains(&id) {
            return Ok(());
        }
        Err(Unable::new(match known.first() {
            Some(known) => format!("the delivery is about {name} {known}, and only that may be acted on"),
            None => format!("the delivery's payload names no {name}, so none may be acted on"),
        }))
    }

    fn known<'p>(&self, object: &'p Value) -> Vec<&'p str> {
        let itself = (object["object"] == self.name).then_some(object);
        let named = self.places.iter().filter_map(|place| object.pointer(place));
        itself.into_iter().chain(named).filter_map(id_of).filter(|id| !id.is_empty()).collect()
    }
}

/// An object is named by its id, or stands there itself (Stripe, Expanding responses).
fn id_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["id"].as_str())
}

/// The id of what Stripe answers with.
pub(super) fn id(answer: &Value) -> Option<String> {
    answer["id"].as_str().map(str::to_owned)
}
