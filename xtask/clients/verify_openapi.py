"""The running server answers as its own API description says, for requests that Schemathesis makes up."""

import os
import subprocess
import sys
from pathlib import Path

from posthouse import Failed, Server, check

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]

# A stream does not end, so a request to it would not either.
STREAMING = "^/api/v1/stream"

EXAMPLES_PER_OPERATION = 15
RUN_SECONDS_MAX = 300


def command(server):
    return [
        str(Path(sys.executable).parent / "schemathesis"),
        "run",
        f"{server.base}/openapi/native.json",
        "--origin",
        server.base,
        "--header",
        f"Authorization: Bearer {server.key}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        "examples,coverage,fuzzing",
        "--exclude-path-regex",
        STREAMING,
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
        "--no-color",
    ]


def main():
    # The requests are made up, endpoint URLs too: nothing is to be called at any of them.
    with Server(deliver=False) as server:
        document = server.request("GET", "/openapi/native.json")
        paths = document["paths"]
        check(f"the description has paths ({len(paths)})", len(paths) > 0)
        output = server.scratch / "schemathesis"
        environment = {**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(server.scratch / "hypothesis")}
        with open(output, "wb") as file:
            done = subprocess.run(
                command(server),
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=server.scratch,
                env=environment,
                timeout=RUN_SECONDS_MAX,
            )
        text = output.read_text(errors="replace")
        if done.returncode != 0:
            print(text, flush=True)
            raise Failed("the server and its description differ")
        # Its own summary says how much was tried.
        print("\n".join(f"     {line}" for line in text.splitlines()[-12:] if line.strip()), flush=True)
        check("the server answers as described", True)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"     FAILED: {failure}")
