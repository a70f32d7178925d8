"""The published Python client of Sonzai works against /sonzai, and Stripe's library verifies what is delivered.

Stripe signs as Sonzai does, except for the key: Sonzai's is the secret without `whsec_`.
"""

import base64
import json
import sys
import time

from posthouse import DELIVERY_SECONDS_MAX, Failed, Receiver, Server, check

try:
    import sonzai
    import stripe
    from sonzai._generated import models
except ModuleNotFoundError as missing:
    # xtask counts this exit code as skipped.
    print(f"     skipped: {missing.name} is not installed; the sonzai library needs Python 3.12", flush=True)
    sys.exit(77)

EVENT = "session.end"
AUTH = "Basic aG9vazpzZWNyZXQ="
TOLERANCE_SECONDS = 300


class Calls:
    """The client's webhook calls for the tenant, or their `_for_project` forms."""

    def __init__(self, client, project):
        self._webhooks = client.webhooks
        self._suffix, self._first = ("_for_project", [project]) if project else ("", [])

    def __getattr__(self, name):
        method = getattr(self._webhooks, name + self._suffix)
        return lambda *arguments, **named: method(*self._first, *arguments, **named)


def publish(server, project, number):
    body = {"type": EVENT, "payload": {"agent_id": "a1", "text": "Zoë 日本", "number": number}}
    accepted = server.request("POST", "/api/v1/events", {**body, **({"project_id": project} if project else {})})
    if accepted["deliveries"] != 1:
        raise Failed(f"the event went to {accepted['deliveries']} webhooks")
    return accepted["id"]


def settled(calls, count):
    """The attempts, once there are so many: they are written after the receiver has answered."""
    deadline = time.monotonic() + DELIVERY_SECONDS_MAX
    while time.monotonic() < deadline:
        attempts = calls.list_delivery_attempts(EVENT).to_list()
        if len(attempts) >= count:
            return attempts
    raise Failed(f"there were not {count} attempts within {DELIVERY_SECONDS_MAX} s")


def verifies(secret, header, body):
    """Whether Stripe's library accepts it; any answer but yes or its own no is a failure."""
    try:
        event = stripe.Webhook.construct_event(body, header, secret, TOLERANCE_SECONDS)
    except stripe.SignatureVerificationError:
        return False
    return event["event_type"] == EVENT


def signed_at(secret, body, offset):
    """The header of a good signature of another time."""
    timestamp = int(time.time()) + offset
    return stripe.WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)


def check_signature(name, whole, delivery):
    secret = whole.removeprefix("whsec_")
    header, body = delivery.headers["sonzai-signature"], delivery.body
    changed = body.replace(b'"number":', b'"Number":')
    check(f"{name}: stripe verifies it", verifies(secret, header, body))
    check(f"{name}: stripe refuses a changed byte", changed != body and not verifies(secret, header, changed))
    check(f"{name}: stripe refuses another secret", not verifies("0" * 64, header, body))
    check(f"{name}: stripe refuses the secret with its prefix", not verifies(whole, header, body))
    check(f"{name}: stripe accepts the same, signed now", verifies(secret, signed_at(secret, body, 0), body))
    old = signed_at(secret, body, -2 * TOLERANCE_SECONDS)
    check(f"{name}: stripe refuses a timestamp too old", not verifies(secret, old, body))


def check_envelope(name, delivery, event, project_id):
    envelope = json.loads(delivery.body)
    check(f"{name}: the envelope names the event", envelope["event_id"] == event)
    check(f"{name}: the envelope names the project", envelope["project_id"] == project_id)
    check(f"{name}: the envelope holds the payload", envelope["data"]["text"] == "Zoë 日本")


def check_register(name, calls, receiver):
    """Registers, replaces and lists; the secret and the project that the webhook names."""
    first = calls.register(EVENT, webhook_url=receiver.url + "/first")
    check(f"{name}: a secret at the first registration", first.signing_secret.startswith("whsec_"))
    second = calls.register(EVENT, webhook_url=receiver.url, auth_header=AUTH)
    check(f"{name}: no secret when it is replaced", second.success and second.signing_secret == "")
    listed = calls.list().webhooks
    check(f"{name}: one webhook is listed", len(listed) == 1)
    [webhook] = listed
    same = (webhook.event_type, webhook.webhook_url, webhook.auth_header) == (EVENT, receiver.url, AUTH)
    check(f"{name}: it is as registered", same and webhook.is_active)
    return first.signing_secret, webhook.model_extra["project_id"]


