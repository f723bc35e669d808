"""Run folders that are made for the tests of scripts/table, scripts/compare and scripts/regress."""

import csv
import importlib.machinery
import importlib.util
import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts"))

ENVIRONMENT = {
    "kernel": {"release": "6.1"},
    "cpu": {"model": "Abacus", "online": [0, 1]},
    "build": {"git_commit": "abc"},
}
COLUMNS = (
    "scenario connector target family concurrency shards timeout_ns repetition wave attempts connected makespan_ns "
    "connects_per_s p50_ns p90_ns overshoot_p50_ns overshoot_p90_ns overshoot_p99_ns added_p50_ns added_p99_ns cpu_ns threads_peak voluntary_switches "
    "involuntary_switches syscalls"
).split()


def script(name):
    """A script without an ending, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "scripts" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


def wave(connector, number, target="accepting", **figures):
    row = dict.fromkeys(COLUMNS, "")
    row |= {"scenario": "burst", "connector": connector, "target": target, "family": 4, "concurrency": 8}
    row |= {"timeout_ns": 10**9, "repetition": number, "wave": number, "attempts": 100, "connected": 100}
    return row | figures


class RunsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_of(self, name, rows, **facts):
        folder = self.folder / name
        folder.mkdir()
        run = {"schema_version": 1, "complete": True, "environment": ENVIRONMENT, "skipped": [], "failures": []}
        run |= {"warnings": [], "command_line": ["connbench", "run"]}
        (folder / "run.json").write_text(json.dumps(run | facts))
        with open(folder / "summary.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        return folder
