"""The realtime WebSocket of the WhatsApp Gateway dialect, with the published `websockets` library.

What comes over it is byte for byte what a webhook gets, whose signature is checked with nothing but Python's own HMAC.
"""

import hashlib
import hmac
import json
import sys
import time
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from posthouse import DELIVERY_SECONDS_MAX, Failed, Receiver, Server, check

WEBHOOKS = "/whatsapp/api/v1/webhooks"
REALTIME = "/whatsapp/api/v1/realtime"
SECRET = "pässword 2"
TICKET_SECONDS_MAX = 60
SPEAKING_REFUSED = 1008

SESSION = "sess_01J9ZX8K2QHV0M3T6R7P4N5W8C"
CHAT, SENDER = "123@g.us", "456@c.us"

PAYLOADS = {
    "unicode": '{"text":"Zoë 日本 🐎","escaped":"\\u00e9\\/\\n"}'.encode(),
    "an empty object": b"{}",
    "a large payload": json.dumps({"rows": [{"n": n, "text": "x" * 80} for n in range(1000)]}).encode(),
    "odd numbers": b'{"a":1.0,"b":1E+2,"c":-0.0,"d":0.10,"e":123456789012345678901234567890,"f":1e-7}',
    "spaces and order": b'{ "z" : 1,\r\n\t"a" : [ 1 , 2 ] }',
}


class Socket:
    """A WebSocket that gives its frames as bytes, open within `with`."""

    def __init__(self, url, headers=None):
        # Whatever proxy the machine has, this stays on it.
        self._opening = connect(url, proxy=None, additional_headers=headers, max_size=None)
        self._connection = None

    def __enter__(self):
        self._connection = self._opening.__enter__()
        return self

    def __exit__(self, *arguments):
        self._opening.__exit__(*arguments)

    def next(self):
        try:
            return self._connection.recv(timeout=DELIVERY_SECONDS_MAX, decode=False)
        except TimeoutError:
            raise Failed(f"no frame came within {DELIVERY_SECONDS_MAX} s") from None

    def next_ids(self, count):
        return [id_of(self.next()) for _ in range(count)]

    def say(self, text):
        """Says something; the code with which the server closes."""
        self._connection.send(text)
        try:
            frame = self._connection.recv(timeout=DELIVERY_SECONDS_MAX)
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code
        raise Failed(f"the server went on with {frame}")


def id_of(frame):
    return json.loads(frame)["id"]


def mint(server, token=None):
    return server.request("POST", f"{REALTIME}/ticket", token=token)


def address(server, **query):
    return f"{server.base.replace('http', 'ws', 1)}{REALTIME}?{urlencode(query)}"


def open_socket(server, token=None, headers=None, **query):
    return Socket(address(server, ticket=mint(server, token)["ticket"], **query), headers)


def refusal(url):
    """Status and code with which a handshake is refused."""
    try:
        with Socket(url):
            return None
    except InvalidStatus as refused:
        response = refused.response
        return response.status_code, json.loads(response.body)["error"]["code"]


def publish(server, number, event_type="message", token=None):
    event = {"type": event_type, "payload": {"number": number}}
    return server.request("POST", "/api/v1/events", event, token=token)["id"]


def check_delivery(name, delivery, frame):
    """The same bytes in both places, with a signature over them."""
    check(f"{name}: the frame is the webhook's body, byte for byte", frame == delivery.body)
    headers = delivery.headers
    expected = hmac.new(SECRET.encode(), delivery.body, hashlib.sha512).hexdigest()
    check(f"{name}: the signature is HMAC-SHA512 of the body", headers["x-webhook-hmac"] == expected)
    check(f"{name}: the header says so", headers["x-webhook-hmac-algorithm"] == "sha512")
    check(f"{name}: the request is named after the event", headers["x-webhook-request-id"] == id_of(frame))
    apart = abs(time.time() - int(headers["x-webhook-timestamp"]) / 1000)
    check(f"{name}: the timestamp is in milliseconds, and now", apart < DELIVERY_SECONDS_MAX)


def check_bytes(server, receiver):
    ticket = mint(server)
    lifetime = ticket["expiresAt"] / 1000 - time.time()
    check("a ticket is good for a minute", TICKET_SECONDS_MAX / 2 < lifetime <= TICKET_SECONDS_MAX + 1)
    check("it names where to use it", ticket["url"] == address(server, ticket=ticket["ticket"]))
    with Socket(ticket["url"]) as socket:
        check("a second use is refused", refusal(ticket["url"]) == (401, "unauthorized"))
        for name, payload in PAYLOADS.items():
            accepted = server.publish("message", payload)
            frame = socket.next()
            check(f"{name}: the frame is the event's", id_of(frame) == accepted["id"])
            check(f"{name}: it holds the payload, byte for byte", frame.endswith(b'"payload":' + payload + b"}"))
            check_delivery(name, receiver.next(), frame)
    check("a ticket that was used stays used", refusal(ticket["url"]) == (401, "unauthorized"))


