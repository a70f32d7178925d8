// Every payload that Octokit publishes as an example, signed by Octokit's own library, is taken on by a source with the
// profile `github`, read right, and answered by the built-in agent; nothing that is signed wrong is.

import { Webhooks } from "@octokit/webhooks";
import examples from "@octokit/webhooks-examples" with { type: "json" };

import { NO_LIMIT, changed, checkTold, createSource, each, inspected, post, settled } from "./inbound.mjs";
import { check, checkEach, main } from "./posthouse.mjs";

const SECRET = "It's a Secret to Everybody";
const TITLE_BYTES_MAX = 256;

const signer = new Webhooks({ secret: SECRET });
const stranger = new Webhooks({ secret: `${SECRET}.` });

/** Each example with what GitHub's documentation says that it is. */
const CASES = examples.flatMap(({ name: event, examples: payloads }) =>
  payloads.map((payload, index) => ({
    name: `${event} ${index}`,
    event,
    payload,
    body: JSON.stringify(payload),
    type: typeof payload.action === "string" ? `${event}.${payload.action}` : event,
    entity: entityOf(event, payload),
  })),
);

/** What an event is about: comments, reviews and threads belong to the pull request or issue they are on. */
function entityOf(event, { repository, pull_request: pullRequest, number, issue }) {
  if (event.startsWith("pull_request")) return `github:${repository.full_name}:pr:${pullRequest?.number ?? number}`;
  if (event !== "issues" && event !== "issue_comment") return null;
  return `github:${repository.full_name}:${issue.pull_request ? "pr" : "issue"}:${issue.number}`;
}

const named = ({ name }) => name;

function headers({ event }, key, signature, contentType = "application/json") {
  return {
    "content-type": contentType,
    "user-agent": "GitHub-Hookshot/044aadd",
    "x-github-delivery": key,
    "x-github-event": event,
    "x-github-hook-id": "292430182",
    "x-hub-signature-256": signature,
  };
}

function keyOf(index) {
  return `72d3162e-cc78-11e3-81ab-${index.toString(16).padStart(12, "0")}`;
}

async function checkRefused(source) {
  const turned = await each(CASES, async (one, index) => {
    const signature = await signer.sign(one.body);
    return { ...one, answer: await post(source, headers(one, keyOf(index), signature), changed(one.body)) };
  });
  checkEach("a changed byte is refused", turned, named, ({ answer }) => answer.status === 401);
  const strange = await each(CASES, async (one, index) => {
    const signature = await stranger.sign(one.body);
    return { ...one, answer: await post(source, headers(one, keyOf(index), signature), one.body) };
  });
  checkEach("another secret is refused", strange, named, ({ answer }) => answer.status === 401);
}

async function send(source) {
  const sent = await each(CASES, async (one, index) => {
    const key = keyOf(index);
    return { ...one, key, answer: await post(source, headers(one, key, await signer.sign(one.body)), one.body) };
  });
  checkEach("it is accepted", sent, named, ({ answer }) => answer.status === 202 && answer.json.status === "queued");
  checkEach("the answer tells the type", sent, named, ({ answer, type }) => answer.json.eventType === type);
  return sent;
}

async function checkRepeats(source, sent) {
  const repeated = await each(sent, async (one) => {
    return { ...one, again: await post(source, headers(one, one.key, await signer.sign(one.body)), one.body) };
  });
  checkEach("a repeat is told of the first", repeated, named, ({ answer, again }) => {
    const { status, json } = again;
    return status === 200 && json.status === "deduplicated" && json.existingDeliveryId === answer.json.deliveryId;
  });
}

/** GitHub sends forms when told to, and signs the form. */
async function checkForms(server) {
  const source = await createSource(server, { profile: "github", auth: { secret: SECRET } });
  const type = "application/x-www-form-urlencoded";
  const sent = await each(
    CASES.filter(({ name }) => name.endsWith(" 0")),
    async (one, index) => {
      const body = new URLSearchParams({ payload: one.body }).toString();
      const answer = await post(source, headers(one, keyOf(index), await signer.sign(body), type), body);
      return { ...one, answer };
    },
  );
  checkEach("as a form it has the same type", sent, named, ({ answer, type: expected }) => {
    return answer.status === 202 && answer.json.eventType === expected;
  });
  const done = await settled(server, source, sent.length);
  checkEach("as a form it is about the same", sent, named, ({ answer, entity }) => {
    return done.get(answer.json.deliveryId)?.entity_key === entity;
  });
}

/** All that is about one thing shares a session; what is about nothing has its own. */
async function checkEntities(server) {
  const session = { mode: "per_entity" };
  const source = await createSource(server, { profile: "github", auth: { secret: SECRET }, session });
  const sent = await send(source);
  const done = await settled(server, source, sent.length);
  const sessions = new Map();
  for (const { answer, entity } of sent) {
    const { number, session_id: id } = done.get(answer.json.deliveryId);
    const thing = entity ?? number;
    sessions.set(thing, (sessions.get(thing) ?? new Set()).add(id));
  }
  const things = [...sessions];
  checkEach(
    "a thing has one session",
    things,
    ([thing]) => thing,
    ([, ids]) => ids.size === 1,
  );
  const all = new Set(things.flatMap(([, ids]) => [...ids]));
  check("no two things share a session", all.size === things.length);
}

function checkTexts(things) {
  const holds = (what, only, text) => {
    checkEach(what, things.filter(only), named, (one) => one.found.normalized.includes(text(one)));
  };
  holds(
    "the text has the type",
    () => true,
    ({ type }) => `\n\nGitHub event: ${type}\n`,
  );
  const full = ({ payload }) => payload.repository?.full_name;
  holds("the text has the repository", full, (one) => `\nRepository: ${full(one)}\n`);
  const about = ({ payload }) => payload.pull_request ?? payload.issue;
  const short = ({ title }) => Buffer.byteLength(title) <= TITLE_BYTES_MAX;
  check(
    "no title is long",
    things.filter(about).every((one) => short(about(one))),
  );
  const kind = ({ payload: { pull_request: pullRequest, issue } }) =>
    (pullRequest ?? issue.pull_request) ? "PR" : "Issue";
  holds(
    "the text has number and title",
    about,
    (one) => `\n${kind(one)} #${about(one).number}: "${about(one).title}"\n`,
  );
}

await main(async (server) => {
  check(`${CASES.length} payloads of ${examples.length} events`, CASES.length === 329 && examples.length === 58);
  const source = await createSource(server, { profile: "github", auth: { secret: SECRET } });
  await checkRefused(source);
  const sent = await send(source);
  await checkRepeats(source, sent);

  const done = await settled(server, source, sent.length);
  check("nothing else was worked on", done.size === sent.length);
  const things = await each(sent, async (one) => {
    return { ...one, found: await inspected(server, done.get(one.answer.json.deliveryId)) };
  });
  checkEach("it has its type", things, named, ({ found, type }) => found.event_type === type);
  checkEach("it has GitHub's key", things, named, ({ found, key }) => found.dedup_key === key);
  checkEach("it is about the right thing", things, named, ({ found, entity }) => found.entity_key === entity);
  checkTold(source, things);
  checkTexts(things);
  await checkForms(server);
  await checkEntities(server);
  check("the server had no trouble", !server.log().includes("panicked"));
}, NO_LIMIT);
