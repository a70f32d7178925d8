// Webhooks made through /casey verify with the published Standard Webhooks and Svix libraries for JavaScript, under
// both families of headers.

import { randomBytes } from "node:crypto";

import * as standardwebhooks from "standardwebhooks";
import * as svix from "svix";

import { check, main } from "./posthouse.mjs";

const WEBHOOKS = "/casey/v1/backend/webhooks";

// Each library takes the headers of Standard Webhooks; Svix's takes its own names too.
const VERIFIERS = {
  "standardwebhooks, webhook-*": { library: standardwebhooks, sent: "webhook-", known: "webhook-" },
  "standardwebhooks, svix-*": { library: standardwebhooks, sent: "svix-", known: "webhook-" },
  "svix, webhook-*": { library: svix, sent: "webhook-", known: "webhook-" },
  "svix, svix-*": { library: svix, sent: "svix-", known: "svix-" },
};

/** The delivery with one family of headers alone, under the names that the library knows. */
function only({ body, headers }, { sent, known }) {
  const names = ["id", "timestamp", "signature"];
  return { body, headers: Object.fromEntries(names.map((name) => [known + name, headers[sent + name]])) };
}

/** Whether the library accepts it; any answer but yes or its own no is a failure. */
function verifies({ library }, secret, { body, headers }) {
  const { Webhook, WebhookVerificationError } = library;
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

/** The delivery as it would be with a good signature of another time. */
function signedAt({ library, known }, secret, { body, headers }, offsetMinutes) {
  const time = new Date(Date.now() + offsetMinutes * 60_000);
  const signature = new library.Webhook(secret).sign(headers[`${known}id`], time, body);
  const timestamp = String(Math.floor(time.getTime() / 1000));
  return { body, headers: { ...headers, [`${known}timestamp`]: timestamp, [`${known}signature`]: signature } };
}

function checkSignature(what, secret, whole) {
  const other = `whsec_${randomBytes(32).toString("base64")}`;
  for (const [name, verifier] of Object.entries(VERIFIERS)) {
    const delivery = only(whole, verifier);
    const holds = (text, value) => check(`${what}: ${name}: ${text}`, value);
    holds("verifies", verifies(verifier, secret, delivery));
    const changed = { ...delivery, body: `[${delivery.body.slice(1)}` };
    holds("refuses a changed byte", !verifies(verifier, secret, changed));
    holds("refuses another secret", !verifies(verifier, other, delivery));
    holds("refuses a timestamp too old", !verifies(verifier, secret, signedAt(verifier, secret, delivery, -10)));
    holds("refuses a timestamp too new", !verifies(verifier, secret, signedAt(verifier, secret, delivery, 10)));
    holds("accepts the same, signed now", verifies(verifier, secret, signedAt(verifier, secret, delivery, 0)));
  }
}

async function checkTest(server, receiver, secret) {
  const { data } = await server.request("POST", `${WEBHOOKS}/test`);
  check("a test succeeds", data.success === true);
  const delivery = await receiver.next();
  const ids = [delivery.headers["webhook-id"], delivery.headers["svix-id"]];
  check("its message_id is the id of the delivery", ids.every((id) => id === data.message_id));
  const envelope = JSON.parse(delivery.body);
  check("it is a test.event", envelope.event_type === "test.event");
  check("its event has an id of its own", envelope.event_id !== data.message_id);
  checkSignature("test", secret, delivery);
}

async function checkEvent(server, receiver, secret) {
  const payload = '{"conversation_id": "c1", "text": "Zoë 日本 🐎", "odd": 1.0}';
  const accepted = await server.publish("conversation.completed", payload);
  check("the event is for one endpoint", accepted.deliveries === 1);
  const delivery = await receiver.next();
  check("the payload is there, byte for byte", delivery.body.endsWith(`"data":${payload}}`));
  checkSignature("event", secret, delivery);
}

await main(async (server, receiver) => {
  const create = { url: receiver.url, description: "n8n workflow 7", event_types: ["conversation.completed"] };
  const { secret, ...made } = (await server.request("POST", WEBHOOKS, create)).data;
  const one = `${WEBHOOKS}/${made.id}`;
  const told = await server.request("GET", `${one}/secret`);
  check("the secret call answers the secret of create", told.data.secret === secret);
  const listed = (await server.request("GET", WEBHOOKS)).data;
  check("the list has it under the url that was sent", listed.find(({ url }) => url === create.url)?.id === made.id);
  await checkTest(server, receiver, secret);
  await checkEvent(server, receiver, secret);
  check("deleting answers nothing", (await server.request("DELETE", one)) === undefined);
  check("the list is empty", (await server.request("GET", WEBHOOKS)).data.length === 0);
});
