"""What every check needs: a posthouse of its own, a key for it, requests to it, and a receiver.

The binary comes from POSTHOUSE_BIN. Nothing here waits by sleeping.
"""

import json
import os
import queue
import select
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
REQUEST_SECONDS_MAX = 30
DELIVERY_SECONDS_MAX = 30
LOG_LINES_SHOWN = 40


class Failed(Exception):
    """A check that did not hold."""


def check(what, holds):
    """Prints what holds, or stops with what does not."""
    if not holds:
        raise Failed(what)
    print(f"     ok: {what}", flush=True)


class Answer:
    """What came back, whatever the status."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body) if self.body else None


def exchange(request):
    """Sends a request of urllib's; returns what came back, whatever the status."""
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS_MAX) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Server:
    """A posthouse on a temporary folder, with one tenant and a key that may do everything.

    `environment` is set beside ours, for settings that only some checks need.
    """

    def __init__(self, deliver=True, environment=None):
        self._binary = os.environ["POSTHOUSE_BIN"]
        self._deliver = deliver
        self._environment = environment or {}
        self.scratch = Path(tempfile.mkdtemp(prefix="posthouse-clients-"))
        self._data = self.scratch / "data"
        self._log = self.scratch / "log"
        self._process = None
        self.key = None
        self.base = None

    def __enter__(self):
        try:
            self.key = self.create_key()
            self.base = f"http://{self._start()}"
        except BaseException:
            self._stop(show_log=True)
            raise
        return self

    def __exit__(self, kind, _value, _trace):
        self._stop(show_log=kind is not None)

    def send(self, method, path, body=None, headers=None, token=None):
        """Sends JSON (bytes go as they are) with our key or another token; returns what came back.

        With headers that say who calls (`Authorization`, `X-API-Key`), those do.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        given = headers or {}
        if not {name.lower() for name in given} & {"authorization", "x-api-key"}:
            request.add_header("Authorization", f"Bearer {self.key if token is None else token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in given.items():
            request.add_header(name, value)
        return exchange(request)

    def request(self, method, path, body=None, headers=None, token=None):
        """The same; returns the parsed answer and insists on a 2xx."""
        answer = self.send(method, path, body, headers, token)
        if not 200 <= answer.status < 300:
            text = answer.body.decode(errors="replace")
            raise Failed(f"{method} {path} answered {answer.status}: {text}")
        return answer.json()

    def log(self):
        """What the server has said."""
        return self._log.read_text(errors="replace")

    def create_endpoint(self, url):
        return self.request("POST", "/api/v1/endpoints", {"url": url})

    def publish(self, event_type, payload):
        """Publishes payload bytes exactly as they are: no JSON library comes near them."""
        body = b'{"type":' + json.dumps(event_type).encode() + b',"payload":' + payload + b"}"
        return self.request("POST", "/api/v1/events", body)

    def create_key(self, tenant="acme"):
        """A key of a tenant, which is made when it is not there. Also while the server runs."""
        command = [self._binary, "keys", "create", "--data", self._data, "--tenant", tenant]
        command += ["--environment", "live", "--capabilities", "all", "--output", "json"]
        with open(self._log, "ab") as log:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, timeout=READY_SECONDS_MAX)
        if done.returncode != 0:
            raise Failed(f"`posthouse keys create` failed with {done.returncode}")
        return json.loads(done.stdout)["key"]

    def _start(self):
        command = [self._binary, "serve", "--data", self._data]
        command += ["--listen", "127.0.0.1:0", "--log", "warn"]
        environment = {**os.environ, **self._environment}
        if self._deliver:
            command.append("--allow-private-targets")
        else:
            environment.setdefault("POSTHOUSE_DENY_TARGETS", "0.0.0.0/0,::/0")
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=environment)
        output = self._process.stdout
        readable, _, _ = select.select([output], [], [], READY_SECONDS_MAX)
        line = output.readline() if readable else b""
        if not line:
            raise Failed("`posthouse serve` did not print its address")
        # The rest of its output is read and dropped, so that it never waits for us.
        threading.Thread(target=lambda: [None for _ in output], daemon=True).start()
        return json.loads(line)["address"]

    def _stop(self, show_log):
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                print("     the server did not stop when asked", flush=True)
        if show_log and self._log.exists():
            lines = self.log().splitlines()
            print("\n".join(lines[-LOG_LINES_SHOWN:]), flush=True)
        shutil.rmtree(self.scratch, ignore_errors=True)


class Delivery:
    """One request as the receiver got it."""

    def __init__(self, headers, body):
        self.headers = headers
        self.body = body

    def with_headers(self, **changes):
        """The same with other headers; `webhook_id` stands for `webhook-id`."""
        changed = {name.replace("_", "-"): value for name, value in changes.items()}
        return Delivery({**self.headers, **changed}, self.body)

    def with_body(self, body):
        return Delivery(self.headers, body)


class Receiver:
    """Takes whatever is posted to it and answers 200."""

    def __init__(self):
        deliveries = queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                deliveries.put(Delivery(headers, body))

            def log_message(self, *_arguments):
                pass

        self._deliveries = deliveries
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_arguments):
        self._server.shutdown()
        self._server.server_close()

    def next(self):
        try:
            return self._deliveries.get(timeout=DELIVERY_SECONDS_MAX)
        except queue.Empty:
            raise Failed(f"nothing was delivered within {DELIVERY_SECONDS_MAX} s") from None
