"""People log in to the WhatsApp Gateway dialect with what PyJWT signs, by the keys that we serve as a JWK set."""

import base64
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from posthouse import Failed, Server, check

WEBHOOKS = "/whatsapp/api/v1/webhooks"
TICKET = "/whatsapp/api/v1/realtime/ticket"
ISSUER = "https://app.example.com"
AUDIENCE = "posthouse"
ORGANIZATION = "acme"

# Well beyond what clocks may be apart.
FAR_SECONDS = 600

# A token is believed for a second without looking at its key again; this leaves time for a slow machine.
BELIEVED_SECONDS_MAX = 10

# The server fetches the set five times at once, and once more per second.
FETCHES_AT_ONCE = 5


class Key:
    """A key pair of an algorithm, under a name."""

    def __init__(self, algorithm, name):
        self.algorithm = algorithm
        self.name = name
        self.private = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[algorithm]()

    def jwk(self):
        public = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.name, "alg": self.algorithm, "use": "sig"}

    def sign(self, **changes):
        """A login; a change to None leaves a claim out."""
        return jwt.encode(claims(**changes), self.private, self.algorithm, {"kid": self.name})


def claims(**changes):
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user_1",
        "org": ORGANIZATION,
        "role": "owner",
        "iat": now,
        "exp": now + FAR_SECONDS,
        # No two are the same, so that none is believed for the sake of another.
        "jti": secrets.token_hex(8),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


