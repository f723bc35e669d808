"""The other side of the protocol of docs/programs.md: a wave, from the start of a program to its records."""

import json
import os
import resource
import select
import subprocess
import tempfile
import time
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
