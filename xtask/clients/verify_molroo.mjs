// Deliveries in Molroo's format verify with Stripe's published library for JavaScript: the two sign alike, and Molroo's
// key is the whole secret.

import Stripe from "stripe";

import { check, main } from "./posthouse.mjs";

const SECRET = "whsec_demo_molroo";
const EVENT = "stage_transition";
const TOLERANCE_SECONDS = 300;

const { webhooks } = Stripe;

/** Whether the library accepts it; any answer but yes or its own no is a failure. */
function verifies(secret, header, body) {
  try {
    return webhooks.constructEvent(body, header, secret, TOLERANCE_SECONDS).event === EVENT;
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
    throw error;
  }
}

/** The header of a good signature of another time. */
function signedAt(body, offsetSeconds) {
  const timestamp = Math.floor(Date.now() / 1000) + offsetSeconds;
  return webhooks.generateTestHeaderString({ payload: body, secret: SECRET, timestamp });
}

await main(async (server, receiver) => {
  await server.request("POST", "/api/v1/sessions", { id: "s1" });
  const endpoint = { url: receiver.url, wire: "molroo", session_id: "s1", secret: SECRET, events: [EVENT] };
  await server.request("POST", "/api/v1/endpoints", endpoint);
  const event = { type: EVENT, session_id: "s1", payload: { from: 1, to: 2, name: "Zoë" } };
  const accepted = await server.request("POST", "/api/v1/events", event);
  check("the event is for one endpoint", accepted.deliveries === 1);

  const { headers, body } = await receiver.next();
  const header = headers["x-molroo-signature"];
  const changed = body.replace('"to":2', '"to":3');
  check("the envelope names event and session", JSON.parse(body).event === EVENT && JSON.parse(body).session_id === "s1");
  check("stripe verifies it, with the secret as it is", verifies(SECRET, header, body));
  check("stripe refuses a changed byte", changed !== body && !verifies(SECRET, header, changed));
  check("stripe refuses another secret", !verifies("whsec_demo_other", header, body));
  check("stripe refuses the secret without its prefix", !verifies("demo_molroo", header, body));
  check("stripe accepts the same, signed now", verifies(SECRET, signedAt(body, 0), body));
  check("stripe refuses a timestamp too old", !verifies(SECRET, signedAt(body, -2 * TOLERANCE_SECONDS), body));
});
