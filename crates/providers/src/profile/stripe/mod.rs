//! Stripe: payments, subscriptions, disputes. Sources: Stripe, Types of events, The Event object; Moltis.

mod amount;
mod read;
mod summary;

use posthouse_types::AuthMode;

use super::{CatalogueEntry, Profile};

pub(super) static PROFILE: Profile = Profile {
    name: "stripe",
    display_name: "Stripe",
    auth: AuthMode::StripeWebhookSignature,
    catalogue: CATALOGUE,
    setup_guide: SETUP_GUIDE,
    tools: &crate::tool::stripe::TOOLS,
    read: read::read,
    summarise: summary::summarise,
    challenge: None,
};

const CATALOGUE: &[CatalogueEntry] = &[
    CatalogueEntry::new("checkout.session.completed", "Successful checkout"),
    CatalogueEntry::new("payment_intent.succeeded", "Payment captured"),
    CatalogueEntry::new("payment_intent.payment_failed", "Payment failed"),
    CatalogueEntry::new("invoice.paid", "Invoice paid"),
    CatalogueEntry::new("invoice.payment_failed", "Invoice payment failed"),
    CatalogueEntry::new("customer.subscription.created", "New subscription"),
    CatalogueEntry::new("customer.subscription.updated", "Subscription changed"),
    CatalogueEntry::new("customer.subscription.deleted", "Subscription canceled"),
    CatalogueEntry::new("charge.dispute.created", "Chargeback opened"),
];

const SETUP_GUIDE: &str = "\
1. In the Stripe Dashboard, go to **Developers → Webhooks → Add endpoint**.
2. Set **Endpoint URL** to the URL of this source.
3. Select the events to listen to.
4. Copy the signing secret (`whsec_…`) into Posthouse.

Requests whose signature is older than five minutes are refused: keep this server's clock right.
";
