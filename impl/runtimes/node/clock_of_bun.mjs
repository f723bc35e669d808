// Where Bun's clock is on CLOCK_MONOTONIC.
import { dlopen, FFIType } from "bun:ffi";
import process from "node:process";

const CLOCK_MONOTONIC = 1;

/** Reads the kernel's clock between two readings of Bun's, and takes the closest pair of many. */
export function relate() {
  const { symbols } = dlopen("libc.so.6", {
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  const time = new BigInt64Array(2);
  let closest = { width: 1n << 62n };
  for (let i = 0; i < 5000; i++) {
    const before = process.hrtime.bigint();
    symbols.clock_gettime(CLOCK_MONOTONIC, time);
    const width = process.hrtime.bigint() - before;
    if (width < closest.width) {
      closest = { width, offset: time[0] * 1_000_000_000n + time[1] - before - width / 2n };
    }
  }
  return { offset: closest.offset, clockError: Number(closest.width / 2n + 1n) };
}
