"""The other side of the protocol of docs/programs.md: a wave, from the start of a program to its records; and hosts for
it, on this machine: one that answers, and one that never does."""

import json
import os
import resource
import select
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple


class Record(NamedTuple):
    id: int
    started: int
    finished: int
    outcome: str
    stage: str


def describe(program):
    return json.loads(subprocess.run([program, "--describe"], stdout=subprocess.PIPE, check=True, timeout=60).stdout)


class Dialogue:
    """A program in a wave. It is ready when the constructor returns, unless the wave is nonsense (bytes)."""

    def __init__(self, program, wave):
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=0
        )
        self._out = b""
        self.wave, self.status, self.origin, self.done, self.clock_error = wave, None, 0, 0, 0
        if isinstance(wave, bytes):
            self._process.stdin.write(wave)
            self._process.stdin.close()
            return
        self.wave = {"protocol": 1, "timeout_ns": 60_000_000_000, "close": "rst", **wave}
        self._send(json.dumps(self.wave))
        ready = self._line()
        assert ready.startswith("ready "), f"{ready!r} instead of ready; {self.errors()}"
        self.clock_error = json.loads(ready[len("ready ") :])["clock_error_ns"]

    def _send(self, line):
        self._process.stdin.write(line.encode() + b"\n")

    def _line(self):
        while b"\n" not in self._out:
            more = self._process.stdout.read(1 << 16)
            assert more, f"stdout is closed after {self._out!r}; {self.errors()}"
            self._out += more
        line, _, self._out = self._out.partition(b"\n")
        return line.decode()

    @property
    def pid(self):
        return self._process.pid

    def start(self):
        self.origin = time.monotonic_ns()
        self._send(f"start {self.origin}")

    def leave_descriptors(self, count):
        """Limits the program to as many descriptors as it has, and some more."""
        pid = self._process.pid
        limit = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1 + count
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))

    def is_silent(self):
        return not self._out and not select.select([self._process.stdout], [], [], 0)[0]

    def is_done_within(self, seconds):
        """Whether it writes something, or ends, before that."""
        return bool(self._out or select.select([self._process.stdout], [], [], seconds)[0])

    def stop(self):
        self._send("stop")

    def close_stdin(self):
        self._process.stdin.close()

    def await_done(self):
        line = self._line()
        self.done = time.monotonic_ns()
        assert line == "done", f"{line!r} instead of done; {self.errors()}"
        assert self.is_silent() or self._process.stdin.closed, "it writes after done without being asked"

    def report(self):
        self._send("report")
        records = []
        while (line := self._line()) != "end":
            number, started, finished, outcome, *stage = line.split()
            records.append(Record(int(number), int(started), int(finished), outcome, *(stage or [""])))
        self.await_end()
        return records

    def await_end(self):
        """Waits for the program's end, and returns its status."""
        self._process.stdout.read()
        self.status = self._process.wait()
        return self.status

    def errors(self):
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def end(self):
        for stream in (self._process.stdin, self._process.stdout):
            stream.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._stderr.close()


def listener(backlog=500, ip="127.0.0.1", port=0):
    server = socket.create_server((ip, port), family=_family(ip), backlog=backlog)
    server.setblocking(False)
    return server


def _family(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def address(server):
    """The host of a listener, as a wave names it."""
    ip, port = server.getsockname()[:2]
    return [{"ip": ip, "port": port}]


def accept_all(server):
    """All connections that a listener has for us."""
    accepted = []
    while True:
        try:
            connection = server.accept()[0]
        except BlockingIOError:
            return accepted
        connection.setblocking(False)
        accepted.append(connection)


class Full:
    """A listener whose backlog is full: it answers no SYN until it is drained."""

    def __init__(self, ip="127.0.0.1", port=0):
        self.server = listener(0, ip, port)
        self.filling = []
        # A kernel takes one connection more than the backlog. The one that stays in SYN_SENT shows that it is full.
        while self.syn_sent() == 0:
            client = socket.socket(self.server.family)
            client.setblocking(False)
            client.connect_ex(self.server.getsockname())
            self.filling.append(client)
        self.filling.pop().close()

    def syn_sent(self):
        """How many sockets are waiting for an answer of this listener."""
        port = self.server.getsockname()[1]
        rows = []
        for table in ("tcp", "tcp6"):  # Java connects to IPv4 by IPv6 sockets
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
            rows += [line.split()[1:4] for line in lines]
        return sum(int(remote.split(":")[1], 16) == port and state == "02" for _, remote, state in rows)

    def drain(self):
        self.server.listen(500)
        self.filling += accept_all(self.server)

    def close(self):
        for each in [*self.filling, self.server]:
            each.close()
