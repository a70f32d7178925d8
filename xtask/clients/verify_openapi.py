"""The running server answers as its own API descriptions say, for requests that Schemathesis makes up.

Each dialect has a server of its own. What its paths name is made beforehand and offered to Schemathesis beside what it
makes up itself, so that calls get past "not found": each must have succeeded once.
"""

import hashlib
import hmac
import ipaddress
import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from posthouse import Failed, Server, check

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]

# A stream does not end, so a request to it would not either.
STREAMING = {"native": "^/api/v1/stream", "whatsapp": "^/api/v1/realtime$"}

EXAMPLES_PER_OPERATION = 30
RUN_SECONDS_MAX = 300

# Nobody is there, and the server would not deliver if there were.
URL = "https://127.0.0.1:9/"
SESSION = "s1"
CHOICES = ["Friday", "Saturday"]

# Of each kind there are some, because calls that delete use them up, and of values offered not all are taken.
COUNT = 12
OFFERED = 0.7

# What the deliveries' source is signed with, and how many actions an agent asks for.
SECRET = "a secret of nobody's"
ACTIONS = 24
WORK_SECONDS_MAX = 30


def make(server, path, body, count=COUNT):
    """Makes the same so often; their ids."""
    answers = [server.request("POST", path, body) for _ in range(count)]
    return [answer.get("data", answer)["id"] for answer in answers]


def make_session(server):
    server.request("POST", "/api/v1/sessions", {"id": SESSION})


class Model:
    """Speaks OpenAI's chat completions: asks for comments, then says that it has. Only the server may call it."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(answer_of_model(asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def environment(self):
        """The server may call this machine's own address for models, and nothing else at all."""
        everything, here = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("127.0.0.1/32")
        denied = [str(network) for network in everything.address_exclude(here)]
        return {
            "POSTHOUSE_DENY_TARGETS": ",".join([*denied, "::/0"]),
            "POSTHOUSE_LLM": json.dumps({"openai": {"base_url": self.url, "api_key": "sk-nobody"}}),
        }


def answer_of_model(asked):
    message = {"role": "assistant", "content": "I have asked."}
    if asked["messages"][-1]["role"] != "tool" and asked.get("tools"):
        comments = [{"number": 7, "body": f"comment {number}"} for number in range(ACTIONS)]
        calls = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": "github_post_comment", "arguments": json.dumps(comment)},
            }
            for number, comment in enumerate(comments)
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def seed_delivery(server):
    """A delivery that an agent has worked on, whose actions wait for approval; its id and theirs."""
    agent = {"name": "asks", "runner": "llm", "model": "m", "approval": True, "tools": ["github_post_comment"]}
    source = server.request(
        "POST",
        "/api/v1/sources",
        {
            "name": "hook",
            "profile": "github",
            "auth": {"secret": SECRET},
            "agent_id": server.request("POST", "/api/v1/agents", agent)["id"],
            "provider_token": "nobody",
            "provider_url": URL,
        },
    )
    payload = {"action": "opened", "number": 7, "pull_request": {"number": 7}, "repository": {"full_name": "a/b"}}
    body = json.dumps(payload).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "1",
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    server.request("POST", f"/api/webhooks/ingest/{source['public_id']}", body, headers)
    end = time.monotonic() + WORK_SECONDS_MAX
    while time.monotonic() < end:
        [delivery] = server.request("GET", f"/api/v1/sources/{source['id']}/deliveries")["data"]
        if delivery["status"] in ("completed", "failed"):
            break
        time.sleep(0.05)
    detail = server.request("GET", f"/api/v1/inbound-deliveries/{delivery['id']}")
    waiting = [action["id"] for action in detail["actions"] if action["status"] == "waiting"]
    check("native: actions wait for approval", len(waiting) == ACTIONS)
    return delivery["id"], waiting


