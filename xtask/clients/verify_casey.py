"""Webhooks made through /casey verify with the published Standard Webhooks and Svix libraries for Python, under both
families of headers."""

import base64
import json
import secrets
import sys
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix.webhooks

from posthouse import Delivery, Failed, Receiver, Server, check

WEBHOOKS = "/casey/v1/backend/webhooks"
HEADERS = ("id", "timestamp", "signature")

# Each library takes the headers of Standard Webhooks; Svix's takes its own names too.
VERIFIERS = {
    "standardwebhooks, webhook-*": (standardwebhooks.Webhook, "webhook-", "webhook-"),
    "standardwebhooks, svix-*": (standardwebhooks.Webhook, "svix-", "webhook-"),
    "svix, webhook-*": (svix.webhooks.Webhook, "webhook-", "webhook-"),
    "svix, svix-*": (svix.webhooks.Webhook, "svix-", "svix-"),
}


def only(delivery, verifier):
    """The delivery with one family of headers alone, under the names that the library knows."""
    _, sent, known = VERIFIERS[verifier]
    return Delivery({known + name: delivery.headers[sent + name] for name in HEADERS}, delivery.body)


def verifies(verifier, secret, delivery):
    """Whether the library accepts it; any answer but yes or its own no is a failure."""
    try:
        VERIFIERS[verifier][0](secret).verify(delivery.body, delivery.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def signed_at(verifier, secret, delivery, minutes):
    """The delivery as it would be with a good signature of another time."""
    library, _, known = VERIFIERS[verifier]
    time = datetime.now(timezone.utc) + timedelta(minutes=minutes)
    signature = library(secret).sign(delivery.headers[known + "id"], time, delivery.body.decode())
    timestamp = str(int(time.timestamp()))
    changed = {known + "timestamp": timestamp, known + "signature": signature}
    return Delivery({**delivery.headers, **changed}, delivery.body)


def check_signature(name, secret, whole):
    other = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    for verifier in VERIFIERS:
        delivery = only(whole, verifier)
        check(f"{name}: {verifier}: verifies", verifies(verifier, secret, delivery))
        changed = delivery.with_body(b"[" + delivery.body[1:])
        check(f"{name}: {verifier}: refuses a changed byte", not verifies(verifier, secret, changed))
        check(f"{name}: {verifier}: refuses another secret", not verifies(verifier, other, delivery))
        for word, minutes in (("old", -10), ("new", 10)):
            stale = signed_at(verifier, secret, delivery, minutes)
            check(f"{name}: {verifier}: refuses a timestamp too {word}", not verifies(verifier, secret, stale))
        fresh = signed_at(verifier, secret, delivery, 0)
        check(f"{name}: {verifier}: accepts the same, signed now", verifies(verifier, secret, fresh))


def check_test(server, receiver, secret):
    sent = server.request("POST", f"{WEBHOOKS}/test")["data"]
    check("a test succeeds", sent["success"] is True)
    delivery = receiver.next()
    ids = {delivery.headers["webhook-id"], delivery.headers["svix-id"]}
    check("its message_id is the id of the delivery", ids == {sent["message_id"]})
    envelope = json.loads(delivery.body)
    check("it is a test.event", envelope["event_type"] == "test.event")
    check("its event has an id of its own", envelope["event_id"] not in ids)
    check_signature("test", secret, delivery)


def check_event(server, receiver, secret):
    payload = '{"conversation_id": "c1", "text": "Zoë 日本 🐎", "odd": 1.0}'.encode()
    server.publish("conversation.started", payload)
    accepted = server.publish("conversation.completed", payload)
    check("the event is for one endpoint", accepted["deliveries"] == 1)
    delivery = receiver.next()
    envelope = json.loads(delivery.body)
    names = ["event_type", "event_id", "timestamp", "organization_id", "data"]
    check("the envelope has tellcasey's members", list(envelope) == names)
    check("only what was subscribed is sent", envelope["event_id"] == accepted["id"])
    check("the payload is there, byte for byte", delivery.body.endswith(b'"data":' + payload + b"}"))
    check_signature("event", secret, delivery)


def main():
    with Receiver() as receiver, Server() as server:
        made = server.request("POST", WEBHOOKS, {"url": receiver.url})["data"]
        secret = made.pop("secret")
        check("the url comes back as it was sent", made["url"] == receiver.url)
        check("the default is conversation.completed", made["event_types"] == ["conversation.completed"])
        one = f"{WEBHOOKS}/{made['id']}"
        told = server.request("GET", f"{one}/secret")["data"]
        check("the secret call answers the secret of create", told == {"secret": secret})
        check("the endpoint is in the list", server.request("GET", WEBHOOKS)["data"] == [made])
        check("the endpoint is there", server.request("GET", one)["data"] == made)
        check_test(server, receiver, secret)
        check_event(server, receiver, secret)
        check("deleting answers nothing", server.request("DELETE", one) is None)
        check("the list is empty", server.request("GET", WEBHOOKS)["data"] == [])


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
