// Speaks with connbench (docs/programs.md): reads a wave, reports what became of its attempts, and has what every
// JavaScript connector needs around its connects.
import process from "node:process";
import { createInterface } from "node:readline";

// hrtime is CLOCK_MONOTONIC in Node.js; Bun counts from its own start.
const { offset, clockError } = process.versions.bun
  ? (await import("./clock_of_bun.mjs")).relate()
  : { offset: 0n, clockError: 0 };
export const now = () => process.hrtime.bigint() + offset;

/** What connbench wants to be connected, and what became of it. */
class Wave {
  constructor(wanted, origin = 0n) {
    Object.assign(this, { attempts: wanted.attempts, inFlight: wanted.in_flight, wanted, origin });
    this.timeoutMs = Math.ceil(wanted.timeout_ns / 1e6); // timers count whole milliseconds
    this.records = new Array(wanted.attempts);
    this.held = [];
  }

  /** The addresses of an attempt. */
  host(attempt) {
    const { hosts, route } = this.wanted;
    return hosts[route ? route[attempt] : attempt % hosts.length];
  }

  /** How long until an attempt is due, in milliseconds; 0 if it is. */
  untilDue(attempt) {
    if (!this.wanted.schedule_ns) return 0;
    return Math.max(0, Number(this.origin + BigInt(this.wanted.schedule_ns[attempt]) - now()) / 1e6);
  }

  connected(attempt, started, finished, socket) {
    this.records[attempt] = [started, finished, "connected"];
    if (this.wanted.close === "hold") this.held.push(socket);
    else if (this.wanted.close === "rst") socket.resetAndDestroy();
    else socket.destroy();
  }

  failed(attempt, started, finished, outcome) {
    this.records[attempt] = [started, finished, outcome];
  }

  report() {
    const line = (record, i) => `${i} ${(record ?? [0, 0, "cancelled"]).join(" ")}\n`;
    process.stdout.write([...this.records].map((record, i) => line(record, i)).join("") + "end\n");
  }
}

/** An error in the protocol's words: its code is the errno's name. */
export function outcomeOf(error) {
  return /^E[A-Z0-9]+$/.test(error.code ?? "") ? error.code : `other:${error.code ?? error.message}`.replace(/\s+/g, "-");
}

/** Speaks the protocol. drive(wave) returns a promise and a function that gives up what is pending. */
export async function run(description, drive) {
  if (process.argv[2] === "--describe") {
    process.stdout.write(JSON.stringify({ protocol: 1, ...description }) + "\n");
    return;
  }
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value?.trim(); // undefined: stdin is closed
  const wanted = JSON.parse(await next());
  if (wanted.warm_up) {
    const warmUp = new Wave(wanted.warm_up);
    await drive(warmUp).ended;
    for (const socket of warmUp.held) socket.destroy();
  }
  process.stdout.write(`ready {"clock_error_ns": ${clockError}}\n`);
  const [word, origin] = (await next())?.split(" ") ?? [];
  if (word !== "start") throw new Error(`expected start, not ${word}`);
  const wave = new Wave(wanted, BigInt(origin));
  const { ended, stop } = drive(wave);
  let line = next();
  const stopped = line.then((text) => text === "report" || stop());
  await ended;
  const closed = wave.held.map((socket) => new Promise((resolve) => socket.once("close", resolve).destroy()));
  await Promise.all(closed);
  process.stdout.write("done\n");
  await stopped;
  if ((await line) === "stop") await next();
  wave.report();
  process.stdin.destroy();
}
