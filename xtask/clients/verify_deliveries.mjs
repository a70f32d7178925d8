// Deliveries verify with the published Standard Webhooks and Svix libraries for JavaScript.

import { randomBytes } from "node:crypto";

import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

import { check, main } from "./posthouse.mjs";

const LIBRARIES = { standardwebhooks, svix };

const PAYLOADS = {
  unicode: '{"name":"Zoë 日本 🐎","escaped":"\\u00e9\\/\\n"}',
  "an empty object": "{}",
  "a large payload": JSON.stringify({ rows: Array.from({ length: 1000 }, (_, n) => ({ n, text: "x".repeat(80) })) }),
  "odd numbers": '{"a":1.0,"b":1E+2,"c":-0.0,"d":0.10,"e":123456789012345678901234567890,"f":1e-7}',
  "spaces and order": '{ "z" : 1,\n\t"a" : [ 1 , 2 ] }',
};

/** Whether the library accepts it; any answer but yes or its own no is a failure. */
function verifies(name, secret, { body, headers }) {
  const { Webhook, WebhookVerificationError } = LIBRARIES[name];
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

async function deliver(server, receiver, name, payload) {
  const accepted = await server.publish("order.created", payload);
  check(`${name}: accepted for one endpoint`, accepted.deliveries === 1);
  const delivery = await receiver.next();
  check(`${name}: the body is the payload, byte for byte`, delivery.body === payload);
  return delivery;
}

/** The delivery as it would be with a good signature of another time. */
function signedAt(name, secret, { body, headers }, offsetMinutes) {
  const time = new Date(Date.now() + offsetMinutes * 60_000);
  const signature = new LIBRARIES[name].Webhook(secret).sign(headers["webhook-id"], time, body);
  const timestamp = String(Math.floor(time.getTime() / 1000));
  return { body, headers: { ...headers, "webhook-timestamp": timestamp, "webhook-signature": signature } };
}

function changedByte({ body, headers }) {
  return { body: `[${body.slice(1)}`, headers };
}

function checkBad(secret, delivery) {
  const other = `whsec_${randomBytes(32).toString("base64")}`;
  for (const name of Object.keys(LIBRARIES)) {
    check(`${name} refuses a changed byte`, !verifies(name, secret, changedByte(delivery)));
    check(`${name} refuses another secret`, !verifies(name, other, delivery));
    check(`${name} refuses a timestamp too old`, !verifies(name, secret, signedAt(name, secret, delivery, -10)));
    check(`${name} refuses a timestamp too new`, !verifies(name, secret, signedAt(name, secret, delivery, 10)));
    check(`${name} accepts the same, signed now`, verifies(name, secret, signedAt(name, secret, delivery, 0)));
  }
}

async function checkRotation(server, receiver, endpoint, old) {
  const path = `/api/v1/endpoints/${endpoint}/rotate-secret`;
  const { secret } = await server.request("POST", path, { overlap_seconds: 3600 });
  check("rotation gives another secret", secret !== old);
  const delivery = await deliver(server, receiver, "after rotation", '{"rotated":true}');
  for (const name of Object.keys(LIBRARIES)) {
    check(`${name} verifies with the new secret`, verifies(name, secret, delivery));
    check(`${name} verifies with the old one, during the overlap`, verifies(name, old, delivery));
    check(`${name} refuses a changed byte`, !verifies(name, secret, changedByte(delivery)));
  }
}

await main(async (server, receiver) => {
  const { id, secret } = await server.createEndpoint(receiver.url);
  let delivery;
  for (const [name, payload] of Object.entries(PAYLOADS)) {
    delivery = await deliver(server, receiver, name, payload);
    for (const library of Object.keys(LIBRARIES)) {
      check(`${name}: ${library} verifies it`, verifies(library, secret, delivery));
    }
  }
  checkBad(secret, delivery);
  await checkRotation(server, receiver, id, secret);
});
