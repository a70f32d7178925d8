// What every check needs: a posthouse of its own, a key for it, requests to it, and a receiver.
// The binary comes from POSTHOUSE_BIN. Nothing here waits by sleeping.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
const REQUEST_MS_MAX = 30_000;
const DELIVERY_MS_MAX = 30_000;
const LOG_LINES_SHOWN = 40;
const SHOWN_MAX = 5;

/** A check that did not hold. */
export class Failed extends Error {}

/** Prints what holds, or stops with what does not. */
export function check(what, holds) {
  if (!holds) throw new Failed(what);
  console.log(`     ok: ${what}`);
}

/** Prints what holds of each of many things, or stops with those of which it does not; `named` says which they are. */
export function checkEach(what, things, named, holds) {
  const wrong = things.filter((thing) => !holds(thing)).map(named);
  const more = wrong.length > SHOWN_MAX ? [`and ${wrong.length - SHOWN_MAX} more`] : [];
  if (wrong.length > 0) throw new Failed(`${what}: not ${[...wrong.slice(0, SHOWN_MAX), ...more].join("; ")}`);
  check(`${what}: ${things.length} of ${things.length}`, things.length > 0);
}

/**
 * Runs a check with a server and a receiver, and ends the process with its result. The environment is set beside ours,
 * for settings that only some checks need.
 */
export async function main(body, environment = {}) {
  const receiver = await Receiver.start();
  const server = new Server(environment);
  try {
    await server.start();
    await body(server, receiver);
  } catch (error) {
    server.showLog();
    console.error(error instanceof Failed ? `     FAILED: ${error.message}` : error);
    process.exitCode = 1;
  } finally {
    await server.stop();
    receiver.stop();
  }
}

/** A posthouse on a temporary folder, with one tenant and a key that may do everything. */
class Server {
  #scratch = mkdtempSync(join(tmpdir(), "posthouse-clients-"));
  #log = openSync(join(this.#scratch, "log"), "a");
  #process;
  #environment;

  constructor(environment) {
    this.#environment = { ...process.env, ...environment };
  }

  async start() {
    const binary = process.env.POSTHOUSE_BIN;
    const data = join(this.#scratch, "data");
    const create = ["keys", "create", "--data", data, "--tenant", "acme", "--environment", "live"];
    const printed = execFileSync(binary, [...create, "--capabilities", "all", "--output", "json"], {
      stdio: ["ignore", "pipe", this.#log],
      timeout: READY_MS_MAX,
    });
    this.key = JSON.parse(printed).key;

    const serve = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--log", "warn", "--allow-private-targets"];
    const options = { stdio: ["ignore", "pipe", this.#log], env: this.#environment };
    this.#process = spawn(binary, serve, options);
    const lines = createInterface({ input: this.#process.stdout });
    const ready = once(lines, "line").then(([line]) => JSON.parse(line).address);
    const ended = once(this.#process, "exit").then(([code]) => {
      throw new Failed(`\`posthouse serve\` ended with ${code}`);
    });
    // When it ends later, that is our doing.
    ended.catch(() => {});
    const address = await within(READY_MS_MAX, "the server did not print its address", Promise.race([ready, ended]));
    this.base = `http://${address}`;
  }

  /** Sends JSON (a string goes as it is); returns the parsed answer and insists on a 2xx. */
  async request(method, path, body) {
    const response = await fetch(this.base + path, {
      method,
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const text = await response.text();
    if (!response.ok) throw new Failed(`${method} ${path} answered ${response.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  createEndpoint(url) {
    return this.request("POST", "/api/v1/endpoints", { url });
  }

  /** Publishes a payload exactly as it is written: it is never parsed here. */
  publish(type, payload) {
    return this.request("POST", "/api/v1/events", `{"type":${JSON.stringify(type)},"payload":${payload}}`);
  }

  /** What the server has said. */
  log() {
    return readFileSync(join(this.#scratch, "log"), "utf8");
  }

  showLog() {
    const lines = this.log().trimEnd().split("\n");
    console.error(lines.slice(-LOG_LINES_SHOWN).join("\n"));
  }

  async stop() {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await within(STOP_MS_MAX, "the server did not stop when asked", ended).catch((error) => {
        console.error(`     ${error.message}`);
        child.kill("SIGKILL");
      });
    }
    closeSync(this.#log);
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

/** Takes whatever is posted to it and answers 200. */
class Receiver {
  #arrived = [];
  #waiting = [];

  static async start() {
    const receiver = new Receiver();
    receiver.server = createServer((request, response) => receiver.#take(request, response));
    receiver.server.listen(0, "127.0.0.1");
    await once(receiver.server, "listening");
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/hook`;
    return receiver;
  }

  async #take(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.writeHead(200).end();
    const delivery = { headers: request.headers, body: Buffer.concat(chunks).toString("utf8") };
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#arrived.push(delivery);
    else waiter(delivery);
  }

  /** The next delivery, in order of arrival. */
  next() {
    const delivery = this.#arrived.shift();
    if (delivery !== undefined) return Promise.resolve(delivery);
    const arrival = new Promise((resolve) => this.#waiting.push(resolve));
    return within(DELIVERY_MS_MAX, "nothing was delivered in time", arrival);
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** The promise's value, or a failure when it takes too long. */
function within(ms, what, promise) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Failed(`${what} (${ms / 1000} s)`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
