//! What an agent is told of a request of Stripe's. Members: Stripe, API reference.

use super::amount::money;
use super::read::reference;
use crate::incoming::{Incoming, Summary};
use crate::lenient::Json;
use crate::lines::{Lines, headline};

/// Members of the metadata that are listed.
const METADATA_MAX: usize = 20;

/// Members of the object in which something stands, and the names under which it is shown; the first that is there
/// counts.
const FACTS: &[(&str, &[&str])] = &[
    ("Email", &["customer_email", "customer_details.email", "email", "receipt_email"]),
    ("Number", &["number"]),
    ("Status", &["status"]),
    ("Payment status", &["payment_status"]),
    ("Mode", &["mode"]),
    ("Reason", &["reason", "billing_reason"]),
    ("Description", &["description"]),
    ("URL", &["hosted_invoice_url"]),
];

/// What the object has to do with, by their ids.
const REFERENCES: &[(&str, &[&str])] = &[
    ("Subscription", &["subscription", "parent.subscription_details.subscription"]),
    ("Invoice", &["invoice"]),
    ("Payment intent", &["payment_intent"]),
    ("Charge", &["charge", "latest_charge"]),
];

/// Where errors and reasons of cancellation stand, deeper in the object.
const DETAILS: &[(&str, &[&str])] = &[
    ("Failure", &["last_payment_error.message", "failure_message", "last_finalization_error.message"]),
    ("Failure code", &["last_payment_error.decline_code", "last_payment_error.code", "failure_code"]),
    ("Cancellation", &["cancellation_details.reason", "cancellation_reason"]),
];

pub(super) fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let event = event_type.unwrap_or("unknown");
    let mut lines = Lines::new(&format!("Stripe event: {event}"));
    lines.gap();
    let payload = incoming.payload().unwrap_or_default();
    let payload = Json::new(&payload);
    if !payload.is_valid() {
        lines.line("The payload is not JSON.");
        return lines.finish(event);
    }

    let [id, live, version, account, object] =
        payload.pick(["id", "livemode", "api_version", "account", "data.object"]);
    lines.fact("Event ID", id.line());
    lines.fact("Livemode", live.boolean());
    lines.fact("API version", version.line());
    lines.fact("Account", account.line());
    lines.gap();
    let [kind, id, customer] = object.pick(["object", "id", "customer"]);
    let (id, customer) = (reference(id), reference(customer));
    let named = match (kind.line(), &id) {
        (Some(kind), Some(id)) => Some(format!("{kind} {id}")),
        (kind, id) => kind.or_else(|| id.clone()),
    };
    lines.fact("Object", named);
    lines.fact("Customer", customer.as_deref());
    let amount = amount(object);
    lines.fact("Amount", amount.as_deref());
    lines.fact("Price", price(object));
    for (name, places) in FACTS {
        lines.fact(name, first_of(object, places, Json::line));
    }
    for (name, places) in REFERENCES {
        lines.fact(name, first_of(object, places, reference));
    }
    lines.fact("Attempts", object.at("attempt_count").integer());
    lines.fact("Cancels at the end of the period", object.at("cancel_at_period_end").boolean());
    for (name, places) in DETAILS {
        lines.fact(name, first_of(object, places, Json::line));
    }
    metadata(&mut lines, object.at("metadata"));

    let customer = customer.map(|customer| format!("customer {customer}"));
    let what: Vec<String> = [amount, id, customer].into_iter().flatten().collect();
    let what = what.join(", ");
    lines.finish(&headline(event, None, Some(what.as_str()).filter(|what| !what.is_empty()), None))
}

fn first_of<'a>(
    object: Json<'a>,
    places: &[&str],
    read: impl Fn(Json<'a>) -> Option<String>,
) -> Option<String> {
    places.iter().find_map(|place| read(object.at(place)))
}

/// Of a session of Checkout the total, of an invoice what is due, of anything else the amount.
fn amount(object: Json<'_>) -> Option<String> {
    let [total, amount, due, currency] = object.pick(["amount_total", "amount", "amount_due", "currency"]);
    let amount = [total, amount, due].into_iter().find_map(Json::integer)?;
    Some(money(amount, currency.line().as_deref().unwrap_or("usd")))
}

/// Of the first item of a subscription.
fn price(object: Json<'_>) -> Option<String> {
    let (items, _) = object.at("items.data").elements(1);
    let [amount, currency, interval, quantity] =
        items.first()?.pick(["price.unit_amount", "price.currency", "price.recurring.interval", "quantity"]);
    let amount = money(amount.integer()?, currency.line().as_deref().unwrap_or("usd"));
    let quantity = quantity.integer().filter(|&quantity| quantity != 1);
    let quantity = quantity.map(|quantity| format!("{quantity} × ")).unwrap_or_default();
    let interval = interval.line().map(|interval| format!(" per {interval}")).unwrap_or_default();
    Some(format!("{quantity}{amount}{interval}"))
}

fn metadata(lines: &mut Lines, metadata: Json<'_>) {
    let (members, count) = metadata.members(METADATA_MAX);
    if count == 0 {
        return;
    }
    lines.gap();
    lines.line("Metadata:");
    let shown = members.len();
    for (name, value) in members {
        lines.detail(&name, value.line());
    }
    if count > shown {
        lines.item(&format!("and {} more", count - shown));
    }
}
