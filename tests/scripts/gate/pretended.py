"""Pretended builds, whose connbench copies a run that was made before."""

import contextlib
import time
from pathlib import Path

from made_runs import SIDES, RunsTest, pretended_answers, wave

# Answers like connbench: copies the run that was made for the load, and records its arguments.
CONNBENCH = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
  "doctor --format json") cat "$here/doctor.json"; exit 0 ;;
  "list --format json") cat "$here/list.json"; exit 0 ;;
  *--target\\ accepting*) load=rate ;;
  *--target\\ backlog-full*) load=late ;;
  *) load=added ;;
esac
case "$*" in
  *--dry-run*) [ -e "$here/$load" ] && exit 0; echo "connbench: no namespaces here" >&2; exit 3 ;;
esac
echo "$*" >> "$here/asked"
. "$here/before"
for out; do :; done
cp -r "$here/$load" "$out"
"""
LATE = {"scenario": "steady:poisson:4000/s", "target": "backlog-full"}
ADDED = {"scenario": "steady:poisson:2000/s", "target": "delayed:2ms", "connects_per_s": 1990}


class PretendedBuilds(RunsTest):
    CONNECTOR = "epoll"

    def program(self, side, factor=1.0, before="", **facts):
        """A build folder. `before`: shell code that runs before each answer. `factor`: of time and CPU, in relation to
        a factor of 1."""
        (self.folder / side / "bin").mkdir(parents=True)
        place = self.folder / side / "bin"
        own = {"cpu_ns": 3e6 * factor, "makespan_ns": 5e6 * factor, "connects_per_s": 20000 / factor}
        self.run_of(f"{side}/bin/rate", [wave(self.CONNECTOR, number, **own) for number in (1, 2, 3)], **facts)
        self.run_of(
            f"{side}/bin/late",
            [wave(self.CONNECTOR, 1, overshoot_p50_ns=50, overshoot_p90_ns=90, cpu_ns=1, **LATE)],
            **facts,
        )
        self.run_of(f"{side}/bin/added", [wave(self.CONNECTOR, 1, added_p50_ns=40, cpu_ns=1, **ADDED)], **facts)
        (place / "before").write_text(before)
        pretended_answers(place, cpus=SIDES)
        (place / "connbench").write_text(CONNBENCH)
        (place / "connbench").chmod(0o755)
        return self.folder / side


def wait_until_gone(pid):
    """Waits until a process has ended (also a zombie). The test's time limit bounds the wait."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)


def first_of(process, *paths):
    """The first of these files that has a whole line. Child processes of `process` write them."""
    while True:
        for path in paths:
            if path.exists() and path.read_text().endswith("\n"):
                return path
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[1]}")
        time.sleep(0.01)
