"""What GitLab sends is taken on by a source with the profile `gitlab`, read right, and answered by the built-in agent.

Two kinds of events: such as GitLab documents, and such as are made at random from published models of GitLab's events,
which also judge the first kind.
"""

import datetime
import hashlib
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from polyfactory.factories.pydantic_factory import ModelFactory
from pydantic import AwareDatetime
from pydantic_gitlab_webhooks import events as models
from pydantic_gitlab_webhooks import validate_event_body_dict, validate_event_header_and_body_dict

import gitlab_events as gitlab
from posthouse import Failed, Server, check, exchange

TOKEN = "d9f1c2e8-secret-token"
PER_MINUTE = 100_000_000
SETTLE_SECONDS_MAX = 30
POLL_SECONDS = 0.05
AT_ONCE = 8
SHOWN_MAX = 5
RANDOM_SEED = 20260102
RANDOM_OF_EACH = 10

MR, ISSUE = f"gitlab:{gitlab.PATH}:mr:7", f"gitlab:{gitlab.PATH}:issue:23"
MR_LINE, ISSUE_LINE = 'MR !7: "Free the wheels"', 'Issue #23: "Wheels "stuck""'

# The header, the event, its type, what it is about, and lines of the text.
DOCUMENTED = [
    (
        "Push",
        gitlab.push("push", "refs/heads/main", [gitlab.COMMIT], 1),
        "push",
        None,
        ["Ref: refs/heads/main", "Pusher: @zoe", "Commits: 1"],
    ),
    (
        "Push",
        gitlab.push("push", "refs/heads/main", [gitlab.COMMIT] * 6, 26),
        "push",
        None,
        ["Commits: 26 (the first 5)"],
    ),
    (
        "Push",
        gitlab.push("push", "refs/heads/old", [], 0, after=gitlab.NO_COMMIT),
        "push",
        None,
        ["Deleted: true", "Commits: 0"],
    ),
    ("Tag Push", gitlab.push("tag_push", "refs/tags/v1.0.0", [], 0), "tag_push", None, ["Ref: refs/tags/v1.0.0"]),
    ("Issue", gitlab.issue("open"), "issue.open", ISSUE, [ISSUE_LINE, "  State: opened", "  Project: forged"]),
    ("Issue", gitlab.issue("close", state="closed"), "issue.close", ISSUE, [ISSUE_LINE, "  State: closed"]),
    ("Issue", gitlab.issue("update", kind="work_item", event_type="task"), "issue.update", ISSUE, [ISSUE_LINE]),
    ("Confidential Issue", gitlab.issue("open", confidential=True), "issue.open", ISSUE, ["  Confidential: true"]),
    ("Note", gitlab.note("Commit", commit=gitlab.COMMIT), "note.create", None, ["  Looks round.", "  To me."]),
    ("Note", gitlab.note("Issue", issue=gitlab.ISSUE), "note.create", ISSUE, [ISSUE_LINE, "Comment by @zoe:"]),
    ("Note", gitlab.note("MergeRequest", merge_request=gitlab.MERGE_REQUEST), "note.create", MR, [MR_LINE]),
    ("Note", gitlab.note("Snippet", snippet=gitlab.SNIPPET), "note.create", None, ['Snippet: "Turn a wheel"']),
    (
        "Confidential Note",
        gitlab.note("Issue", event_type="confidential_note", issue=gitlab.ISSUE),
        "note.create",
        ISSUE,
        [ISSUE_LINE],
    ),
    (
        "Merge Request",
        gitlab.merge_request("open"),
        "merge_request.open",
        MR,
        [MR_LINE, "  Branch: wheels → main", "  Draft: false", "Labels: API"],
    ),
    ("Merge Request", gitlab.merge_request("update", draft=True), "merge_request.update", MR, ["  Draft: true"]),
    ("Merge Request", gitlab.merge_request("approved"), "merge_request.approved", MR, [MR_LINE]),
    ("Merge Request", gitlab.merge_request("merge", state="merged"), "merge_request.merge", MR, ["  State: merged"]),
    ("Wiki Page", gitlab.WIKI_PAGE, "wiki_page.create", None, ["Sender: @zoe", 'wiki_page: "Awesome"']),
    (
        "Pipeline",
        gitlab.pipeline("failed"),
        "pipeline",
        None,
        ["Pipeline: #31", "  Status: failed", "Failed jobs: wheels"],
    ),
    ("Pipeline", gitlab.pipeline("success", gitlab.PIPELINE_MERGE_REQUEST), "pipeline", None, [MR_LINE]),
    ("Job", gitlab.JOB, "job", None, ["Job: wheels", "  Status: failed", "  Failure reason: script_failure"]),
    ("Deployment", gitlab.DEPLOYMENT, "deployment", None, ["Sender: @zoe", "Status: success"]),
    ("Feature Flag", gitlab.FEATURE_FLAG, "feature_flag", None, ['feature_flag: "round-wheels"']),
    ("Release", gitlab.RELEASE, "release.create", None, ["Release: v1.1 🐎", "  Tag: v1.1", "  Wheels **turn** again"]),
    ("Milestone", gitlab.MILESTONE, "milestone.create", None, ['milestone: #10: "v1.0"', "Status: active"]),
    ("Emoji", gitlab.EMOJI, "emoji.award", None, ["Sender: @zoe", 'emoji: "thumbsup"']),
    ("Resource Access Token", gitlab.PROJECT_TOKEN, "resource_access_token", None, ["Event: expiring_access_token"]),
    ("Resource Access Token", gitlab.GROUP_TOKEN, "resource_access_token", None, ["Project: größe/tools"]),
    ("Member", gitlab.MEMBER, "member", None, ["Sender: @zoe", "Event: user_add_to_group"]),
    ("Project", gitlab.PROJECT_MADE, "project", None, ["Event: project_create"]),
    ("Subgroup", gitlab.SUBGROUP, "subgroup", None, ["Event: subgroup_create"]),
]

