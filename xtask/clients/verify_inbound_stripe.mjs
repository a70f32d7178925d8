// Events as Stripe sends them, signed by Stripe's own library, are taken on by a source with the profile `stripe`, read
// right, and answered by the built-in agent; nothing that is signed wrong, or too long ago, is.

import Stripe from "stripe";

import { NO_LIMIT, changed, checkTold, createSource, each, inspected, post, secondsAgo, settled } from "./inbound.mjs";
import { check, checkEach, main } from "./posthouse.mjs";

const SECRET = "whsec_8dQ3bRnVt0yEwG1hKpL5sXcZ7mJf2uAo";
const TOLERANCE_SECONDS = 300;
const CUSTOMER = "cus_NffrFeUfNV2Hib";
const SUBSCRIPTION = "sub_1MowQVLkdIwHu7ixeRlqHVzs";
const CHARGE = "ch_3MmlLrLkdIwHu7ix0snN0B15";

const { webhooks } = Stripe;

const customer = { id: CUSTOMER, object: "customer", email: "jenny.rosen@example.com", name: "Jenny Rosen" };

function invoice(more) {
  const lines = { object: "list", data: [{ id: "il_1Pb", object: "line_item", amount: 2000 }], has_more: false };
  const amounts = { amount_due: 2000, amount_paid: 2000, amount_remaining: 0, total: 2000 };
  const known = { number: "65D3F0D-0001", status: "paid", attempt_count: 1, billing_reason: "subscription_cycle" };
  return {
    id: "in_1MtHbELkdIwHu7ixl4OzzPMv",
    object: "invoice",
    currency: "usd",
    lines,
    ...amounts,
    ...known,
    ...more,
  };
}

function subscription(more) {
  const price = {
    id: "price_1Mo",
    object: "price",
    unit_amount: 1000,
    currency: "usd",
    recurring: { interval: "month" },
  };
  const items = { object: "list", data: [{ id: "si_Nc", object: "subscription_item", price, quantity: 3 }] };
  const known = { customer: CUSTOMER, currency: "usd", status: "active", cancel_at_period_end: false };
  return { id: SUBSCRIPTION, object: "subscription", items, ...known, ...more };
}

function checkout(more) {
  const customer_details = { email: "jenny.rosen@example.com", name: "Jenny Rosen" };
  const known = { customer: CUSTOMER, customer_details, payment_status: "paid", status: "complete", currency: "usd" };
  return { id: "cs_test_a11YYufWQzNY63zpQ6QSNRQhkUpVph4W", object: "checkout.session", ...known, ...more };
}

function intent(more) {
  const known = { customer: null, latest_charge: CHARGE, metadata: {}, status: "succeeded" };
  return { id: "pi_3MtwBwLkdIwHu7ix28a3tqPa", object: "payment_intent", ...known, ...more };
}

function charge(more) {
  return { id: CHARGE, object: "charge", paid: true, status: "succeeded", customer: null, ...more };
}

function dispute(more) {
  const known = { amount: 1000, currency: "usd", reason: "general", status: "needs_response", charge: CHARGE };
  return { id: "du_1MtJUT2eZvKYlo2CNaw2HvEv", object: "dispute", ...known, ...more };
}

const failure = {
  code: "card_declined",
  decline_code: "insufficient_funds",
  message: "Your card has insufficient funds.",
};
const newParent = { type: "subscription_details", subscription_details: { subscription: SUBSCRIPTION, metadata: {} } };
const expandedParent = { ...newParent, subscription_details: { subscription: subscription({}) } };
const ofSubscription = `stripe:${SUBSCRIPTION}`;

