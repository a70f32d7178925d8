// Requests as Shopify sends them are taken on by a source with the profile `shopify` exactly when the verifier of
// Shopify's own library takes them, and read right. They are signed here by Shopify's documented rule: nothing
// published signs.

import "@shopify/shopify-api/adapters/node";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";

import { NO_LIMIT, changed, checkTold, createSource, each, hmac, inspected, post, settled } from "./inbound.mjs";
import { check, checkEach, main } from "./posthouse.mjs";

const SECRET = "hush_3f2a9c47d1";
const SHOP = "johns-apparel.myshopify.com";

const { webhooks } = shopifyApi({
  apiKey: "key",
  apiSecretKey: SECRET,
  apiVersion: ApiVersion.July26,
  hostName: "localhost",
  isEmbeddedApp: false,
  // It would warn of every request that is refused here on purpose.
  logger: { level: LogSeverity.Error },
});

const customer = { id: 115_310_627_314_723_954n, first_name: "Zoë", last_name: "日本", email: "zoe@example.com" };
const money = { total_price: "403.00", currency: "USD", financial_status: "paid", fulfillment_status: null };
const items = [
  { id: 1, title: "IPod Nano - 8GB", quantity: 2 },
  { id: 2, title: 'Größe "L" 🐎', quantity: 1 },
];
const order = {
  id: 820_982_911_946_154_508n,
  name: "#9999",
  email: "jon@example.com",
  ...money,
  customer,
  line_items: items,
};

/** Topics, bodies, what they are about, and a line of the text. Shapes: Shopify, REST Admin API. */
const CASES = [
  ["orders/create", order, `shopify:${SHOP}:order:820982911946154508`, "Total: 403.00 USD"],
  ["orders/paid", order, `shopify:${SHOP}:order:820982911946154508`, '  1 × Größe "L" 🐎'],
  ["orders/cancelled", { ...order, test: true }, `shopify:${SHOP}:order:820982911946154508`, "Customer: Zoë 日本"],
  [
    "refunds/create",
    { id: 890_088_186_047_892_319n, order_id: 820_982_911_946_154_508n, note: "Things were damaged" },
    `shopify:${SHOP}:order:820982911946154508`,
    "Order: 820982911946154508",
  ],
  [
    "products/update",
    { id: 788_032_119_674_292_922n, title: "Example T-Shirt", vendor: "Acme" },
    `shopify:${SHOP}:product:788032119674292922`,
    "Name: Example T-Shirt",
  ],
  ["customers/create", customer, `shopify:${SHOP}:customer:115310627314723954`, "Email: zoe@example.com"],
  ["app/uninstalled", { id: 548_380_009, name: "Super Toys", domain: null }, null, "Name: Super Toys"],
].map(([topic, payload, entity, line], index) => {
  const id = `b54557e4-bdd9-4b37-8a5f-bf7d70bcd0${index.toString(16).padStart(2, "0")}`;
  return { name: topic, topic, type: topic.replace("/", "."), body: written(payload), entity, line, id };
});

/** Shopify's ids are numbers that JavaScript has only as big ones, which its JSON has not. */
function written(payload) {
  const text = JSON.stringify(payload, (_, value) => (typeof value === "bigint" ? `@${value}@` : value));
  return text.replaceAll(/"@(\d+)@"/g, "$1");
}

const named = ({ name }) => name;

function signed({ topic, body, id }, secret = SECRET) {
  return {
    "x-shopify-api-version": ApiVersion.July26,
    "x-shopify-hmac-sha256": hmac("sha256", secret, body, "base64"),
    "x-shopify-shop-domain": SHOP,
    "x-shopify-topic": topic,
    "x-shopify-webhook-id": id,
  };
}

/** Whether Shopify's library takes it. */
async function shopifyTakes(headers, body) {
  const rawRequest = { method: "POST", url: "/", headers: { host: "localhost", ...headers } };
  const { valid } = await webhooks.validate({ rawBody: body.toString(), rawRequest, rawResponse: {} });
  return valid;
}

async function answers(source, request) {
  return each(CASES, async (one) => {
    const [headers, body] = request(one);
    return { ...one, ...(await post(source, headers, body)), shopify: await shopifyTakes(headers, body) };
  });
}

async function checkRefused(source) {
  const refused = {
    "a changed byte": (one) => [signed(one), changed(one.body)],
    "another secret": (one) => [signed(one, `${SECRET}x`), one.body],
    "a signature in hexadecimal": (one) => [
      { ...signed(one), "x-shopify-hmac-sha256": hmac("sha256", SECRET, one.body, "hex") },
      one.body,
    ],
  };
  for (const [what, request] of Object.entries(refused)) {
    const all = await answers(source, request);
    checkEach(
      `Shopify's library and posthouse refuse ${what}`,
      all,
      named,
      ({ status, shopify }) => status === 401 && !shopify,
    );
  }
}

await main(async (server) => {
  const source = await createSource(server, { profile: "shopify", auth: { secret: SECRET } });
  await checkRefused(source);
  const sent = await answers(source, (one) => [signed(one), one.body]);
  checkEach("Shopify's library and posthouse take it", sent, named, ({ status, shopify }) => status === 202 && shopify);
  checkEach("the answer tells the type", sent, named, ({ json, type }) => json.eventType === type);
  const repeated = await each(sent, async (one) => ({ ...one, again: await post(source, signed(one), one.body) }));
  checkEach("a repeat is told of the first", repeated, named, ({ json, again }) => {
    return again.status === 200 && again.json.existingDeliveryId === json.deliveryId;
  });

  const done = await settled(server, source, sent.length);
  const things = await each(sent, async (one) => ({
    ...one,
    found: await inspected(server, done.get(one.json.deliveryId)),
  }));
  checkEach("it has Shopify's key", things, named, ({ found, id }) => found.dedup_key === id);
  checkEach("it is about the right thing", things, named, ({ found, entity }) => found.entity_key === entity);
  checkTold(source, things);
  checkEach("the text has the line", things, named, ({ found, line }) => found.normalized.includes(`\n${line}\n`));
  check("the server had no trouble", !server.log().includes("panicked"));
}, NO_LIMIT);