def seed_native(server):
    endpoints = make(server, "/api/v1/endpoints", {"url": URL})
    events = make(server, "/api/v1/events", {"type": "order.created", "payload": {}}, 3)
    deliveries = server.request("GET", "/api/v1/deliveries?limit=50")["data"]
    make_session(server)
    make(server, f"/api/v1/sessions/{SESSION}/messages", {"content": "hello"}, 2)
    [project] = make(server, "/api/v1/projects", {"name": "companions"}, 1)
    keys = make(server, "/api/v1/keys", {"name": "a reader", "capabilities": ["read"]})
    delivery_id, waiting = seed_delivery(server)
    belongs_to = {"body.project_id": [project], "body.session_id": [SESSION]}
    return {
        "^/api/v1/endpoints$": {"body.url": [URL], "body.events[*]": ["order.*"], **belongs_to},
        "^/api/v1/endpoints/": {"path.id": endpoints},
        "^/api/v1/events/batch$": {"body.events[*].type": ["order.created"]},
        "^/api/v1/events/{id}": {"path.id": events},
        "^/api/v1/deliveries/": {"path.id": [delivery["id"] for delivery in deliveries]},
        "^/api/v1/keys$": {"body.capabilities[*]": ["read", "send"], "body.project_id": [project]},
        "^/api/v1/keys/": {"path.id": keys},
        "^/api/v1/sources$": {"body.profile": ["github", "generic"], "body.project_id": [project]},
        "^/api/v1/sources/": {"path.id": make(server, "/api/v1/sources", {"name": "hook", "profile": "github"})},
        "^/api/v1/agents$": {"body.runner": ["digest"], "body.project_id": [project]},
        "^/api/v1/agents/": {"path.id": make(server, "/api/v1/agents", {"name": "digest", "runner": "digest"})},
        "^/api/v1/inbound-deliveries/": {"path.id": [delivery_id], "path.action_id": waiting},
        "^/api/v1/sessions/{id}$": {"path.id": [SESSION, *make(server, "/api/v1/sessions", {})]},
        "^/api/v1/sessions/{id}/messages$": {"path.id": [SESSION], "body.kind": ["text"], "body.content": ["hello"]},
    }


def seed_molroo(server):
    make_session(server)
    body = {"url": URL, "secret": "whsec_demo_molroo", "events": ["stage_transition"]}
    webhooks = make(server, f"/molroo/v1/webhook/{SESSION}", body)
    return {
        "^/v1/webhook/": {
            "path.sessionId": [SESSION],
            "path.webhookId": webhooks,
            "body.url": [URL],
            "body.events[*]": ["stage_transition", "proactive_action"],
        }
    }


def seed_sonzai(server):
    [project] = make(server, "/api/v1/projects", {"name": "companions"}, 1)
    types = [f"session.end{number}" for number in range(COUNT)]
    for base in ["/sonzai/api/v1", f"/sonzai/api/v1/projects/{project}"]:
        for event_type in types:
            server.request("PUT", f"{base}/webhooks/{event_type}", {"webhook_url": URL})
    for event_type in types:
        server.publish(event_type, b"{}")
    return {
        "/webhooks": {"path.projectId": [project], "path.eventType": types, "body.webhook_url": [URL]},
        "^/api/v1/schemas/": {"path.name": ["UpsertWebhookOutputBody.json", "ErrorModel.json"]},
    }


def seed_casey(server):
    return {
        "^/v1/backend/webhooks$": {"body.url": [URL]},
        "^/v1/backend/webhooks/": {"path.id": make(server, "/casey/v1/backend/webhooks", {"url": URL})},
    }


def seed_whatsapp(server):
    make_session(server)
    poll = {"kind": "poll", "question": "When?", "options": CHOICES, "multiple": True}
    polls = make(server, f"/api/v1/sessions/{SESSION}/messages", poll)
    webhooks = make(server, "/whatsapp/api/v1/webhooks", {"url": URL, "secret": "k"})
    settings = {"body.url": [URL], "body.events[*]": ["message", "poll.*"]}
    return {
        "^/api/v1/webhooks$": {**settings},
        "^/api/v1/webhooks/": {"path.id": webhooks, **settings},
        "/vote$": {"path.session": [SESSION], "path.mid": polls, "body.options[*]": CHOICES},
    }