/** Types, the objects they come with, what they are about, and lines of the text. Shapes: Stripe, API reference. */
const EVENTS = [
  [
    "checkout.session.completed",
    checkout({ mode: "payment", amount_total: 2000 }),
    null,
    ["Amount: 20.00 USD", `Customer: ${CUSTOMER}`, "Email: jenny.rosen@example.com", "Payment status: paid"],
  ],
  [
    "checkout.session.completed",
    checkout({ mode: "subscription", amount_total: 1599, subscription: SUBSCRIPTION }),
    ofSubscription,
    ["Amount: 15.99 USD", `Subscription: ${SUBSCRIPTION}`],
  ],
  [
    "checkout.session.expired",
    checkout({ mode: "payment", amount_total: 990, currency: "eur", customer: null }),
    null,
    ["Amount: 9.90 EUR"],
  ],
  [
    "payment_intent.succeeded",
    intent({ amount: 500, currency: "jpy" }),
    null,
    ["Amount: 500 JPY", `Charge: ${CHARGE}`],
  ],
  [
    "payment_intent.succeeded",
    intent({ amount: 5120, currency: "kwd", latest_charge: charge({}) }),
    null,
    ["Amount: 5.120 KWD", `Charge: ${CHARGE}`],
  ],
  ["payment_intent.created", intent({ amount: 1, currency: "gbp", latest_charge: null }), null, ["Amount: 0.01 GBP"]],
  [
    "payment_intent.payment_failed",
    intent({ amount: 2000, currency: "usd", last_payment_error: failure }),
    null,
    ["Amount: 20.00 USD", "Failure: Your card has insufficient funds.", "Failure code: insufficient_funds"],
  ],
  [
    "invoice.paid",
    invoice({ customer: CUSTOMER, subscription: SUBSCRIPTION }),
    ofSubscription,
    ["Amount: 20.00 USD", "Number: 65D3F0D-0001", `Subscription: ${SUBSCRIPTION}`],
  ],
  [
    "invoice.paid",
    invoice({ customer, subscription: subscription({}) }),
    ofSubscription,
    [`Customer: ${CUSTOMER}`, `Subscription: ${SUBSCRIPTION}`],
  ],
  [
    "invoice.paid",
    invoice({ customer: CUSTOMER, parent: newParent }),
    ofSubscription,
    ["Amount: 20.00 USD", `Subscription: ${SUBSCRIPTION}`],
  ],
  [
    "invoice.payment_failed",
    invoice({ customer: CUSTOMER, parent: newParent, status: "open", attempt_count: 2 }),
    ofSubscription,
    ["Status: open", "Attempts: 2"],
  ],
  [
    "invoice.payment_failed",
    invoice({ customer: CUSTOMER, parent: expandedParent, currency: "vnd" }),
    ofSubscription,
    ["Amount: 2000 VND", `Subscription: ${SUBSCRIPTION}`],
  ],
  [
    "invoice.finalized",
    invoice({ customer: CUSTOMER, parent: null, amount_due: 123_456_789 }),
    null,
    ["Amount: 1234567.89 USD"],
  ],
  [
    "customer.subscription.created",
    subscription({}),
    ofSubscription,
    ["Price: 3 × 10.00 USD per month", "Status: active", `Customer: ${CUSTOMER}`],
  ],
  [
    "customer.subscription.updated",
    subscription({ cancel_at_period_end: true, customer }),
    ofSubscription,
    ["Cancels at the end of the period: true", `Customer: ${CUSTOMER}`],
  ],
  [
    "customer.subscription.deleted",
    subscription({ status: "canceled", cancellation_details: { reason: "cancellation_requested" } }),
    ofSubscription,
    ["Status: canceled", "Cancellation: cancellation_requested"],
  ],
  ["customer.subscription.trial_will_end", subscription({ status: "trialing" }), ofSubscription, ["Status: trialing"]],
  ["charge.dispute.created", dispute({}), `stripe:dispute:${CHARGE}`, ["Amount: 10.00 USD", "Reason: general"]],
  [
    "charge.dispute.closed",
    dispute({ status: "lost", charge: charge({}) }),
    `stripe:dispute:${CHARGE}`,
    ["Status: lost", `Charge: ${CHARGE}`],
  ],
  [
    "charge.refunded",
    charge({ amount: 7000, currency: "krw", amount_refunded: 7000, refunded: true }),
    null,
    ["Amount: 7000 KRW"],
  ],
  [
    "charge.failed",
    charge({ amount: 70, currency: "chf", failure_code: "expired_card", failure_message: "Abgelaufen: Zürich 🐎" }),
    null,
    ["Amount: 0.70 CHF", "Failure code: expired_card", "Failure: Abgelaufen: Zürich 🐎"],
  ],
  [
    "customer.created",
    { ...customer, name: "Zoë 日本 🐎", metadata: { Größe: "grüße\nAmount: 0.00 USD" } },
    null,
    [`Object: customer ${CUSTOMER}`, "  Größe: grüße Amount: 0.00 USD"],
  ],
  [
    "payout.paid",
    { id: "po_1OaFDbEcg9tTZuTgNYmX0PKB", object: "payout", amount: -1100, currency: "usd", status: "paid" },
    null,
    ["Amount: -11.00 USD"],
  ],
  [
    "account.updated",
    { id: "acct_1Nv0FGQ9RKHgCVdK", object: "account", email: "site@example.com" },
    null,
    ["Object: account acct_1Nv0FGQ9RKHgCVdK"],
  ],
];

const CASES = EVENTS.map(([type, object, entity, lines], index) => {
  const id = `evt_1NG8Du2eZvKYlo2C${String(index).padStart(8, "0")}`;
  const request = { id: "req_iyLMFUHMvAVgVA", idempotency_key: null };
  const frame = { id, object: "event", api_version: "2026-08-26", created: 1_767_225_600, livemode: false };
  const event = { ...frame, pending_webhooks: 1, request, type, data: { object } };
  // Stripe indents its bodies.
  return { name: `${type} (${index})`, id, type, entity, lines, body: JSON.stringify(event, null, 2) };
});

const named = ({ name }) => name;

function signed(body, { secret = SECRET, timestamp = secondsAgo(0) } = {}) {
  const header = webhooks.generateTestHeaderString({ payload: body, secret, timestamp });
  return { "stripe-signature": header, "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)" };
}

