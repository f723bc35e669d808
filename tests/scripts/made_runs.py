"""Run folders made for the tests of scripts/table, scripts/compare, scripts/regress and the reader of runs."""

import csv
import importlib.machinery
import importlib.util
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

try:
    import jsonschema  # noqa: F401  for the tests
except ImportError:
    print(f"skipped: {sys.executable} has no jsonschema (apt-get install python3-jsonschema)")
    sys.exit(77)

from connbench_tools import ROOT
from connbench_tools.vocabulary import COLUMNS, OUTCOMES, SCHEMA

ENVIRONMENT = {
    "kernel": {"release": "6.1"},
    "cpu": {"model": "Abacus", "online": [0, 1]},
    "build": {"git_commit": "abc"},
}
SUMMARY = COLUMNS["summary.csv"]


def script(name):
    """A script as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def wave(connector, number, target="accepting", **figures):
    """A row of summary.csv."""
    row = dict.fromkeys(SUMMARY, "") | dict.fromkeys(OUTCOMES, 0)
    row |= {"scenario": "burst", "connector": connector, "target": target, "family": 4, "concurrency": 8}
    row |= {"timeout_ns": 10**9, "repetition": number, "wave": number, "attempts": 100, "connected": 100}
    return row | figures


class RunsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_of(self, name, rows, **facts):
        """A run folder with these rows of summary.csv."""
        folder = self.folder / name
        folder.mkdir()
        run = {"schema_version": SCHEMA, "complete": True, "environment": ENVIRONMENT, "skipped": [], "failures": []}
        run |= {"warnings": [], "command_line": ["connbench", "run"]}
        (folder / "run.json").write_text(json.dumps(run | facts))
        with open(folder / "summary.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, SUMMARY)
            writer.writeheader()
            writer.writerows(rows)
        return folder


_CPUS = sorted(os.sched_getaffinity(0))
SIDES = {"client": _CPUS[0], "server": _CPUS[-1]}  # what a pretended doctor advises
SIDES_FLAG = f"--cpus client={_CPUS[0]},server={_CPUS[-1]}"


def pretended_answers(folder, *connectors, cpus=None):
    """Files `list.json` and `doctor.json` as `connbench … --format json` answers, with (name, has_deadline) pairs, or
    triples with other capabilities."""
    listed = [
        {"name": name, "capabilities": {"threads": "none", "has_deadline": deadline} | dict(*more)}
        for name, deadline, *more in connectors
    ]
    (folder / "list.json").write_text(json.dumps({"connectors": listed}))
    (folder / "doctor.json").write_text(json.dumps({"machine": [], "cpus": cpus}))
