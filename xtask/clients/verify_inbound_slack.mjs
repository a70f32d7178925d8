// Requests as Slack sends them are taken on by a source with the profile `slack` exactly when the verifier of Slack's
// own framework takes them, and read right. They are signed here by Slack's documented rule: nothing published signs.

import bolt from "@slack/bolt";

import {
  NO_LIMIT,
  changed,
  checkTold,
  createSource,
  each,
  hmac,
  inspected,
  post,
  secondsAgo,
  settled,
} from "./inbound.mjs";
import { check, checkEach, main } from "./posthouse.mjs";

const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";
const TOLERANCE_SECONDS = 300;
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

function callback(id, event) {
  const team = { team_id: "T123ABC456", api_app_id: "A123ABC456" };
  return JSON.stringify({
    token: "z",
    ...team,
    event,
    type: "event_callback",
    event_id: id,
    event_time: 1_515_449_522,
  });
}

function form(fields) {
  return new URLSearchParams(fields).toString();
}

const message = {
  type: "message",
  channel: "C123ABC456",
  user: "U061F7AUR",
  text: "Grüße 日本 🐎",
  ts: "1515449522.000016",
};
const action = {
  type: "block_actions",
  user: { id: "UA8RXUSPL" },
  actions: [{ action_id: "approve", type: "button" }],
};
const reaction = { type: "reaction_added", user: "U024BE7LH", reaction: "thumbsup", item: { channel: "C0G9QF9GZ" } };

/** Shapes: Slack, “The Events API”, “Handling user interaction” and “Slash commands”. */
const CASES = [
  {
    body: callback("Ev0PV52K21", message),
    key: "Ev0PV52K21",
    type: "message",
    entity: "slack:C123ABC456:1515449522.000016",
    line: "Grüße 日本 🐎",
  },
  {
    body: callback("Ev0PV52K22", { ...message, ts: "1515449600.000001", thread_ts: message.ts }),
    key: "Ev0PV52K22",
    type: "message",
    entity: "slack:C123ABC456:1515449522.000016",
    line: `Thread: ${message.ts}`,
  },
  {
    body: callback("Ev0PV52K23", { ...message, type: "app_mention", ts: "1515449700.000001" }),
    key: "Ev0PV52K23",
    type: "app_mention",
    entity: "slack:C123ABC456:1515449700.000001",
    line: "User: U061F7AUR",
  },
  {
    body: callback("Ev0PV52K24", reaction),
    key: "Ev0PV52K24",
    type: "reaction_added",
    entity: null,
    line: "Reaction: thumbsup",
  },
  {
    body: form({ payload: JSON.stringify(action) }),
    media: FORM_TYPE,
    key: null,
    type: "block_actions",
    entity: null,
    line: "Slack event: block_actions",
  },
  {
    body: form({ command: "/weather", text: "94070", team_id: "T0001" }),
    media: FORM_TYPE,
    key: null,
    type: null,
    entity: null,
    line: "Slack event: unknown",
  },
].map((one, index) => ({ media: JSON_TYPE, name: `${one.type} (${index})`, ...one }));

const named = ({ name }) => name;

function signed(body, { secret = SECRET, timestamp = secondsAgo(0), version = "v0" } = {}) {
  const signature = `${version}=${hmac("sha256", secret, `${version}:${timestamp}:${body}`, "hex")}`;
  return { "x-slack-request-timestamp": String(timestamp), "x-slack-signature": signature };
}

/** Whether Slack's framework takes it. */
function boltTakes(headers, body) {
  const read = { ...headers, "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]) };
  return bolt.isValidSlackRequest({ signingSecret: SECRET, body: body.toString(), headers: read });
}

async function answers(source, request) {
  return each(CASES, async (one) => {
    const [headers, body] = request(one);
    const answer = await post(source, { "content-type": one.media, ...headers }, body);
    return { ...one, ...answer, bolt: boltTakes(headers, body) };
  });
}

async function checkRefused(source) {
  const refused = {
    "a changed byte": ({ body }) => [signed(body), changed(body)],
    "another secret": ({ body }) => [signed(body, { secret: `${SECRET}x` }), body],
    "a signature made too long ago": ({ body }) => [
      signed(body, { timestamp: secondsAgo(TOLERANCE_SECONDS + 1) }),
      body,
    ],
    "a signature of another version": ({ body }) => [signed(body, { version: "v1" }), body],
  };
  for (const [what, request] of Object.entries(refused)) {
    const all = await answers(source, request);
    checkEach(
      `Slack's framework and posthouse refuse ${what}`,
      all,
      named,
      ({ status, bolt: takes }) => status === 401 && !takes,
    );
  }
}

/** Slack asks whether the URL is ours, and wants its challenge back. */
async function checkChallenge(source) {
  const challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
  const body = JSON.stringify({ token: "Jhj5dZrVaK7ZwHHjRyZWjbDl", challenge, type: "url_verification" });
  const answer = await post(source, signed(body), body);
  check("the challenge is answered", answer.status === 200 && answer.text === challenge);
  const strange = await post(source, signed(body, { secret: "x" }), body);
  check("not that of a stranger", strange.status === 401 && !strange.text.includes(challenge));
}

await main(async (server) => {
  const source = await createSource(server, { profile: "slack", auth: { secret: SECRET } });
  await checkRefused(source);
  await checkChallenge(source);
  const sent = await answers(source, ({ body }) => [signed(body), body]);
  checkEach(
    "Slack's framework and posthouse take it",
    sent,
    named,
    ({ status, bolt: takes }) => status === 202 && takes,
  );
  checkEach("the answer tells the type", sent, named, ({ json, type }) => json.eventType === type);
  const keyed = sent.filter(({ key }) => key !== null);
  const repeated = await each(keyed, async (one) => ({
    ...one,
    again: await post(source, signed(one.body), one.body),
  }));
  checkEach("a repeat is told of the first", repeated, named, ({ json, again }) => {
    return again.status === 200 && again.json.existingDeliveryId === json.deliveryId;
  });

  const done = await settled(server, source, sent.length);
  check("the challenge was no delivery", done.size === sent.length);
  const things = await each(sent, async (one) => ({
    ...one,
    found: await inspected(server, done.get(one.json.deliveryId)),
  }));
  checkEach("it has Slack's key", things, named, ({ found, key }) => found.dedup_key === key);
  checkEach("it is about the right thread", things, named, ({ found, entity }) => found.entity_key === entity);
  checkTold(source, things);
  checkEach("the text has what matters", things, named, ({ found, line }) => found.normalized.includes(`${line}\n`));
  check("the server had no trouble", !server.log().includes("panicked"));
}, NO_LIMIT);