async function statuses(source, request) {
  return each(CASES, async (one) => ({ ...one, ...(await post(source, ...request(one))) }));
}

async function checkRefused(source) {
  const refused = {
    "a changed byte": ({ body }) => [signed(body), changed(body)],
    "another secret": ({ body }) => [signed(body, { secret: `${SECRET}x` }), body],
    "a signature made too long ago": ({ body }) => [
      signed(body, { timestamp: secondsAgo(TOLERANCE_SECONDS + 1) }),
      body,
    ],
    "a signature of the future": ({ body }) => [signed(body, { timestamp: secondsAgo(-2 * TOLERANCE_SECONDS) }), body],
    "no signature": ({ body }) => [{}, body],
  };
  for (const [what, request] of Object.entries(refused)) {
    checkEach(`${what} is refused`, await statuses(source, request), named, ({ status }) => status === 401);
  }
}

/** Just within the tolerance. If it did not arrive in time because this machine was slow, it is made again. */
async function checkOldEnough(source) {
  const [{ body }] = CASES;
  let began;
  let answer;
  do {
    began = Date.now();
    answer = await post(source, signed(body, { timestamp: secondsAgo(TOLERANCE_SECONDS - 1) }), body);
  } while (answer.status === 401 && Date.now() - began > 500);
  check("a signature made just within the tolerance is accepted", answer.status === 202);
}

async function checkRotation(source) {
  const [, { body, id }] = CASES;
  const header = signed(body)["stripe-signature"];
  const [timestamp, good] = header.split(",");
  const listed = `${timestamp},v1=${"0".repeat(64)},${good},v0=${"1".repeat(64)}`;
  const several = await post(source, { "stripe-signature": listed }, body);
  check("of several signatures one has to fit", several.status === 202 && several.json.eventType === CASES[1].type);
  const again = await post(source, signed(body, { secret: SECRET }), body);
  check(`${id} is known then`, again.status === 200 && again.json.existingDeliveryId === several.json.deliveryId);
}

async function send(source) {
  const sent = await statuses(source, ({ body }) => [signed(body), body]);
  checkEach("it is accepted", sent, named, ({ status }) => status === 202);
  checkEach("the answer tells the type", sent, named, ({ json, type }) => json.eventType === type);
  const repeated = await each(sent, async (one) => ({ ...one, again: await post(source, signed(one.body), one.body) }));
  checkEach("a repeat is told of the first", repeated, named, ({ json, again }) => {
    return again.status === 200 && again.json.existingDeliveryId === json.deliveryId;
  });
  return sent;
}

/** While a secret changes, both are good; with the one that posthouse made, Stripe's library signs as well. */
async function checkSecretOfOurs(server) {
  const source = await createSource(server, { profile: "stripe" });
  const { secret } = await server.request("POST", `/api/v1/sources/${source.id}/rotate-secret`);
  check("a rotation gives another secret", typeof secret === "string" && secret !== source.secret);
  const [first, second, { body }] = CASES;
  const old = await post(source, signed(first.body, { secret: source.secret }), first.body);
  const now = await post(source, signed(second.body, { secret }), second.body);
  check("both secrets are good for a while", old.status === 202 && now.status === 202);
  check("a third is not", (await post(source, signed(body), body)).status === 401);
}

await main(async (server) => {
  const auth = { secret: SECRET };
  const { data: profiles } = await server.request("GET", "/api/v1/profiles");
  const catalogue = profiles.find(({ name }) => name === "stripe").events.map(({ type }) => type);
  const types = new Set(CASES.map(({ type }) => type));
  checkEach(
    "there is an event of the catalogue",
    catalogue,
    (type) => type,
    (type) => types.has(type),
  );
  check(`${CASES.length} events of ${types.size} types`, types.size > catalogue.length);

  const source = await createSource(server, { profile: "stripe", auth });
  await checkRefused(source);
  const sent = await send(source);
  const done = await settled(server, source, sent.length);
  const things = await each(sent, async (one) => ({
    ...one,
    found: await inspected(server, done.get(one.json.deliveryId)),
  }));
  checkEach("it has its type", things, named, ({ found, type }) => found.event_type === type);
  checkEach("it has Stripe's key", things, named, ({ found, id }) => found.dedup_key === id);
  checkEach("it is about the right thing", things, named, ({ found, entity }) => found.entity_key === entity);
  checkTold(source, things);
  checkEach("the text has the type", things, named, ({ found, type }) =>
    found.normalized.includes(`\n\nStripe event: ${type}\n`),
  );
  const lines = things.flatMap(({ name, found, lines }) =>
    lines.map((line) => ({ name: `${name}: ${line}`, line, found })),
  );
  checkEach("the text has the line", lines, named, ({ found, line }) => found.normalized.includes(`\n${line}\n`));

  const other = await createSource(server, { profile: "stripe", auth });
  await checkOldEnough(other);
  await checkRotation(other);
  await checkSecretOfOurs(server);
  check("the server had no trouble", !server.log().includes("panicked"));
}, NO_LIMIT);