def check_refusals(server):
    ticket = mint(server)["ticket"]
    middle = len(ticket) // 2
    changed = ticket[:middle] + ("B" if ticket[middle] == "A" else "A") + ticket[middle + 1 :]
    for name, query in {
        "no ticket": {},
        "an empty one": {"ticket": ""},
        "a made-up one": {"ticket": "A" * len(ticket)},
        "a changed one": {"ticket": changed},
        "an API key": {"ticket": server.key},
    }.items():
        check(f"refused: {name}", refusal(address(server, **query)) == (401, "unauthorized"))
    for name, query in {
        "what is no event id": {"lastEventId": "a b"},
        "what is no pattern": {"events": "a b"},
        "a parameter that there is not": {"nonsense": "1"},
    }.items():
        url = address(server, ticket=ticket, **query)
        check(f"refused: {name}", refusal(url) == (400, "validation_error"))
    plain = server.send("GET", f"{REALTIME}?{urlencode({'ticket': ticket})}")
    check("refused: what is no handshake", plain.status == 400)
    with Socket(address(server, ticket=ticket)) as socket:
        check("none of these has used the ticket up", True)
        check("who says something is sent away", socket.say("hello") == SPEAKING_REFUSED)
    unknown = address(server, ticket=mint(server)["ticket"], lastEventId="evt_unknown")
    check("refused: to begin after an event that there is not", refusal(unknown) == (404, "not_found"))
    check("which uses a ticket up", refusal(unknown) == (401, "unauthorized"))


def check_resuming(server, receiver):
    """Whoever comes back gets what it missed, each once and in order, and goes on with what is new."""
    with open_socket(server) as socket:
        seen = [publish(server, number) for number in range(4)]
        check("four events come in order", socket.next_ids(4) == seen)
    missed = [publish(server, number) for number in range(4, 8)]
    with open_socket(server, lastEventId=seen[-1]) as socket:
        live = [publish(server, number) for number in range(8, 10)]
        frames = [socket.next() for _ in range(6)]
        check("what was missed comes, then what is new", [id_of(frame) for frame in frames] == missed + live)
    with open_socket(server, lastEventId=seen[1]) as socket:
        check("from further back there is more", socket.next_ids(8) == seen[2:] + missed + live)
    with open_socket(server, headers={"Last-Event-ID": missed[-1]}, lastEventId=seen[0]) as socket:
        check("the header goes first", socket.next_ids(2) == live)
        last = publish(server, 10)
        check("and nothing is repeated", socket.next_ids(1) == [last])
    bodies = {id_of(body): body for body in (receiver.next().body for _ in range(11))}
    check("the webhook got each once", sorted(bodies) == sorted([*seen, *missed, *live, last]))
    check("with the same bytes", all(bodies[id_of(frame)] == frame for frame in frames))


def check_choosing(server, receiver):
    """Patterns choose events, and tenants do not see each other's."""
    other = server.create_key("other")
    with open_socket(server, events="poll.*,session.status") as few, open_socket(server, token=other) as theirs:
        publish(server, 1)
        wanted = publish(server, 2, "session.status")
        foreign = publish(server, 3, token=other)
        check("only the events asked for come", few.next_ids(1) == [wanted])
        check("only the events of one's own tenant come", theirs.next_ids(1) == [foreign])
        unknown = address(server, ticket=mint(server, other)["ticket"], lastEventId=wanted)
        check("another tenant's event is not there", refusal(unknown) == (404, "not_found"))
    got = {id_of(receiver.next().body) for _ in range(2)}
    check("nor does the webhook get another's", wanted in got and foreign not in got)


def check_vote(server, receiver):
    server.request("POST", "/api/v1/sessions", {"id": SESSION})
    poll = {"kind": "poll", "question": "When?", "options": ["Friday", "Saturday"], "multiple": False}
    message = server.request("POST", f"/api/v1/sessions/{SESSION}/messages", poll)["id"]
    told = json.loads(receiver.next().body)
    check("the poll itself is an event", (told["event"], told["payload"]["message_id"]) == ("session.message", message))
    path = f"/whatsapp/api/v1/sessions/{SESSION}/messages/{message}/vote"
    with open_socket(server, events="poll.vote") as socket:
        previous = []
        for name, selected in {"a vote": ["Friday"], "another": ["Saturday"], "taken back": []}.items():
            sent = server.request("POST", path, {"options": selected, "chat": CHAT, "sender": SENDER})
            frame = socket.next()
            check(f"{name}: the answer names the event", sent["outboxId"] == id_of(frame) and not sent["replayed"])
            check(f"{name}: the answer names the message", sent["messageId"] == message and sent["status"] == "sent")
            check_delivery(name, receiver.next(), frame)
            envelope = json.loads(frame)
            of_session = (envelope["event"], envelope["session"]) == ("poll.vote", SESSION)
            check(f"{name}: it is a vote of the session", of_session)
            told = {"poll_id": message, "voter": SESSION, "selected": selected, "previous": previous}
            check(f"{name}: it tells of the choice", envelope["payload"] == {**told, "chat": CHAT, "sender": SENDER})
            previous = selected
        again = server.request("POST", path, {"options": []})
        check("the same again is no second vote", again["replayed"] and again["outboxId"] == id_of(frame))
        wrong = {"two of a single choice": ["Friday", "Saturday"], "what is no choice": ["Monday"]}
        for name, options in wrong.items():
            answer = server.send("POST", path, {"options": options})
            check(f"refused: {name}", (answer.status, answer.json()["error"]["code"]) == (400, "validation_error"))
        last = server.request("POST", path, {"options": ["Friday"]})["outboxId"]
        check("neither of them made an event", socket.next_ids(1) == [last])
    check("nor a delivery", id_of(receiver.next().body) == last)


def main():
    with Receiver() as receiver, Server() as server:
        webhook = server.request("POST", WEBHOOKS, {"url": receiver.url, "secret": SECRET})
        check("the secret is not shown", SECRET not in json.dumps(webhook, ensure_ascii=False))
        check_bytes(server, receiver)
        check_refusals(server)
        check_resuming(server, receiver)
        check_choosing(server, receiver)
        check_vote(server, receiver)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
