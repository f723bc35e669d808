"""Runs connbench with programs as connectors, and finds what they leave behind."""

import csv
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import uuid

import fake_program

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CONNBENCH = BUILD / "bin/connbench"
PATIENCE = 300  # seconds; no test bounds a time more tightly


def example_of_the_page(folder):
    """The complete program of docs/programs.md."""
    page = (ROOT / "docs/programs.md").read_text(encoding="utf-8")
    text = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    return fake_program.write_text(folder / "my-client", text)


def processes_with(mark):
    """The processes whose environment has this text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return found


def left_behind(mark):
    """The processes with this text that do not end: a signal that was sent takes its time."""
    until = time.monotonic() + PATIENCE
    while (found := processes_with(mark)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


class Ran:
    """A run, to its end."""

    def __init__(self, *arguments, variables=None):
        mark = f"CONNBENCH_TEST_MARK={uuid.uuid4()}"
        folder = tempfile.mkdtemp(prefix="connbench-test-")
        name, value = mark.split("=")
        self.ended = subprocess.run(
            [CONNBENCH, "run", "--quiet", "--out", folder + "/out", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, **(variables or {}), name: value},
        )
        self.left = left_behind(mark)
        self.record = {}
        self.rows = []
        out = pathlib.Path(folder, "out")
        if (out / "run.json").exists():
            self.record = json.loads((out / "run.json").read_text(encoding="utf-8"))
            with open(out / "summary.csv", newline="", encoding="utf-8") as file:
                self.rows = list(csv.DictReader(file))
        if (out / "samples.csv").exists():
            with open(out / "samples.csv", newline="", encoding="utf-8") as file:
                self.samples = list(csv.DictReader(file))

    def row(self, connector, **other):
        wanted = {"connector": str(connector), **other}
        return next(row for row in self.rows if all(row[key] == value for key, value in wanted.items()))

    def __str__(self):
        return self.ended.stdout + self.ended.stderr + json.dumps(self.record.get("failures"), indent=1)