# Which header comes with which model, where it is not the model's name.
HEADERS = {
    "CommitNoteEvent": "Note",
    "GroupAccessTokenEvent": "Resource Access Token",
    "GroupMemberEvent": "Member",
    "IssueNoteEvent": "Note",
    "MergeRequestNoteEvent": "Note",
    "ProjectAccessTokenEvent": "Resource Access Token",
    "SnippetNoteEvent": "Note",
}
# Headers that the models do not know: those of confidential things, whose bodies they know.
BODY_ALONE = {"Confidential Issue", "Confidential Note"}
# Events of which there is no model.
NO_MODEL = {"Milestone"}


class Case:
    """One event, and what is to become of it."""

    def __init__(self, name, hook, body, expected):
        self.name = name
        self.hook = hook
        self.body = body
        self.bytes = json.dumps(body, ensure_ascii=False).encode()
        self.type, self.entity, self.lines = expected
        # So that not two are one event to GitLab.
        self.key = f"f5e57130-1e4d-4f8c-9a6f-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        self.answer = None
        self.found = None

    def headers(self, **changes):
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitLab/18.9.0",
            "X-Gitlab-Event": f"{self.hook} Hook",
            "X-Gitlab-Instance": gitlab.URL,
            "X-Gitlab-Token": TOKEN,
            "Idempotency-Key": self.key,
        }
        changed = {name.replace("_", "-"): value for name, value in changes.items()}
        return {name: value for name, value in {**headers, **changed}.items() if value is not None}


class RandomEvents(ModelFactory):
    """Makes events from the models. Times as GitLab writes them: what reads them in the models wants texts."""

    __is_base_factory__ = True

    @classmethod
    def get_field_value(cls, field_meta, *arguments, **named):
        if field_meta.annotation in (AwareDatetime, datetime.datetime, datetime.date):
            return gitlab.TIME
        return super().get_field_value(field_meta, *arguments, **named)


def documented():
    for number, (hook, body, *expected) in enumerate(DOCUMENTED):
        if hook in BODY_ALONE:
            validate_event_body_dict(body)
        elif hook not in NO_MODEL:
            validate_event_header_and_body_dict(f"{hook} Hook", body)
        yield Case(f"{expected[0]} ({number})", hook, body, expected)


def random():
    RandomEvents.seed_random(RANDOM_SEED)
    for name in models.__all__:
        if name == "AnyEvent":
            continue
        words = "".join(f" {letter}" if letter.isupper() else letter for letter in name.removesuffix("Event")).strip()
        hook = HEADERS.get(name, words)
        factory = RandomEvents.create_factory(getattr(models, name))
        for number in range(RANDOM_OF_EACH):
            body = factory.build().model_dump(mode="json")
            validate_event_header_and_body_dict(f"{hook} Hook", body)
            expected = type_of(hook, body), entity_of(hook, body), lines_of(hook, body)
            yield Case(f"{name} {number}", hook, body, expected)


