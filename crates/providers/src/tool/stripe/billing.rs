//! Customers, subscriptions, invoices, refunds. Public source: Stripe, API reference, pages of the same names.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::request::read;
use super::super::schema::{choice, list, number, object as members, optional, pattern, required, text};
use super::super::{Call, Context, Unable};
use super::object::{CHARGE, CUSTOMER, INVOICE, Kind, PAYMENT_INTENT, SUBSCRIPTION};
use super::{Account, Form};

/// An id.
const ID: &str = "^[A-Za-z0-9_]{1,255}$";
/// Stripe, Metadata: 50 keys of 40 characters without square brackets, values of 500 characters.
const METADATA_KEYS_MAX: usize = 50;
const METADATA_KEY: &str = r"^[^\[\]]{1,40}$";
const METADATA_VALUE_CHARS_MAX: usize = 500;
/// Lines of an invoice in one call, each a request of its own.
const ITEMS_MAX: usize = 20;
/// Characters of what a line of an invoice says.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Stripe, The Invoice object: an invoice that is sent needs a day on which it is due.
const DAYS_UNTIL_DUE: &str = "30";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfCustomer {
    customer: String,
}

fn customer_id() -> Value {
    pattern("Id of the customer, cus_…", ID)
}

pub(super) fn customer_parameters() -> Value {
    members([required("customer", customer_id())])
}

pub(super) fn retrieve_customer(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let OfCustomer { customer } = read(arguments)?;
    CUSTOMER.check(context, &customer)?;
    Account::of(context)?.look(&["v1", "customers", &customer])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    customer: String,
    metadata: BTreeMap<String, String>,
}

pub(super) fn update_customer_parameters() -> Value {
    let metadata = json!({
        "type": "object",
        "description": "What is kept with the customer: keys and values of your choice",
        "propertyNames": { "pattern": METADATA_KEY },
        "additionalProperties": { "type": "string", "maxLength": METADATA_VALUE_CHARS_MAX },
        "minProperties": 1,
        "maxProperties": METADATA_KEYS_MAX,
    });
    members([required("customer", customer_id()), required("metadata", metadata)])
}

pub(super) fn update_customer(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Update { customer, metadata } = read(arguments)?;
    CUSTOMER.check(context, &customer)?;
    // A bracket would end the place that the key has in the name of the field.
    if metadata.keys().any(|key| key.contains(['[', ']'])) {
        return Err(Unable::new("keys of metadata can not have square brackets"));
    }
    let form = metadata.into_iter().map(|(key, value)| (format!("metadata[{key}]"), value)).collect();
    Account::of(context)?.change(&[(&["v1", "customers", &customer], form)])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSubscription {
    subscription: String,
}

pub(super) fn subscription_parameters() -> Value {
    members([required("subscription", pattern("Id of the subscription, sub_…", ID))])
}

pub(super) fn retrieve_subscription(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let OfSubscription { subscription } = read(arguments)?;
    SUBSCRIPTION.check(context, &subscription)?;
    Account::of(context)?.look(&["v1", "subscriptions", &subscription])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewInvoice {
    customer: String,
    items: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    amount: u64,
    currency: String,
    description: String,
}

pub(super) fn create_invoice_parameters() -> Value {
    let item = members([
        required("amount", number("Price, in the smallest unit of the currency: 1050 is 10.50 USD")),
        required("currency", pattern("Three letters, lower case: usd", "^[a-z]{3}$")),
        required("description", text("What it is for", DESCRIPTION_CHARS_MAX)),
    ]);
    members([
        required("customer", customer_id()),
        required("items", list("The lines, all in one currency", &item, (1, ITEMS_MAX))),
    ])
}

/// The items come first and wait; the invoice takes up what waits. So no request needs the answer to another.
pub(super) fn create_invoice(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let NewInvoice { customer, items } = read(arguments)?;
    CUSTOMER.check(context, &customer)?;
    let Some(first) = items.first() else { return Err(Unable::new("an invoice needs items")) };
    if items.iter().any(|item| item.currency != first.currency) {
        return Err(Unable::new("all items of an invoice must have the same currency"));
    }
    let item = |item: &Item| {
        form([
            ("customer", &customer),
            ("amount", &item.amount.to_string()),
            ("currency", &item.currency),
            ("description", &item.description),
        ])
    };
    let mut requests: Vec<(&[&str], Form)> =
        items.iter().map(|one| (&["v1", "invoiceitems"] as &[&str], item(one))).collect();
    let invoice = form([
        ("customer", &customer),
        ("currency", &first.currency),
        ("collection_method", "send_invoice"),
        ("days_until_due", DAYS_UNTIL_DUE),
        ("pending_invoice_items_behavior", "include"),
    ]);
    requests.push((&["v1", "invoices"], invoice));
    Account::of(context)?.change(&requests)
}

fn form<const N: usize>(fields: [(&str, &str); N]) -> Form {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfInvoice {
    invoice: String,
}

pub(super) fn send_invoice_parameters() -> Value {
    members([required("invoice", pattern("Id of the invoice, in_…", ID))])
}

/// Only a draft can be finalized, so that is left out where the delivery shows that it was done already.
pub(super) fn send_invoice(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let OfInvoice { invoice } = read(arguments)?;
    if !context.made.contains(&invoice) {
        INVOICE.check(context, &invoice)?;
    }
    let object = &context.payload["data"]["object"];
    let is_final =
        object["id"] == invoice.as_str() && object["status"].as_str().is_some_and(|status| status != "draft");
    let finalize: (&[&str], _) = (&["v1", "invoices", &invoice, "finalize"], Form::new());
    let send: (&[&str], _) = (&["v1", "invoices", &invoice, "send"], Form::new());
    let requests = [finalize, send];
    Account::of(context)?.change(if is_final { &requests[1..] } else { &requests })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    payment_intent: Option<String>,
    charge: Option<String>,
    amount: Option<u64>,
    reason: Option<String>,
}

pub(super) fn refund_parameters() -> Value {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
    members([
        optional("payment_intent", pattern("Id of the payment, pi_…; this or charge", ID)),
        optional("charge", pattern("Id of the charge, ch_…; this or payment_intent", ID)),
        optional(
            "amount",
            number("How much, in the smallest unit of the currency; all that is left when left out"),
        ),
        optional("reason", choice("Why", &reasons)),
    ])
}

pub(super) fn refund(context: &Context<'_>, arguments: &Value) -> Result<Vec<Call>, Unable> {
    let Refund { payment_intent, charge, amount, reason } = read(arguments)?;
    let (kind, name, id): (Kind, &str, String) = match (payment_intent, charge) {
        (Some(id), None) => (PAYMENT_INTENT, "payment_intent", id),
        (None, Some(id)) => (CHARGE, "charge", id),
        _ => return Err(Unable::new("name what to refund: payment_intent or charge, one of them")),
    };
    kind.check(context, &id)?;
    let amount = amount.map(|amount| ("amount".to_owned(), amount.to_string()));
    let reason = reason.map(|reason| ("reason".to_owned(), reason));
    let form = [(name.to_owned(), id)].into_iter().chain(amount).chain(reason).collect();
    Account::of(context)?.change(&[(&["v1", "refunds"], form)])
}