SEEDS = {
    "native": seed_native,
    "molroo": seed_molroo,
    "sonzai": seed_sonzai,
    "casey": seed_casey,
    "whatsapp": seed_whatsapp,
}


def configuration(seeds):
    """The values that are offered, as Schemathesis reads them. A string of JSON is one of TOML too."""
    lines = []
    for paths, parameters in seeds.items():
        for parameter, values in parameters.items():
            lines += [f"[dictionaries.{json.dumps(paths + parameter)}]", f"values = {json.dumps(values)}"]
    for paths, parameters in seeds.items():
        lines += ["[[operations]]", f"include-path-regex = {json.dumps(paths)}", "[operations.parameters]"]
        for parameter in parameters:
            dictionary = json.dumps(paths + parameter)
            lines.append(f"{json.dumps(parameter)} = {{ dictionary = {dictionary}, probability = {OFFERED} }}")
    return "\n".join(lines)


def command(server, name, settings, report):
    return [
        str(Path(sys.executable).parent / "schemathesis"),
        "--config-file",
        str(settings),
        "run",
        f"{server.base}/openapi/{name}.json",
        # What the description says in `servers` comes after it: a dialect's paths begin with its name.
        "--origin",
        server.base,
        "--header",
        f"Authorization: Bearer {server.key}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        *(["--exclude-path-regex", STREAMING[name]] if name in STREAMING else []),
        "--max-examples",
        str(EXAMPLES_PER_OPERATION),
        # The same requests on every run, one after another; a seed would be one more way to differ.
        "--generation-deterministic",
        "--workers",
        "1",
        # The shape of a schema is ours to choose, even where it is slow to make values for.
        "--suppress-health-check",
        "all",
        "--request-timeout",
        "20",
        "--warnings",
        "off",
        "--continue-on-failure",
        "--report-json-path",
        str(report),
        "--no-color",
    ]


def run(server, name):
    """Lets Schemathesis try a dialect; its report."""
    settings, report, output = (server.scratch / file for file in ("settings.toml", "report.json", "output"))
    settings.write_text(configuration(SEEDS[name](server)))
    environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(server.scratch / "hypothesis")}
    with open(output, "wb") as file:
        done = subprocess.run(
            command(server, name, settings, report),
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=server.scratch,
            env=environment,
            timeout=RUN_SECONDS_MAX,
        )
    if done.returncode != 0:
        print(output.read_text(errors="replace"), flush=True)
        raise Failed(f"{name}: the server and its description differ")
    return json.loads(report.read_text())


def calls(name, document):
    """What is to be tried, as the report names it."""
    methods = {"get", "put", "post", "delete", "patch"}
    endless = re.compile(STREAMING.get(name, "$^"))
    paths = [(path, item) for path, item in document["paths"].items() if not endless.search(path)]
    return {f"{method.upper()} {path}" for path, item in paths for method in methods & {*item}}


def accepted(report):
    """The calls that have succeeded."""
    rates = report["valid_rates"].items()
    return {call for call, phases in rates if any(phase["accepted"] for phase in phases.values())}


def check_dialect(name):
    # The requests are made up, endpoint URLs too: nothing is to be called at any of them.
    with Server(deliver=False, environment=Model().environment()) as server:
        wanted = calls(name, server.request("GET", f"/openapi/{name}.json"))
        report = run(server, name)
        check(f"{name}: all {len(wanted)} calls are tried", report["operations"]["tested"] == len(wanted) > 0)
        never = sorted(wanted - accepted(report))
        if never:
            raise Failed(f"{name}: never a success: {', '.join(never)}")
        check(f"{name}: each has succeeded", True)
        cases, seconds = report["test_cases"]["generated"], report["running_time"]
        check(f"{name}: all {cases} requests are answered as described, {seconds:.0f} s", report["complete"])


def main():
    failures = []
    for name in SEEDS:
        try:
            check_dialect(name)
        except Failed as failure:
            failures.append(str(failure))
    if failures:
        raise Failed("; ".join(failures))


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
