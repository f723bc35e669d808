// net.connect() and a timer for each attempt; with several addresses, autoSelectFamily. Also runs in Bun.
import net from "node:net";
import process from "node:process";
import { now, outcomeOf, run } from "./protocol.mjs";

const bun = process.versions.bun;
// Bun reports a failed connect as ECONNREFUSED, whatever the errno was.
const misleading = ["net-unreachable", "host-unreachable", "prohibited", "no-arp"].map((target) => ({
  target,
  reason: "Bun reports ECONNREFUSED whatever the errno was",
}));

function connect(wave, attempt, onEnd) {
  const addresses = wave.host(attempt);
  const { ip: host, port } = addresses[0];
  const all = addresses.map(({ ip: address }) => ({ address, family: net.isIP(address) }));
  const lookup = (_name, _options, found) => found(null, all);
  const started = now();
  const socket = net.connect(
    addresses.length === 1 ? { host, port } : { host: "a-host-with-several-addresses", port, autoSelectFamily: true, lookup },
  );
  const timer = setTimeout(() => fail("timeout"), wave.timeoutMs);
  const fail = (outcome) => {
    wave.failed(attempt, started, now(), outcome);
    clearTimeout(timer);
    socket.destroy();
  };
  socket.once("connect", () => {
    const finished = now();
    clearTimeout(timer);
    wave.connected(attempt, started, finished, socket);
    if (wave.wanted.close === "hold") onEnd(attempt);
  });
  socket.on("error", (error) => {
    if (!wave.records[attempt]) fail(outcomeOf(error));
  });
  socket.once("close", () => onEnd(attempt));
  return () => fail("cancelled");
}

function drive(wave) {
  const pending = new Map(); // what gives up each attempt in flight
  let next = 0;
  let stop;
  const ended = new Promise((resolve) => {
    let due;
    const onEnd = (attempt) => {
      if (pending.delete(attempt)) begin();
    };
    const begin = () => {
      clearTimeout(due);
      for (; next < wave.attempts && pending.size < wave.inFlight; next++) {
        const wait = wave.untilDue(next);
        if (wait > 0) {
          due = setTimeout(begin, wait);
          break;
        }
        pending.set(next, connect(wave, next, onEnd));
      }
      if (pending.size === 0 && next >= wave.attempts) resolve();
    };
    stop = () => {
      next = wave.attempts;
      for (const giveUp of pending.values()) giveUp();
      begin();
    };
    begin();
  });
  return { ended, stop };
}

run(
  {
    name: bun ? "bun" : "node",
    summary: "net.connect() with a timer; autoSelectFamily for several addresses",
    language: bun ? "Bun" : "Node.js",
    version: bun ?? process.versions.node,
    libraries: bun ? [] : [{ name: "libuv", version: process.versions.uv }],
    families: ["4", "6"],
    granularity_ns: 1e6,
    early_ns: bun ? 0 : 2e6, // libuv cuts its clock to milliseconds, and may read a coarse one
    uses_all_addresses: true,
    close: ["rst", "fin", "hold"],
    misleading: bun
      ? misleading
      : [{ target: "host-unreachable", reason: "libuv takes SO_ERROR 0 for success (docs/connect.md)" }],
    steered_by: ["NODE_OPTIONS", "UV_THREADPOOL_SIZE", "UV_USE_IO_URING"],
  },
  drive,
);