def check_attempts(name, calls, receiver, body, project_id):
    attempts = settled(calls, 3)
    check(f"{name}: three attempts", len(attempts) == 3)
    last = attempts[0]
    sent = base64.b64decode(last.request_body, validate=True)
    check(f"{name}: the newest is first, with what was sent", sent == body)
    answered = (last.status, last.response_code, last.attempt_number) == ("success", 200, 1)
    check(f"{name}: it says what was answered", answered and last.webhook_url == receiver.url)
    check(f"{name}: it names the project", last.project_id == project_id)
    paged = calls.list_delivery_attempts(EVENT, page_size=1).to_list()
    check(f"{name}: pages of one give the same", paged == attempts)
    page = calls.list_delivery_attempts(EVENT, page_size=2)
    check(f"{name}: a first page of two", page.first_page() == attempts[:2] and bool(page.next_cursor))


def check_family(server, receiver, name, client, project):
    calls = Calls(client, project)
    old, project_id = check_register(name, calls, receiver)
    check(f"{name}: the project is named", project in (None, project_id))
    event = publish(server, project, 1)
    delivery = receiver.next()
    check(f"{name}: Authorization is auth_header", delivery.headers.get("authorization") == AUTH)
    check_envelope(name, delivery, event, project_id)
    check_signature(name, old, delivery)

    new = calls.rotate_secret(EVENT).signing_secret
    check(f"{name}: rotation gives another secret", new.startswith("whsec_") and new != old)
    calls.register(EVENT, webhook_url=receiver.url)
    publish(server, project, 2)
    delivery = receiver.next()
    check(f"{name}: no Authorization without auth_header", "authorization" not in delivery.headers)
    check_signature(f"{name}, rotated", new, delivery)
    key, header = old.removeprefix("whsec_"), delivery.headers["sonzai-signature"]
    check(f"{name}: the old secret is void at once", not verifies(key, header, delivery.body))

    publish(server, project, 3)
    check_attempts(name, calls, receiver, receiver.next().body, project_id)
    check_refusals(name, calls)
    check(f"{name}: it is deleted", calls.delete(EVENT).success and calls.list().webhooks == [])


def refused(kind, call):
    try:
        call()
    except kind:
        return True
    return False


def check_refusals(name, calls):
    missing = refused(sonzai.NotFoundError, lambda: calls.rotate_secret("never.registered"))
    check(f"{name}: NotFoundError for an event type without a webhook", missing)
    invalid = refused(sonzai.ValidationError, lambda: calls.register(EVENT, webhook_url="nowhere"))
    check(f"{name}: ValidationError for what is no URL", invalid)


def check_strict(server, client, receiver, project):
    """The client's generated models take no unknown member. Its generated PUT does not work in this version."""
    webhooks = client.webhooks
    path = f"/sonzai/api/v1/projects/{project}/webhooks/{EVENT}"
    made = server.request("PUT", path, {"webhook_url": receiver.url})
    made = models.UpsertWebhookOutputBody.model_validate(made)
    check("strict models: registered", made.success and made.signing_secret.startswith("whsec_"))
    listed = webhooks.list_webhooks(project)
    check("strict models: listed, with the schema's URL", len(listed.webhooks) == 1 and bool(listed.field_schema))
    turned = webhooks.rotate_webhook_signing_secret(project, EVENT)
    check("strict models: rotated", turned.success and turned.signing_secret != made.signing_secret)
    webhooks.register(EVENT, webhook_url=receiver.url)
    page = webhooks.list_delivery_attempts_for_tenant(EVENT, page_size=1)
    check("strict models: no attempts yet", page.attempts == [] and not page.has_more)
    check("strict models: listed for the tenant", len(webhooks.list_webhooks_for_tenant().webhooks) == 1)
    webhooks.delete_webhook_for_tenant(EVENT)
    webhooks.delete_webhook(project, EVENT)
    check("strict models: deleted", webhooks.list_webhooks(project).webhooks == [])


def main():
    with Receiver() as receiver, Server() as server:
        base = server.base + "/sonzai"
        project = server.request("POST", "/api/v1/projects", {"name": "companions"})["id"]
        with sonzai.Sonzai(api_key=server.key, base_url=base) as client:
            check_family(server, receiver, "tenant", client, None)
            check_family(server, receiver, "project", client, project)
            check_strict(server, client, receiver, project)
        with sonzai.Sonzai(api_key="sk_live_none", base_url=base) as stranger:
            unknown = refused(sonzai.AuthenticationError, stranger.webhooks.list)
            check("AuthenticationError without a key", unknown)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
