"""Speaks with connbench (docs/programs.md): reads a wave, reports what became of its attempts, and has what every
Python connector needs around its connects."""

import errno
import json
import os
import platform
import re
import socket
import struct
import sys
import time

now = time.monotonic_ns  # CLOCK_MONOTONIC
CLOSE = ["rst", "fin", "hold"]
# Seen of asyncio; libuv does the same.
MISLEADING = [{"target": "host-unreachable", "reason": "takes SO_ERROR 0 for success (docs/connect.md)"}]


class Wave:
    """What connbench wants to be connected, and what became of it."""

    def __init__(self, wanted, origin=0):
        self.attempts, self.in_flight = wanted["attempts"], wanted["in_flight"]
        self.timeout = wanted["timeout_ns"] / 1e9  # of each attempt, in seconds, as Python counts time
        self._hosts, self._route = wanted["hosts"], wanted.get("route")
        self._schedule, self._origin = wanted.get("schedule_ns"), origin
        self._close = wanted["close"]
        self._records, self._held = [None] * self.attempts, []

    def host(self, attempt):
        """The address of an attempt: (ip, port)."""
        index = self._route[attempt] if self._route else attempt % len(self._hosts)
        first = self._hosts[index][0]
        return first["ip"], first["port"]

    def until_due(self, attempt):
        """How long to wait until an attempt is due, in seconds; 0 if it is."""
        return max(0, self._origin + self._schedule[attempt] - now()) / 1e9 if self._schedule else 0

    def connected(self, attempt, started, finished, sock, close):
        """Records a connection, and closes it with `close` as the wave wants it."""
        self._records[attempt] = (started, finished, None)
        if self._close == "hold":
            self._held.append(close)
            return
        if self._close == "rst":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        close()

    def failed(self, attempt, started, finished, error):
        """Records what an attempt raised."""
        self._records[attempt] = (started, finished, error)

    def close_held(self):
        for close in self._held:
            close()

    def report(self):
        for i, record in enumerate(self._records):
            if record is None:
                print(i, "0 0 cancelled")
            else:
                started, finished, error = record
                print(i, started, finished, outcome(error) if error else "connected")
        print("end", flush=True)


def outcome(error):
    """An exception in the protocol's words, with the stage if known."""
    number = getattr(error, "errno", None)
    if number in errno.errorcode:
        return errno.errorcode[number]
    if isinstance(error, TimeoutError):
        return "timeout"
    if type(error).__name__ in ("CancelledError", "GreenletExit"):
        return "cancelled"
    if "can't start new thread" in str(error):
        return "EAGAIN spawn"  # the only error of pthread_create() that threads meet; Python hides it
    return "other:" + re.sub(r"\s+", "-", f"{type(error).__name__}:{error}")[:100]


def next_line():
    """The next line from stdin, not a byte more, so that a selector still sees what follows. b"": it is closed."""
    os.set_blocking(0, True)  # libuv changes it, to watch it
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def run(description, drive):
    """Speaks the protocol. drive(wave) makes the attempts of a wave, and returns when all have ended and it has called
    wave.close_held(). While it runs, anything that arrives on stdin means that the wave is to end: it then gives up
    what is pending."""
    if sys.argv[1:] == ["--describe"]:
        print(json.dumps({"protocol": 1, "language": "Python", "version": platform.python_version(), **description}))
        return
    with open(0, "rb", buffering=1 << 20, closefd=False) as lines:
        wanted = json.loads(lines.readline())  # connbench writes no more until it has read "ready"
    if "warm_up" in wanted:
        drive(Wave(wanted["warm_up"]))
    print('ready {"clock_error_ns": 0}', flush=True)
    start = next_line().split()
    if start[:1] != [b"start"]:
        sys.exit(f"expected start, not {start}")
    wave = Wave(wanted, int(start[1]))
    drive(wave)
    print("done", flush=True)
    while next_line().strip() not in (b"report", b""):
        pass
    wave.report()