def type_of(hook, body):
    """`Merge Request Hook` that opens is `merge_request.open`."""
    action = body.get("object_attributes", {}).get("action") or body.get("action")
    family = hook.lower().replace(" ", "_")
    return f"{family}.{action}" if action else family


def entity_of(hook, body):
    """A comment belongs to what it is on, as far as that is a merge request or an issue."""
    about = {
        "Merge Request": ("mr", body.get("object_attributes")),
        "Issue": ("issue", body.get("object_attributes")),
        "Note": ("mr", body["merge_request"]) if "merge_request" in body else ("issue", body.get("issue")),
    }
    kind, thing = about.get(hook, (None, None))
    project = body.get("project")
    return f"gitlab:{project['path_with_namespace']}:{kind}:{thing['iid']}" if project and thing else None


def lines_of(hook, body):
    lines = []
    if body.get("project"):
        lines.append(f"Project: {body['project']['path_with_namespace']}")
    things = {"Merge Request": body.get("object_attributes"), "Note": body.get("merge_request")}
    if thing := things.get(hook):
        lines.append(f'MR !{thing["iid"]}: "{thing["title"] or "(untitled)"}"')
    things = {"Issue": body.get("object_attributes"), "Note": body.get("issue")}
    if thing := things.get(hook):
        lines.append(f'Issue #{thing["iid"]}: "{thing["title"] or "(untitled)"}"')
    return lines


def check_each(what, things, holds):
    """Prints what holds of all, or stops with those of which it does not."""
    wrong = [thing.name for thing in things if not holds(thing)]
    if wrong:
        more = f" and {len(wrong) - SHOWN_MAX} more" if len(wrong) > SHOWN_MAX else ""
        raise Failed(f"{what}: not {'; '.join(wrong[:SHOWN_MAX])}{more}")
    check(f"{what}: {len(things)} of {len(things)}", things)


def each(things, work):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, things))


class Source:
    """A source of the server's, and its door."""

    def __init__(self, server, **settings):
        settings = {"name": "Inbound gitlab", "profile": "gitlab", "rate_limit_per_minute": PER_MINUTE, **settings}
        self._server = server
        made = server.request("POST", "/api/v1/sources", settings)
        self.name = settings["name"]
        self.id = made["id"]
        self.public_id = made["public_id"]
        self.secret = made.get("secret")

    def post(self, headers, body):
        """Sends a request as a provider does; the answer whatever it is."""
        url = f"{self._server.base}/api/webhooks/ingest/{self.public_id}"
        return exchange(urllib.request.Request(url, data=body, headers=headers, method="POST"))

    def settled(self, count):
        """Waits until the built-in agent is done with so many deliveries; by their number."""
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        path = f"/api/v1/sources/{self.id}/deliveries?status=completed&limit=500"
        while True:
            done = self._server.request("GET", path)["data"]
            if len(done) >= count:
                return {delivery["number"]: delivery for delivery in done}
            if time.monotonic() > deadline:
                raise Failed(f"{len(done)} of {count} deliveries were completed in time")
            time.sleep(POLL_SECONDS)

    def inspected(self, delivery):
        """A delivery with its text for agents and the messages of its session, oldest first."""
        detail = self._server.request("GET", f"/api/v1/inbound-deliveries/{delivery['id']}")
        messages = self._server.request("GET", f"/api/v1/sessions/{quote(detail['session_id'], safe='')}/messages")
        return {**detail, "messages": messages["data"][::-1]}


def check_refused(source, cases):
    refused = {
        "another token": {"X_Gitlab_Token": f"{TOKEN}x"},
        "the beginning of the token": {"X_Gitlab_Token": TOKEN[:-1]},
        "no token": {"X_Gitlab_Token": None},
        "the token in another header": {"X_Gitlab_Token": None, "Authorization": f"Bearer {TOKEN}"},
    }
    for what, changes in refused.items():
        answers = each(cases, lambda case, changes=changes: source.post(case.headers(**changes), case.bytes))
        taken = [case.name for case, answer in zip(cases, answers) if answer.status != 401]
        check(f"{what} is refused: {len(cases) - len(taken)} of {len(cases)}", not taken)


