#!/usr/bin/env python3
"""Writes auth/<mode>.json: requests, and what becomes of them. Signed with Python's hmac, not with our code.

Run it in this folder. Published examples name their source.
"""

import base64
import hashlib
import hmac
import json
import pathlib

NOW_S = 1_767_225_600
SECRET = "a-shared-secret-of-some-length"
OTHER = "the-secret-before-that-one"
BODY = '{"action":"opened","number":7}'
UNICODE = '{"title":"Grüße aus 東京 🗼","escaped":"\\u00e9"}'
LARGE = {"repeat": "0123456789abcdef", "times": 6400}

OK = "ok"
MISSING = "missing_header"
MALFORMED = "malformed_header"
TIME = "timestamp_out_of_tolerance"
WRONG = "wrong_signature"
NO_SECRET = "no_secret"


def text_of(body):
    return body if isinstance(body, str) else body["repeat"] * body["times"]


def mac(key, message):
    key = key if isinstance(key, bytes) else key.encode()
    return hmac.new(key, message.encode(), hashlib.sha256)


class Mode:
    """Collects the cases of one mode. `sign(secret, body, at_s)` gives the headers."""

    def __init__(self, name, sign, secret=SECRET, other=OTHER, now_ms=NOW_S * 1000):
        self.name, self.sign, self.secret, self.other, self.now_ms = name, sign, secret, other, now_ms
        self.cases = []

    def case(self, name, expect, headers=None, **more):
        body = more.pop("body", BODY)
        if headers is None:
            headers = self.sign(self.secret, text_of(body), self.now_ms // 1000)
        case = {"name": name, "secrets": more.pop("secrets", [self.secret]), "headers": headers}
        case |= {"body": body, "now_ms": more.pop("now_ms", self.now_ms), "expect": expect, **more}
        self.cases.append(case)

    def common(self, signs_body=True):
        sign = lambda secret, body=BODY: self.sign(secret, text_of(body), self.now_ms // 1000)
        good = sign(self.secret)
        name, value = good[0]
        self.case("good", OK)
        self.case("empty body", OK, body="")
        self.case("unicode body", OK, body=UNICODE)
        self.case("body of 100 KiB", OK, body=LARGE)
        self.case("header name in another case", OK, [[n.upper(), v] for n, v in good])
        self.case("wrong secret", WRONG, sign(self.other))
        self.case("two secrets, signed with the new one", OK, secrets=[self.secret, self.other])
        self.case("two secrets, signed with the old one", OK, sign(self.other), secrets=[self.secret, self.other])
        self.case("no secret", NO_SECRET, secrets=[])
        self.case("no header", MISSING, [])
        for missing, _ in good:
            self.case(f"without {missing}", MISSING, [[n, v] for n, v in good if n != missing])
        for twice, again in good:
            self.case(f"{twice} twice", MALFORMED, good + [[twice, again]])
        self.case("other bytes than ASCII", MALFORMED, [[name, "é"]] + good[1:])
        if signs_body:
            self.case("tampered body", WRONG, good, body=BODY.replace("7", "8"))
            self.case("a space behind the body", WRONG, good, body=BODY + " ")
        else:
            self.case("any body", OK, good, body="not even JSON \x01")
        return good

    def malformed(self, values, expect=MALFORMED):
        name, rest = self.sign(self.secret, BODY, self.now_ms // 1000)[0][0], None
        rest = self.sign(self.secret, BODY, self.now_ms // 1000)[1:]
        for value in values:
            self.case(f"value {value[:24]!r}", expect, [[name, value]] + rest)

    def replays(self, tolerance_s=300):
        for ahead_s, expect in [(tolerance_s, OK), (tolerance_s + 1, TIME)]:
            for sign in (1, -1):
                now_ms = self.now_ms + sign * ahead_s * 1000
                self.case(f"{sign * ahead_s} s later", expect, now_ms=now_ms, headers=self.sign(self.secret, BODY, self.now_ms // 1000))

    def write(self):
        path = pathlib.Path(__file__).parent / "auth" / f"{self.name}.json"
        lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in self.cases)
        path.write_text(f"[\n{lines}\n]\n")


def none():
    mode = Mode("none", lambda *_: [])
    mode.case("nothing", OK, secrets=[])
    mode.case("a secret that nobody asks for", OK)
    mode.case("any header", OK, [["x-webhook-secret", "wrong"]])
    mode.write()


def tokens():
    static = Mode("static_header", lambda secret, *_: [["x-webhook-secret", secret]])
    static.common(signs_body=False)
    static.malformed(["", SECRET[:-1], SECRET + "x", SECRET.upper(), "Bearer " + SECRET], WRONG)
    static.case("owner's header", OK, [["x-token", SECRET]], header="X-Token")
    static.case("not the owner's header", MISSING, [["x-webhook-secret", SECRET]], header="X-Token")
    static.case("spaces within", OK, [["x-webhook-secret", "two words"]], secrets=["two words"])
    static.write()

    bearer = Mode("bearer", lambda secret, *_: [["authorization", f"Bearer {secret}"]])
    bearer.common(signs_body=False)
    bearer.malformed([f"bearer {SECRET}", f"BEARER {SECRET}", SECRET, "", "Bearer", f"Basic {SECRET}", f"Bearer\t{SECRET}"])
    bearer.malformed(["Bearer ", f"Bearer  {SECRET}", f"Bearer {SECRET}x", f"Bearer {SECRET[:-1]}"], WRONG)
    bearer.write()

    gitlab = Mode("gitlab_token", lambda secret, *_: [["x-gitlab-token", secret]])
    gitlab.common(signs_body=False)
    gitlab.malformed(["", SECRET[:-1], SECRET + "x", SECRET.upper()], WRONG)
    gitlab.write()


def hex_of_body(name, header, prefix=""):
    return Mode(name, lambda secret, body, _: [[header, prefix + mac(secret, body).hexdigest()]])


def github():
    mode = hex_of_body("github_hmac_sha256", "x-hub-signature-256", "sha256=")
    mode.case(
        "published example",
        OK,
        [["x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"]],
        secrets=["It's a Secret to Everybody"],
        body="Hello, World!",
        source="GitHub, Validating webhook deliveries",
    )
    mode.common()
    digest = mac(SECRET, BODY).hexdigest()
    mode.case("uppercase digits", OK, [["x-hub-signature-256", "sha256=" + digest.upper()]])
    mode.malformed([digest, "sha1=" + digest, "SHA256=" + digest, "sha256=", "sha256=" + digest[:-1], "sha256=" + digest[:-2]])
    mode.malformed(["sha256=" + digest + "00", "sha256= " + digest, "sha256=" + "g" * 64, "sha256=" + digest + ",sha256=" + digest, ""])
    mode.malformed(["sha256=" + "0" * 64], WRONG)
    mode.case("key of a block and more", OK, [["x-hub-signature-256", "sha256=" + mac("k" * 200, BODY).hexdigest()]], secrets=["k" * 200])
    mode.case("secret beyond ASCII", OK, [["x-hub-signature-256", "sha256=" + mac("schlüssel", BODY).hexdigest()]], secrets=["schlüssel"])
    mode.write()


def stripe():
    def sign(secret, body, at_s):
        return [["stripe-signature", f"t={at_s},v1={mac(secret, f'{at_s}.{body}').hexdigest()}"]]

    mode = Mode("stripe_webhook_signature", sign, secret="whsec_" + SECRET, other="whsec_" + OTHER)
    mode.case(
        "prefix belongs to the key",
        OK,
        [["stripe-signature", "t=1767225600,v1=504523c1fd7953b9a1ed48aa4c338eba803a570a337c9a7515f3197f0ae2cd4e"]],
        secrets=["whsec_demo"],
        body='{"id":"evt_1","type":"checkout.session.completed"}',
    )
    mode.common()
    mode.replays()
    v1 = mac(mode.secret, f"{NOW_S}.{BODY}").hexdigest()
    old = mac(mode.other, f"{NOW_S}.{BODY}").hexdigest()
    bare = mac(SECRET, f"{NOW_S}.{BODY}").hexdigest()
    for value in [f"t={NOW_S},v1={old},v1={v1}", f"v1={v1},t={NOW_S}", f"t={NOW_S},v1={v1},v0={old},x=y"]:
        mode.case(f"several: {value[:30]}", OK, [["stripe-signature", value]])
    mode.malformed(["", "t", v1, f"t={NOW_S}", f"v1={v1}", f"t=soon,v1={v1}", f"t=,v1={v1}", f"t=-1,v1={v1}", f"t={NOW_S}.0,v1={v1}"])
    mode.malformed([f"t={NOW_S},t={NOW_S},v1={v1}", f"t={NOW_S},v0={v1}", f"t=99999999999999999999,v1={v1}", f"t={NOW_S};v1={v1}"])
    mode.malformed([f"t={NOW_S + 1},v1={v1}", f"t={NOW_S},v1={bare}", f"t={NOW_S},v1=", f"t={NOW_S},v1={v1.upper()}"], WRONG)
    mode.write()


def linear():
    mode = hex_of_body("linear_webhook_signature", "linear-signature")
    mode.common()
    digest = mac(SECRET, BODY).hexdigest()
    mode.case("with a prefix", OK, [["linear-signature", "sha256=" + digest]])
    mode.case("uppercase digits", OK, [["linear-signature", digest.upper()]])
    mode.malformed(["", digest[:-1], digest + "0", "v1=" + digest, "sha1=" + digest, "sha256=sha256=" + digest, "sha256="])
    now_ms = mode.now_ms
    for apart_ms, expect in [(0, OK), (60_000, OK), (-60_000, OK), (60_001, TIME), (-60_001, TIME)]:
        body = json.dumps({"type": "Issue", "webhookTimestamp": now_ms - apart_ms})
        mode.case(f"sent {apart_ms} ms ago", expect, body=body)
    for value, expect in [("null", OK), ('"soon"', TIME), (f'"{now_ms}"', TIME), ("{}", TIME), ("1e400", TIME), (f"{now_ms // 1000}", TIME)]:
        mode.case(f"webhookTimestamp {value}", expect, body='{"webhookTimestamp":' + value + "}")
    mode.case("webhookTimestamp twice: the last counts", TIME, body='{"webhookTimestamp":' + str(now_ms) + ',"webhookTimestamp":1}')
    mode.case("webhookTimestamp elsewhere", OK, body='{"data":{"webhookTimestamp":1}}')
    mode.case("not JSON", OK, body='{"webhookTimestamp":1')
    mode.case("old and tampered", WRONG, [["linear-signature", digest]], body='{"webhookTimestamp":1}')
    mode.write()


def pagerduty():
    mode = hex_of_body("pagerduty_v2_signature", "x-pagerduty-signature", "v1=")
    mode.common()
    digest, old = mac(SECRET, BODY).hexdigest(), mac(OTHER, BODY).hexdigest()
    for value in [f"v1={old},v1={digest}", f"v1={digest},v1={old}", f"v1={old}, v1={digest}", f"v0=1,v1={digest},v2=AA==", f",v1={digest},", "v1=00," * 15 + f"v1={digest}"]:
        mode.case(f"list {value[-30:]}", OK, [["x-pagerduty-signature", value]])
    mode.malformed(["", ",", digest, "v1=", "v1=" + digest[:-1], "v2=" + digest, "V1=" + digest, f"v1={digest};v1={digest}", "v1=00," * 16 + f"v1={digest}"])
    mode.malformed([f"v1={old}", f"v1={old},v1={'0' * 64}", f"v1={old},v2={digest}"], WRONG)
    mode.write()


def sentry():
    mode = hex_of_body("sentry_webhook_signature", "sentry-hook-signature")
    mode.common()
    digest = mac(SECRET, BODY).hexdigest()
    mode.case("timestamp of another age is not looked at", OK, [["sentry-hook-signature", digest], ["sentry-hook-timestamp", "1"]])
    mode.malformed(["", digest[:-1], digest + "00", "sha256=" + digest, " " + digest[1:]])
    mode.write()


def standard():
    secret, other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

    def signature(secret, message_id, at, body):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        return "v1," + base64.b64encode(mac(key, f"{message_id}.{at}.{body}").digest()).decode()

    def headers(family, message_id, at, signatures):
        return [[f"{family}-signature", signatures], [f"{family}-id", message_id], [f"{family}-timestamp", str(at)]]

    def sign(secret, body, at_s, family="webhook"):
        return headers(family, "msg_1", at_s, signature(secret, "msg_1", at_s, body))

    mode = Mode("standard_webhooks", sign, secret=secret, other=other)
    mode.case(
        "published example",
        OK,
        headers("webhook", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        body='{"test": 2432232314}',
        now_ms=1614265330_000,
        source="Standard Webhooks, libraries/javascript/src/webhook.test.ts",
    )
    mode.common()
    mode.replays()
    good, old = sign(secret, BODY, NOW_S)[0][1], sign(other, BODY, NOW_S)[0][1]
    svix = sign(secret, BODY, NOW_S, "svix")
    mode.case("Svix's names", OK, svix)
    mode.case("Svix's names beside the others", OK, svix + sign(secret, BODY, NOW_S))
    mode.case("Svix's names are not looked at beside the others", WRONG, svix + headers("webhook", "msg_1", NOW_S, old))
    mode.case("an id of one family does not stand for the other's", MISSING, [svix[0], ["webhook-id", "msg_1"], svix[2]])
    mode.case("without its prefix", OK, sign(secret, BODY, NOW_S), secrets=[secret.removeprefix("whsec_")])
    for value in [f"{old} {good}", f"{good} {old}", f"v1a,AAAA {good}", f"v2,x {good}"]:
        mode.case(f"several: {value[:24]}", OK, headers("webhook", "msg_1", NOW_S, value))
    mode.malformed(["", "v1", good[3:], good.replace("v1,", "v2,"), good.replace("v1,", "v1=")])
    mode.malformed(["v1,", good[:-1], good.replace(",", ", "), f"{old},{good}"], WRONG)
    for message_id in ["", "msg.1"]:
        mode.case(f"id {message_id!r}", MALFORMED, headers("webhook", message_id, NOW_S, signature(secret, message_id, NOW_S, BODY)))
    mode.case("another id", WRONG, headers("webhook", "msg_2", NOW_S, good))
    for at in ["", "soon", f"{NOW_S}.0", f"+{NOW_S}", f"0{NOW_S}", "99999999999999999999", f"-{NOW_S}"]:
        mode.case(f"timestamp {at!r}", MALFORMED, headers("webhook", "msg_1", at, signature(secret, "msg_1", at, BODY)))
    mode.case("milliseconds", TIME, headers("webhook", "msg_1", NOW_S * 1000, signature(secret, "msg_1", NOW_S * 1000, BODY)))
    mode.write()


def slack():
    def sign(secret, body, at_s):
        return [["x-slack-signature", "v0=" + mac(secret, f"v0:{at_s}:{body}").hexdigest()], ["x-slack-request-timestamp", str(at_s)]]

    mode = Mode("slack_signature", sign)
    mode.case(
        "published example",
        OK,
        [
            ["x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"],
            ["x-slack-request-timestamp", "1531420618"],
        ],
        secrets=["8f742231b10e8888abcd99yyyzzz85a5"],
        body="token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        now_ms=1531420618_000,
        source="Slack, Verifying requests from Slack",
    )
    mode.common()
    mode.replays()
    (_, good), _ = sign(SECRET, BODY, NOW_S)
    mode.malformed(["", good[3:], "v1=" + good[3:], "V0=" + good[3:], good[:-1], good + "00", "v0=", f"{good},{good}"])
    for at in ["", "soon", f"{NOW_S}.0", f" {NOW_S}", f"+{NOW_S}", "99999999999999999999", "-1"]:
        mode.case(f"timestamp {at!r}", MALFORMED, [["x-slack-signature", "v0=" + mac(SECRET, f"v0:{at}:{BODY}").hexdigest()], ["x-slack-request-timestamp", at]])
    mode.case("another timestamp", WRONG, [["x-slack-signature", good], ["x-slack-request-timestamp", str(NOW_S + 1)]])
    mode.write()


def shopify():
    mode = Mode(
        "shopify_hmac_sha256",
        lambda secret, body, _: [["x-shopify-hmac-sha256", base64.b64encode(mac(secret, body).digest()).decode()]],
    )
    mode.common()
    good = base64.b64encode(mac(SECRET, BODY).digest()).decode()
    mode.malformed(["", good[:-1], good + "=", "AAAA" + good, mac(SECRET, BODY).hexdigest(), "sha256=" + good, good[:-4]])
    mode.malformed([base64.b64encode(bytes(32)).decode()], WRONG)
    mode.write()


if __name__ == "__main__":
    for write in (none, tokens, github, stripe, linear, pagerduty, sentry, standard, slack, shopify):
        write()
