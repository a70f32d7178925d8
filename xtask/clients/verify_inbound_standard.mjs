// What the published libraries of Standard Webhooks and Svix sign is taken on by a source in the mode
// `standard_webhooks`, under both families of headers; nothing that is signed wrong, or at another time, is.

import { randomBytes } from "node:crypto";

import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

import { NO_LIMIT, changed, checkTold, createSource, each, inspected, post, settled } from "./inbound.mjs";
import { check, checkEach, main } from "./posthouse.mjs";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const LIBRARIES = { standardwebhooks, svix };
const FAMILIES = ["webhook", "svix"];
const MINUTE_MS = 60_000;

/** Bodies as the specification's “Payload structure” has them, and what else senders make of them. */
const EVENTS = {
  "user.created": { id: "1f81eb52-5198-4599-803e-771906343485", name: "Zoë 日本 🐎" },
  "invoice.paid": { amount: 1.5, lines: Array.from({ length: 300 }, (_, n) => ({ n, text: "x".repeat(80) })) },
  "response.completed": null,
  "message.attempt.exhausted": ["a", "b"],
};

const CASES = Object.entries(LIBRARIES).flatMap(([library, { Webhook }]) =>
  FAMILIES.flatMap((family) =>
    Object.entries(EVENTS).map(([type, data], index) => ({
      name: `${type}, ${library}, ${family}-*`,
      Webhook,
      family,
      type,
      id: `msg_${library}_${family}_${index}`,
      body: JSON.stringify({ type, timestamp: "2026-01-01T00:00:00Z", data }),
    })),
  ),
);

const named = ({ name }) => name;

function signed({ Webhook, family, id, body }, { secret = SECRET, minutes = 0, as = (signature) => signature } = {}) {
  const time = new Date(Date.now() + minutes * MINUTE_MS);
  return {
    [`${family}-id`]: id,
    [`${family}-timestamp`]: String(Math.floor(time.getTime() / 1000)),
    [`${family}-signature`]: as(new Webhook(secret).sign(id, time, body)),
  };
}

async function answers(source, request) {
  return each(CASES, async (one) => ({ ...one, ...(await post(source, ...request(one))) }));
}

async function checkRefused(source) {
  const other = `whsec_${randomBytes(32).toString("base64")}`;
  const refused = {
    "a changed byte": (one) => [signed(one), changed(one.body)],
    "another id": (one) => [{ ...signed(one), [`${one.family}-id`]: `${one.id}x` }, one.body],
    "another secret": (one) => [signed(one, { secret: other }), one.body],
    "a signature made too long ago": (one) => [signed(one, { minutes: -6 }), one.body],
    "a signature of the future": (one) => [signed(one, { minutes: 10 }), one.body],
    "a signature of another version": (one) => [signed(one, { as: (text) => text.replace("v1,", "v2,") }), one.body],
    "no signature": (one) => [{ [`${one.family}-id`]: one.id }, one.body],
  };
  for (const [what, request] of Object.entries(refused)) {
    checkEach(`${what} is refused`, await answers(source, request), named, ({ status }) => status === 401);
  }
}

async function checkProfile(server) {
  const source = await createSource(server, { profile: "standard_webhooks", auth: { secret: SECRET } });
  await checkRefused(source);
  const sent = await answers(source, (one) => [signed(one), one.body]);
  checkEach("it is accepted", sent, named, ({ status }) => status === 202);
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
  checkEach("it has the sender's key", things, named, ({ found, id }) => found.dedup_key === id);
  checkTold(source, things);
  checkEach("the text has type and id", things, named, ({ found, type, id }) => {
    return found.normalized.includes(`\n\nEvent: ${type}\nId: ${id}\n`);
  });
}

/** The mode is good for any profile. */
async function checkMode(server) {
  const auth = { mode: "standard_webhooks", secret: SECRET };
  const source = await createSource(server, { profile: "generic", auth, dedup_by_body_seconds: 0 });
  const plain = await answers(source, (one) => [signed(one), one.body]);
  checkEach("a source with another profile accepts it", plain, named, ({ status }) => status === 202);
  const turned = await answers(source, (one) => [signed(one), changed(one.body)]);
  checkEach("it refuses a changed byte", turned, named, ({ status }) => status === 401);
}

/** While a secret changes, senders sign with both, and both are good; the libraries take the secrets that we make. */
async function checkRotation(server) {
  const source = await createSource(server, { profile: "standard_webhooks" });
  const { secret } = await server.request("POST", `/api/v1/sources/${source.id}/rotate-secret`);
  check("a rotation gives another secret", secret !== source.secret);
  const renamed = (one, what) => ({ ...one, id: `${one.id}_${what}` });
  const old = await answers(source, (one) => [signed(renamed(one, "old"), { secret: source.secret }), one.body]);
  checkEach("the old secret is good for a while", old, named, ({ status }) => status === 202);
  const now = await answers(source, (one) => [signed(renamed(one, "new"), { secret }), one.body]);
  checkEach("the new secret is good", now, named, ({ status }) => status === 202);
  const wrong = `v1,${Buffer.alloc(32).toString("base64")}`;
  const as = (signature) => `${wrong} v1a,xyz ${signature}`;
  const both = await answers(source, (one) => [signed(renamed(one, "both"), { secret, as }), one.body]);
  checkEach("of several signatures one has to fit", both, named, ({ status }) => status === 202);
}

await main(async (server) => {
  check(
    `${CASES.length} requests: ${Object.keys(LIBRARIES).join(" and ")}, both families of headers`,
    CASES.length === 16,
  );
  await checkProfile(server);
  await checkMode(server);
  await checkRotation(server);
  check("the server had no trouble", !server.log().includes("panicked"));
}, NO_LIMIT);