def check_repeats(source, cases):
    again = dict(zip(cases, each(cases, lambda case: source.post(case.headers(), case.bytes))))

    def told(case):
        known = again[case].json().get("existingDeliveryId") == case.answer.json()["deliveryId"]
        return again[case].status == 200 and known

    check_each("a repeat is told of the first", cases, told)


def check_taken_on(source, cases):
    for case, answer in zip(cases, each(cases, lambda case: source.post(case.headers(), case.bytes))):
        case.answer = answer
    check_each("it is accepted", cases, lambda case: case.answer.status == 202)
    check_each("the answer tells the type", cases, lambda case: case.answer.json()["eventType"] == case.type)
    check_repeats(source, cases)

    done = source.settled(len(cases))
    check("nothing else was worked on", len(done) == len(cases))
    numbers = [done[case.answer.json()["deliveryId"]] for case in cases]
    for case, found in zip(cases, each(numbers, source.inspected)):
        case.found = found
    check_each("it has its type", cases, lambda case: case.found["event_type"] == case.type)
    check_each("it has GitLab's key", cases, lambda case: case.found["dedup_key"] == case.key)
    check_each("it is about the right thing", cases, lambda case: case.found["entity_key"] == case.entity)


def check_told(source, cases):
    def begins(case):
        received = f"{case.found['received_at'][: len('2026-01-01T00:00:00')]}Z"
        lines = ["Webhook delivery received.", "", f"Webhook: {source.name} ({source.public_id})", "Source: gitlab"]
        lines += [f"Event: {case.type}", f"Delivery: {case.key}", f"Received: {received}", "", "---", ""]
        return case.found["normalized"].startswith("\n".join([*lines, f"GitLab event: {case.type}", ""]))

    def answered(case):
        told, *answers = case.found["messages"]
        return told["content"] == case.found["normalized"] and [message["role"] for message in answers] == ["assistant"]

    check_each("the text begins with what arrived where", cases, begins)
    check_each("the session has the text and an answer", cases, answered)
    sessions = {case.found["session_id"] for case in cases}
    check("no two of them share a session", len(sessions) == len(cases))
    lines = [(case, line) for case in cases for line in case.lines]
    missing = [f"{case.name}: {line}" for case, line in lines if f"\n{line}\n" not in case.found["normalized"]]
    if missing:
        raise Failed(f"the texts have not {'; '.join(missing[:SHOWN_MAX])}")
    check(f"the texts have the lines: {len(lines)} of {len(lines)}", lines)


def check_without_key(server, case):
    """Older versions of GitLab send no key: then equal bodies are one."""
    source = Source(server, auth={"token": TOKEN})
    first, second = (source.post(case.headers(Idempotency_Key=None), case.bytes) for _ in range(2))
    check("without a key it is accepted", first.status == 202)
    known = second.json().get("existingDeliveryId") == first.json()["deliveryId"]
    check("without a key an equal body is a repeat", second.status == 200 and known)
    [delivery] = source.settled(1).values()
    digest = hashlib.sha256(case.bytes).hexdigest()
    check("without a key the body's digest is one", delivery["dedup_key"] == f"sha256:{digest}")


def check_rotation(server, cases):
    """While a token changes, both are good; posthouse makes one when it is given none."""
    source = Source(server)
    new = server.request("POST", f"/api/v1/sources/{source.id}/rotate-secret")["secret"]
    check("a rotation gives another token", new != source.secret)
    tokens = {"the old token is good for a while": source.secret, "the new token is good": new}
    for (what, token), case in zip(tokens.items(), cases):
        check(what, source.post(case.headers(X_Gitlab_Token=token), case.bytes).status == 202)
    check("a third is not", source.post(cases[0].headers(), cases[0].bytes).status == 401)


def main():
    with Server(environment={"POSTHOUSE_INGEST_GLOBAL_PER_MINUTE": str(PER_MINUTE)}) as server:
        written, made = list(documented()), list(random())
        hooks = {case.hook for case in written}
        check(f"{len(written)} documented events of {len(hooks)} hooks, {len(made)} random ones", len(hooks) == 19)
        source = Source(server, auth={"token": TOKEN})
        check_refused(source, written)
        check_taken_on(source, written + made)
        check_told(source, written + made)
        check_without_key(server, written[0])
        check_rotation(server, written)
        check("the server had no trouble", "panicked" not in server.log())


main()
