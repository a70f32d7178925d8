//! Shopify. Source: Shopify, “About webhooks” and “Webhook topics”.

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};
use crate::incoming::{DeliveryKey, Incoming, Reading, Summary, event_type};
use crate::lenient::{Json, key_part};
use crate::lines::{Lines, excerpt, headline};

/// Items of an order that are shown.
const ITEMS_MAX: usize = 5;
/// Bytes shown of an item's title.
const ITEM_BYTES_MAX: usize = 200;

pub(super) static PROFILE: Profile = Profile {
    name: "shopify",
    display_name: "Shopify",
    auth: AuthMode::ShopifyHmacSha256,
    catalogue: &[
        CatalogueEntry::new("orders.create", "New order").used_for("Fraud check, thanking"),
        CatalogueEntry::new("orders.paid", "Order paid").used_for("Fulfilment"),
        CatalogueEntry::new("orders.cancelled", "Order cancelled").used_for("Winning back"),
        CatalogueEntry::new("refunds.create", "Refund made"),
        CatalogueEntry::new("products.update", "Product changed").used_for("Checking descriptions"),
        CatalogueEntry::new("customers.create", "New customer").used_for("Welcoming"),
        CatalogueEntry::new("app.uninstalled", "App removed from a shop"),
    ],
    setup_guide: "\
1. In Shopify, go to **Settings → Notifications → Webhooks** and choose **Create webhook**.
2. Choose the event, **JSON** as the format, and set the **URL** to the URL of this source.
3. Below the list, Shopify shows the key that your webhooks are signed with: copy it into this source.

For webhooks of an app, the key is the app's client secret. The topic `orders/create` has the type `orders.create`.
",
    tools: &[],
    read,
    summarise,
    challenge: None,
};

fn read(incoming: &Incoming<'_>) -> Reading {
    let topic = incoming.header("x-shopify-topic");
    Reading {
        event_type: topic.and_then(|topic| event_type(&topic.replace('/', "."), None)),
        delivery_key: incoming.header("x-shopify-webhook-id").and_then(DeliveryKey::given),
        entity_key: topic.and_then(|topic| entity_key(incoming, topic)),
        ..Reading::default()
    }
}

/// Of orders and what belongs to them the order, of other things the thing itself.
fn entity_key(incoming: &Incoming<'_>, topic: &str) -> Option<String> {
    const THINGS: [(&str, &str); 5] = [
        ("orders", "order"),
        ("products", "product"),
        ("customers", "customer"),
        ("draft_orders", "draft_order"),
        ("checkouts", "checkout"),
    ];
    let shop = key_part(incoming.header("x-shopify-shop-domain")?)?;
    let payload = incoming.payload()?;
    let [id, order] = Json::new(&payload).pick(["id", "order_id"]);
    let family = topic.split('/').next().unwrap_or_default();
    let (thing, id) = match THINGS.iter().find(|(name, _)| *name == family) {
        Some((_, thing)) => (*thing, id.id()?),
        None => ("order", order.id()?),
    };
    Some(format!("shopify:{shop}:{thing}:{id}"))
}

fn summarise(incoming: &Incoming<'_>, event_type: Option<&str>) -> Summary {
    let payload = incoming.payload().unwrap_or_default();
    let json = Json::new(&payload);
    let event_type = event_type.unwrap_or("unknown");
    let [total, currency, payment, fulfilment, items, test] = json.pick([
        "total_price",
        "currency",
        "financial_status",
        "fulfillment_status",
        "line_items",
        "test",
    ]);
    let [first_name, last_name] = json.first(["customer"]).pick(["first_name", "last_name"]);
    let email = json.first(["email", "customer.email"]);
    let shop = incoming.header("x-shopify-shop-domain");
    let name = json.first(["name", "title"]).line();
    let customer: Vec<String> = [first_name.line(), last_name.line()].into_iter().flatten().collect();
    let total = total.text().map(|total| format!("{total} {}", currency.line().unwrap_or_default()));

    let mut lines = Lines::new(&format!("Shopify event: {event_type}"));
    lines.gap();
    lines.fact("Shop", shop);
    lines.fact("Name", name.as_ref());
    lines.fact("Id", json.at("id").id());
    lines.fact("Order", json.at("order_id").id());
    lines.fact("Customer", Some(customer.join(" ")).filter(|customer| !customer.is_empty()));
    lines.fact("Email", email.line());
    lines.fact("Total", total);
    lines.fact("Payment", payment.line());
    lines.fact("Fulfilment", fulfilment.line());
    lines.fact("Test", test.boolean());
    list_items(&mut lines, items);
    lines.finish(&headline(&format!("Shopify {event_type}"), shop, name.as_deref(), None))
}

fn list_items(lines: &mut Lines, items: Json<'_>) {
    let (first, count) = items.elements(ITEMS_MAX);
    if count == 0 {
        return;
    }
    lines.gap();
    lines.line(&format!("Items: {count}"));
    for item in first {
        let [title, quantity] = item.pick(["title", "quantity"]);
        let title = title.line().unwrap_or_else(|| "(untitled)".to_owned());
        let quantity = quantity.integer().unwrap_or(1);
        lines.item(&format!("{quantity} × {}", excerpt(&title, ITEM_BYTES_MAX)));
    }
}
