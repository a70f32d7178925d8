// What checks of sources need: a source, requests to its door, what became of them, and work on many things at once.

import { createHmac } from "node:crypto";

import { Failed, check, checkEach } from "./posthouse.mjs";

const SETTLE_MS_MAX = 30_000;
const POLL_MS = 50;
const REQUEST_MS_MAX = 30_000;
const PAGE = 500;
const AT_ONCE = 8;
/** More than any check sends in a minute. */
const PER_MINUTE = 100_000_000;

/** For `main`: the limit over all sources does not get in the way. */
export const NO_LIMIT = { POSTHOUSE_INGEST_GLOBAL_PER_MINUTE: String(PER_MINUTE) };

/** Makes a source; what is not said is as the profile has it. */
export async function createSource(server, settings) {
  const source = { name: `Inbound ${settings.profile}`, rate_limit_per_minute: PER_MINUTE, ...settings };
  const made = await server.request("POST", "/api/v1/sources", source);
  return { ...made, door: `${server.base}/api/webhooks/ingest/${made.public_id}` };
}

/** Sends a request as a provider does; the answer whatever it is. */
export async function post(source, headers, body) {
  const response = await fetch(source.door, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined };
}

/** The body with one bit of its middle byte turned. */
export function changed(body) {
  const bytes = Buffer.from(body);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  return bytes;
}

export function hmac(algorithm, secret, text, encoding) {
  return createHmac(algorithm, secret).update(text).digest(encoding);
}

export function secondsAgo(seconds) {
  return Math.floor(Date.now() / 1000) - seconds;
}

/** The results for all things, in their order, some of them at a time. */
export async function each(things, work) {
  const results = new Array(things.length);
  let next = 0;
  const worker = async () => {
    while (next < things.length) {
      const index = next++;
      results[index] = await work(things[index], index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Waits until the built-in agent is done with so many deliveries of a source; by their number. */
export async function settled(server, source, count) {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const done = await completed(server, source);
    if (done.length >= count) return new Map(done.map((delivery) => [delivery.number, delivery]));
    if (Date.now() > deadline) throw new Failed(`${done.length} of ${count} deliveries were completed in time`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function completed(server, source) {
  const all = [];
  let cursor = "";
  do {
    const path = `/api/v1/sources/${source.id}/deliveries?status=completed&limit=${PAGE}${cursor}`;
    const page = await server.request("GET", path);
    all.push(...page.data);
    cursor = page.next_cursor === null ? undefined : `&cursor=${encodeURIComponent(page.next_cursor)}`;
  } while (cursor !== undefined);
  return all;
}

/** A delivery with its text for agents and the messages of its session, oldest first. */
export async function inspected(server, delivery) {
  const detail = await server.request("GET", `/api/v1/inbound-deliveries/${delivery.id}`);
  const path = `/api/v1/sessions/${encodeURIComponent(detail.session_id)}/messages`;
  const { data } = await server.request("GET", path);
  return { ...detail, messages: data.toReversed() };
}

/** Each of `{ name, found }` tells its agent what arrived where, and has been answered in a session of its own. */
export function checkTold(source, things) {
  const named = ({ name }) => name;
  checkEach("the text begins with what arrived where", things, named, ({ found }) => {
    const lines = [
      "Webhook delivery received.",
      "",
      `Webhook: ${source.name} (${source.public_id})`,
      `Source: ${source.profile}`,
      ...(found.event_type === null ? [] : [`Event: ${found.event_type}`]),
      ...(found.dedup_key === null ? [] : [`Delivery: ${found.dedup_key}`]),
      `Received: ${found.received_at.slice(0, "2026-01-01T00:00:00".length)}Z`,
      "",
      "---",
      "",
      "",
    ];
    return found.normalized.startsWith(lines.join("\n"));
  });
  checkEach("the session has the text and an answer", things, named, ({ found }) => {
    const [told, answer, ...more] = found.messages;
    return told?.content === found.normalized && answer?.role === "assistant" && more.length === 0;
  });
  const sessions = new Set(things.map(({ found }) => found.session_id));
  check("no two of them share a session", sessions.size === things.length);
}
