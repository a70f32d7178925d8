"""Deliveries in Molroo's format verify with Stripe's published library for Python: the two sign alike, and Molroo's key
is the whole secret."""

import json
import sys
import time

import stripe

from posthouse import Failed, Receiver, Server, check

SECRET = "whsec_demo_molroo"
EVENT = "stage_transition"
TOLERANCE_SECONDS = 300


def verifies(secret, header, body):
    """Whether the library accepts it; any answer but yes or its own no is a failure."""
    try:
        event = stripe.Webhook.construct_event(body, header, secret, TOLERANCE_SECONDS)
    except stripe.SignatureVerificationError:
        return False
    return event["event"] == EVENT


def signed_at(body, offset):
    """The header of a good signature of another time."""
    timestamp = int(time.time()) + offset
    return stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, timestamp)


def main():
    with Receiver() as receiver, Server() as server:
        server.request("POST", "/api/v1/sessions", {"id": "s1"})
        endpoint = {"url": receiver.url, "wire": "molroo", "session_id": "s1", "secret": SECRET, "events": [EVENT]}
        server.request("POST", "/api/v1/endpoints", endpoint)
        event = {"type": EVENT, "session_id": "s1", "payload": {"from": 1, "to": 2, "name": "Zoë"}}
        accepted = server.request("POST", "/api/v1/events", event)
        check("the event is for one endpoint", accepted["deliveries"] == 1)

        delivery = receiver.next()
        header, body = delivery.headers["x-molroo-signature"], delivery.body
        envelope = json.loads(body)
        changed = body.replace(b'"to": 2', b'"to": 3')
        named = (envelope["event"], envelope["session_id"]) == (EVENT, "s1")
        check("the envelope names event and session", named)
        check("stripe verifies it, with the secret as it is", verifies(SECRET, header, body))
        check("stripe refuses a changed byte", changed != body and not verifies(SECRET, header, changed))
        check("stripe refuses another secret", not verifies("whsec_demo_other", header, body))
        check("stripe refuses the secret without its prefix", not verifies("demo_molroo", header, body))
        check("stripe accepts the same, signed now", verifies(SECRET, signed_at(body, 0), body))
        old = signed_at(body, -2 * TOLERANCE_SECONDS)
        check("stripe refuses a timestamp too old", not verifies(SECRET, old, body))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
