"""Deliveries verify with the published Standard Webhooks and Svix libraries for Python."""

import base64
import json
import secrets
import sys
from datetime import datetime, timedelta, timezone

import standardwebhooks
import svix.webhooks

from posthouse import Failed, Receiver, Server, check

LIBRARIES = {
    "standardwebhooks": standardwebhooks.Webhook,
    "svix": svix.webhooks.Webhook,
}

PAYLOADS = {
    "unicode": '{"name":"Zoë 日本 🐎","escaped":"\\u00e9\\/\\n"}'.encode(),
    "an empty object": b"{}",
    "a large payload": json.dumps({"rows": [{"n": n, "text": "x" * 80} for n in range(1000)]}).encode(),
    "odd numbers": b'{"a":1.0,"b":1E+2,"c":-0.0,"d":0.10,"e":123456789012345678901234567890,"f":1e-7}',
    "spaces and order": b'{ "z" : 1,\n\t"a" : [ 1 , 2 ] }',
}


def verifies(library, secret, delivery):
    """Whether the library accepts it; any answer but yes or its own no is a failure."""
    try:
        LIBRARIES[library](secret).verify(delivery.body, delivery.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def deliver(server, receiver, name, payload):
    accepted = server.publish("order.created", payload)
    check(f"{name}: accepted for one endpoint", accepted["deliveries"] == 1)
    delivery = receiver.next()
    check(f"{name}: the body is the payload, byte for byte", delivery.body == payload)
    return delivery


def check_good(secret, name, delivery):
    for library in LIBRARIES:
        check(f"{name}: {library} verifies it", verifies(library, secret, delivery))


def check_bad(secret, delivery):
    other = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    changed = delivery.with_body(b"[" + delivery.body[1:])
    later = str(int(delivery.headers["webhook-timestamp"]) + 1)
    for library in LIBRARIES:
        check(f"{library} refuses a changed byte", not verifies(library, secret, changed))
        check(f"{library} refuses another secret", not verifies(library, other, delivery))
        moved = delivery.with_headers(webhook_timestamp=later)
        check(f"{library} refuses a changed timestamp", not verifies(library, secret, moved))
        renamed = delivery.with_headers(webhook_id="evt_another")
        check(f"{library} refuses a changed id", not verifies(library, secret, renamed))
        for word, minutes in (("old", -10), ("new", 10)):
            stale = signed_at(library, secret, delivery, timedelta(minutes=minutes))
            check(f"{library} refuses a timestamp too {word}", not verifies(library, secret, stale))
        fresh = signed_at(library, secret, delivery, timedelta())
        check(f"{library} accepts the same, signed now", verifies(library, secret, fresh))


def signed_at(library, secret, delivery, offset):
    """The delivery as it would be with a good signature of another time."""
    time = datetime.now(timezone.utc) + offset
    message = delivery.headers["webhook-id"]
    signature = LIBRARIES[library](secret).sign(message, time, delivery.body.decode())
    return delivery.with_headers(webhook_timestamp=str(int(time.timestamp())), webhook_signature=signature)


def check_rotation(server, receiver, endpoint, old):
    path = f"/api/v1/endpoints/{endpoint}/rotate-secret"
    new = server.request("POST", path, {"overlap_seconds": 3600})["secret"]
    check("rotation gives another secret", new != old and new.startswith("whsec_"))
    delivery = deliver(server, receiver, "after rotation", b'{"rotated":true}')
    for library in LIBRARIES:
        check(f"{library} verifies with the new secret", verifies(library, new, delivery))
        check(f"{library} verifies with the old one, during the overlap", verifies(library, old, delivery))
    changed = delivery.with_body(b"[" + delivery.body[1:])
    for library in LIBRARIES:
        either = verifies(library, new, changed) or verifies(library, old, changed)
        check(f"{library} refuses a changed byte with both", not either)


def main():
    with Receiver() as receiver, Server() as server:
        endpoint = server.create_endpoint(receiver.url)
        secret = endpoint["secret"]
        check("the secret is in the form the libraries take", secret.startswith("whsec_"))
        seen = set()
        for name, payload in PAYLOADS.items():
            delivery = deliver(server, receiver, name, payload)
            check_good(secret, name, delivery)
            seen.add(delivery.headers["webhook-id"])
        check("every event has its own webhook-id", len(seen) == len(PAYLOADS))
        check_bad(secret, delivery)
        check_rotation(server, receiver, endpoint["id"], secret)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
