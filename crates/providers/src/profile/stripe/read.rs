//! What routing needs of a request of Stripe's.

use crate::incoming::{DeliveryKey, Incoming, Reading, event_type};
use crate::lenient::{Json, key_part};
use crate::tool::stripe::action_of_key;

pub(super) fn read(incoming: &Incoming<'_>) -> Reading {
    let payload = incoming.payload().unwrap_or_default();
    let [kind, id, object_id, charge, subscription, parent, request_key] = Json::new(&payload).pick([
        "type",
        "id",
        "data.object.id",
        "data.object.charge",
        "data.object.subscription",
        "data.object.parent.subscription_details.subscription",
        "request.idempotency_key",
    ]);
    let kind = kind.line();
    let about = match kind.as_deref().unwrap_or_default() {
        kind if kind.starts_with("customer.subscription.") => reference(object_id),
        kind if kind.starts_with("invoice") || kind.starts_with("checkout.session.") => {
            reference(subscription).or_else(|| reference(parent))
        }
        kind if kind.starts_with("charge.dispute.") => reference(charge).map(|id| format!("dispute:{id}")),
        _ => None,
    };
    Reading {
        event_type: kind.and_then(|kind| event_type(&kind, None)),
        delivery_key: id.text().and_then(|id| DeliveryKey::given(&id)),
        entity_key: about.map(|about| format!("stripe:{about}")),
        // Stripe gives back the key of the request that led to the event, which is ours when one of our tools made it.
        // Source: Stripe, The Event object, `request.idempotency_key`.
        mark: request_key.text().and_then(|key| action_of_key(&key)),
        mark_is_proof: true,
        sender: None,
        object: None,
    }
}

/// The id that stands for an object, or is in it where it is expanded. Source: Stripe, Expanding responses.
pub(super) fn reference(value: Json<'_>) -> Option<String> {
    let id = value.text().or_else(|| value.at("id").text())?;
    key_part(&id)
}
