//! Stripe's REST API, in the version that the account has set. Public source: Stripe, API reference.

mod billing;
mod object;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use posthouse_types::ActionId;
use url::form_urlencoded;

use super::request::{self, Root};
use super::{Call, Context, Tool, Unable, no_object};

/// Stripe, API reference: introduction.
const ROOT: &str = "https://api.stripe.com";
/// Stripe, Idempotent requests.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Stripe, Connect: making API calls for connected accounts.
const ACCOUNT: HeaderName = HeaderName::from_static("stripe-account");

/// What can be done at Stripe, to what the delivery is about.
pub static TOOLS: [Tool; 6] = [
    Tool {
        name: "stripe_retrieve_customer",
        description: "Reads the customer that the delivery is about.",
        parameters: billing::customer_parameters,
        writes: false,
        prepare: billing::retrieve_customer,
        object: no_object,
    },
    Tool {
        name: "stripe_update_customer",
        description: "Changes the metadata of the customer that the delivery is about. An empty value removes its \
                      key; keys that are not named stay.",
        parameters: billing::update_customer_parameters,
        writes: true,
        prepare: billing::update_customer,
        object: no_object,
    },
    Tool {
        name: "stripe_retrieve_subscription",
        description: "Reads the subscription that the delivery is about.",
        parameters: billing::subscription_parameters,
        writes: false,
        prepare: billing::retrieve_subscription,
        object: no_object,
    },
    Tool {
        name: "stripe_create_invoice",
        description: "Drafts an invoice, due in 30 days, for the customer that the delivery is about. What else is \
                      pending for the customer is put on it as well. It is not sent: for that call \
                      stripe_send_invoice.",
        parameters: billing::create_invoice_parameters,
        writes: true,
        prepare: billing::create_invoice,
        object: object::id,
    },
    Tool {
        name: "stripe_send_invoice",
        description: "Finalizes an invoice and sends it to the customer: one that the delivery is about, or that \
                      stripe_create_invoice made for it.",
        parameters: billing::send_invoice_parameters,
        writes: true,
        prepare: billing::send_invoice,
        object: no_object,
    },
    Tool {
        name: "stripe_issue_refund",
        description: "Refunds the payment that the delivery is about, whole or in part. Name its payment_intent or \
                      its charge.",
        parameters: billing::refund_parameters,
        writes: true,
        prepare: billing::refund,
        object: object::id,
    },
];

/// The action whose request caused an event: Stripe gives back our idempotency key in the event's
/// `request.idempotency_key` (Stripe, The Event object).
pub fn action_of_key(idempotency_key: &str) -> Option<ActionId> {
    let (action, _) = idempotency_key.rsplit_once('-')?;
    action.parse().ok()
}

/// The account that a delivery is about.
struct Account<'a> {
    context: &'a Context<'a>,
    root: Root,
}

impl<'a> Account<'a> {
    fn of(context: &'a Context<'a>) -> Result<Self, Unable> {
        Ok(Self { context, root: Root::new(context.base_url, ROOT)? })
    }

    fn headers(&self) -> Result<HeaderMap, Unable> {
        let mut headers = request::common_headers();
        headers.insert(AUTHORIZATION, request::credential("Bearer ", self.context.token)?);
        // An event of a connected account names it; its objects are found only there.
        if let Some(account) = self.context.payload["account"].as_str() {
            let account = HeaderValue::from_str(account)
                .map_err(|_| Unable::new("the delivery's payload names an account that can not be one"))?;
            headers.insert(ACCOUNT, account);
        }
        Ok(headers)
    }

    fn look(&self, path: &[&str]) -> Result<Vec<Call>, Unable> {
        let uri = self.root.at(path, &[])?;
        Ok(vec![request::bare(Method::GET, uri, self.headers()?)])
    }

    /// The requests of an action, each a path and a form. Each has a key of its own, so that a repeat of the action
    /// repeats none that was carried out.
    fn change(&self, requests: &[(&[&str], Form)]) -> Result<Vec<Call>, Unable> {
        let call = |(number, (path, form)): (usize, &(&[&str], Form))| {
            let key = HeaderValue::try_from(format!("{}-{number}", self.context.action))
                .map_err(|_| Unable::new("the action has no key"))?;
            let mut headers = self.headers()?;
            headers.insert(IDEMPOTENCY_KEY, key);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            Ok(Call { method: Method::POST, uri: self.root.at(path, &[])?, headers, body: body.into() })
        };
        (1..).zip(requests).map(call).collect()
    }
}

/// The fields of a form.
type Form = Vec<(String, String)>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_leads_back_to_the_action() {
        let action = ActionId::from_u128(7);
        assert_eq!(action_of_key(&format!("{action}-2")), Some(action));
        for other in ["", "-", "act_1-1", &action.to_string(), "b5ae3c1c-4d25-4f4e-a7de-5f1d6bc5a7a8"] {
            assert_eq!(action_of_key(other), None, "{other}");
        }
    }
}