class KeySet:
    """Serves a JWK set; `keys` may be replaced at any time."""

    def __init__(self, keys):
        self.keys = keys
        self.fetches = 0
        key_set = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                key_set.fetches += 1
                body = json.dumps({"keys": [key.jwk() for key in key_set.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_arguments):
        self._server.shutdown()
        self._server.server_close()


def segment(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(key):
    return jwt.encode(claims(), None, "none", {"kid": key.name})


def keyed_with_public(key):
    """HS256 with the public key for a secret, which PyJWT refuses to make of PEM: by hand."""
    signer = jwt.get_algorithm_by_name("HS256")
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    message = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': key.name})}.{segment(claims())}"
    return f"{message}.{segment(signer.sign(message.encode(), public))}"


def with_payload(token, **changes):
    """Another payload under the signature of the first."""
    header, payload, signature = token.split(".")
    former = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return f"{header}.{segment({**former, **changes})}.{signature}"


def error_of(answer):
    """Status and code, when it is an error in the dialect's shape."""
    error = answer.json().get("error", {})
    whole = sorted(error) == ["code", "details", "message"] and isinstance(error["details"], dict)
    return (answer.status, error["code"]) if whole and error["message"] else None


def refused(server, token, method="GET", path=WEBHOOKS):
    return error_of(server.send(method, path, token=token)) == (401, "unauthorized")


def check_algorithms(server, keys):
    for key in keys:
        answer = server.send("GET", WEBHOOKS, token=key.sign())
        same = answer.json() == {"data": [], "nextCursor": ""}
        check(f"{key.algorithm}: a login lists webhooks", answer.status == 200 and same)


def check_roles(server, key):
    member, nobody = key.sign(role="member"), key.sign(role="visitor")
    forbidden = (403, "forbidden")
    for name, token in {"a member": member, "an unknown role": nobody, "no role": key.sign(role=None)}.items():
        check(f"{name} may not list webhooks", error_of(server.send("GET", WEBHOOKS, token=token)) == forbidden)
    check("a member may mint a ticket", server.send("POST", TICKET, token=member).status == 201)
    check("an unknown role may not", error_of(server.send("POST", TICKET, token=nobody)) == forbidden)
    several = key.sign(role=["visitor", "admin"])
    check("of several roles the best counts", server.send("GET", WEBHOOKS, token=several).status == 200)


def check_refusals(server, key, others):
    now = int(time.time())
    good = key.sign()
    stranger = Key(key.algorithm, key.name)
    tokens = {
        "an unknown organization": key.sign(org="nobody"),
        "no organization": key.sign(org=None),
        "another issuer": key.sign(iss="https://evil.example.com"),
        "another audience": key.sign(aud="another"),
        "no audience": key.sign(aud=None),
        "no subject": key.sign(sub=None),
        "expired": key.sign(exp=now - FAR_SECONDS),
        "without an end": key.sign(exp=None),
        "not yet valid": key.sign(nbf=now + FAR_SECONDS // 2),
        "alg none": unsigned(key),
        "HS256 with the public key as secret": keyed_with_public(key),
        "a changed payload": with_payload(good, sub="user_2"),
        "no signature": good.rsplit(".", 1)[0] + ".",
        "another key under this name": stranger.sign(),
        "no name of its key": jwt.encode(claims(), key.private, key.algorithm),
        "no token": "nonsense",
    }
    for other in others:
        tokens[f"{other.algorithm} by the name of another key"] = jwt.encode(
            claims(), other.private, other.algorithm, {"kid": key.name}
        )
    for name, token in tokens.items():
        check(f"refused: {name}", refused(server, token))
    check("the good one is still good", server.send("GET", WEBHOOKS, token=good).status == 200)
    check("a challenge comes with it", server.send("GET", WEBHOOKS, token="nonsense").headers["www-authenticate"])


def check_rotation(server, key_set, old):
    used = old.sign()
    check("the old key works", server.send("GET", WEBHOOKS, token=used).status == 200)
    new = Key("RS256", "new")
    key_set.keys = [new]
    fetches = key_set.fetches
    check("a new key works at once", server.send("GET", WEBHOOKS, token=new.sign()).status == 200)
    check("for one fetch", key_set.fetches == fetches + 1)
    check("the old key is refused", refused(server, old.sign()))
    deadline = time.monotonic() + BELIEVED_SECONDS_MAX
    while not (ended := refused(server, used)) and time.monotonic() < deadline:
        pass
    check("soon also for a login that was just used", ended)
    return new


def check_made_up_keys(server, key_set, good):
    """Tokens that name keys that there are not can not make the server fetch on and on."""
    fetches, started = key_set.fetches, time.monotonic()
    stranger = Key("EdDSA", "none")
    all_refused = True
    for number in range(50):
        stranger.name = f"made-up-{number}"
        all_refused &= refused(server, stranger.sign())
    allowed = FETCHES_AT_ONCE + time.monotonic() - started + 1
    check("50 made-up keys are refused", all_refused)
    check("with few fetches", key_set.fetches - fetches <= allowed)
    check("the good key works meanwhile", server.send("GET", WEBHOOKS, token=good.sign()).status == 200)


def check_tenants(server, key):
    """What a login makes is the tenant's, whoever looks, and nobody else's."""
    body = {"url": "https://example.com/webhooks/wa", "secret": secrets.token_hex(16)}
    made = server.request("POST", WEBHOOKS, body, token=key.sign())
    check("a login creates a webhook", made["id"].startswith("wh_") and "secret" not in made)
    check("an API key of the tenant sees it", server.request("GET", WEBHOOKS)["data"] == [made])
    other = server.create_key("other")
    check("one of another tenant does not", server.request("GET", WEBHOOKS, token=other)["data"] == [])
    path = f"{WEBHOOKS}/{made['id']}"
    hidden = [error_of(server.send(method, path, token=other)) for method in ("GET", "DELETE")]
    check("nor by its id", hidden == [(404, "not_found")] * 2)
    for name, organization in {"of that one": "other", "of the first": ORGANIZATION}.items():
        listed = server.request("GET", WEBHOOKS, token=key.sign(org=organization))["data"]
        check(f"a login {name} sees what that tenant has", listed == ([made] if organization == ORGANIZATION else []))
    by_header = server.send("GET", WEBHOOKS, headers={"X-API-Key": server.key})
    check("a key in x-api-key works", by_header.status == 200 and by_header.json()["data"] == [made])
    in_header = server.send("GET", WEBHOOKS, headers={"X-API-Key": key.sign()})
    check("a login there does not", error_of(in_header) == (401, "unauthorized"))
    check("a login deletes it", server.send("DELETE", path, token=key.sign()).status == 204)


def check_elsewhere(server, key):
    """Logins are this dialect's alone; the same calls take a key."""
    session = server.request("POST", "/api/v1/sessions", {})["id"]
    for name, path in {
        "the native API": "/api/v1/endpoints",
        "molroo": f"/molroo/v1/webhook/{session}",
        "sonzai": "/sonzai/api/v1/webhooks",
        "casey": "/casey/v1/backend/webhooks",
    }.items():
        check(f"a key calls {name}", server.send("GET", path).status == 200)
        check(f"a login does not call {name}", server.send("GET", path, token=key.sign()).status == 401)


def main():
    keys = [Key("RS256", "rsa"), Key("ES256", "ec"), Key("EdDSA", "ed")]
    with KeySet(keys) as key_set:
        settings = {
            "POSTHOUSE_LOGIN_JWKS_URL": key_set.url,
            "POSTHOUSE_LOGIN_ISSUER": ISSUER,
            "POSTHOUSE_LOGIN_AUDIENCE": AUDIENCE,
        }
        with Server(environment=settings) as server:
            check("no key is fetched before it is needed", key_set.fetches == 0)
            check_algorithms(server, keys)
            check("the keys are fetched once", key_set.fetches == 1)
            check_roles(server, keys[0])
            for key in keys:
                print(f"     {key.algorithm}:", flush=True)
                check_refusals(server, key, [other for other in keys if other is not key])
            new = check_rotation(server, key_set, keys[0])
            check_made_up_keys(server, key_set, new)
            check_tenants(server, new)
            check_elsewhere(server, new)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
