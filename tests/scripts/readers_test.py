"""The files of a real run (CONNBENCH_BUILD), read the way other programs read them.

The rules of each reader are written out here; compare.py of Google Benchmark itself is run.
"""

import datetime
import json
import math
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from connbench_tools import ROOT
from history.history_test import otava_reads

BUILD = os.environ.get("CONNBENCH_BUILD", "")
CONNBENCH = Path(BUILD) / "bin/connbench"
COMPARE = Path("/usr/share/benchmark/compare.py")  # of libbenchmark-tools
PYTHON = "/usr/bin/python3"  # the distribution's interpreter has the modules that compare.py imports
LOAD = [
    "--connector",
    "epoll,poll+close:fin",
    "--target",
    "accepting,backlog-full",
    "--family",
    "4,unix",
    "--concurrency",
    "64",
    "--attempts",
    "64",
    "--timeout",
    "30ms,40ms",
    "--repetitions",
    "3",
    "--syscalls",
    "off",
]
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def strictly(text):
    """JSON as browsers and Rust read it: without NaN, Infinity and duplicate keys."""

    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    def unique(pairs):
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def github_action_benchmark(text):
    """tool: googlecpp. Name, value and unit go into a page of charts by name."""
    benches = []
    for entry in strictly(text)["benchmarks"]:
        for key in ("name", "real_time", "time_unit", "iterations", "cpu_time", "threads"):
            assert key in entry, f"{key} would be shown as undefined"
        benches.append((entry["name"], entry["real_time"], entry["time_unit"] + "/iter"))
    return benches


def bencher(text):
    """cpp_google. context.caches is a list of objects; a name is 1 to 1,024 bytes without blanks at its ends; a time
    is a decimal number of at most 28 digits (96 bits)."""
    document = strictly(text)
    assert all(isinstance(cache, dict) for cache in document["context"]["caches"])
    metrics = {}
    for entry in document["benchmarks"]:
        name, value = entry["name"], entry["real_time"]
        assert 0 < len(name.encode()) <= 1024 and name.strip() == name, name
        assert isinstance(value, (int, float)) and NUMBER.fullmatch(repr(value)) and abs(value) < 7.9e28, value
        scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[entry["time_unit"]]
        metrics.setdefault(name, []).append(value * scale)
    return metrics


@unittest.skipUnless(CONNBENCH.exists(), "no build (CONNBENCH_BUILD)")
class Readers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        for name in ("a", "b"):
            ended = subprocess.run(
                [CONNBENCH, "run", *LOAD, "--out", cls.folder / name], capture_output=True, text=True
            )
            assert ended.returncode == 0, ended.stdout + ended.stderr
        cls.raw, cls.aggregate = (
            (cls.folder / "a" / file).read_text(encoding="utf-8")
            for file in ("benchmark.json", "benchmark-aggregate.json")
        )

    def test_each_percentile_has_its_own_entry(self):
        names = {entry["name"] for entry in strictly(self.aggregate)["benchmarks"]}
        case = "connect/epoll/accepting/concurrency:64"
        self.assertLessEqual(
            {f"{case}/{figure}" for figure in ("p50", "p90", "max", "time_per_connect", "cpu_per_attempt")}, names
        )
        self.assertIn("connect/poll+close:fin/backlog-full/concurrency:64/timeout:40ms/overshoot_p50", names)
        self.assertIn("connect/poll+close:fin/accepting/concurrency:64/family:unix/p50", names)
        self.assertFalse([name for name in names if re.search(r"_(mean|cv|stddev|BigO|RMS)$", name)])

    def test_github_action_benchmark_finds_each_name_once_in_the_aggregate(self):
        benches = github_action_benchmark(self.aggregate)
        self.assertEqual(len({name for name, _, _ in benches}), len(benches))
        self.assertTrue(all(math.isfinite(value) and unit == "ns/iter" for _, value, unit in benches))

    def test_github_action_benchmark_reads_the_raw_file_too(self):
        self.assertEqual(
            {name for name, _, _ in github_action_benchmark(self.raw)},
            {name for name, _, _ in github_action_benchmark(self.aggregate)},
        )

    def test_bencher_reads_both(self):
        aggregate, raw = bencher(self.aggregate), bencher(self.raw)
        self.assertEqual(aggregate.keys(), raw.keys())
        for name, values in aggregate.items():
            self.assertEqual(len(values), 1, name)
            self.assertLessEqual(min(raw[name]), values[0])
            self.assertLessEqual(values[0], max(raw[name]))

    def test_the_context_of_google_benchmark_is_complete(self):
        context = strictly(self.raw)["context"]
        for key in (
            "date",
            "host_name",
            "executable",
            "num_cpus",
            "cpu_scaling_enabled",
            "caches",
            "library_build_type",
        ):
            self.assertIn(key, context)
        datetime.datetime.fromisoformat(context["date"])

    def compare(self, file, *more):
        if not COMPARE.exists():
            self.skipTest("libbenchmark-tools is not installed")
        command = [
            PYTHON,
            COMPARE,
            "--no-color",
            *more,
            "benchmarks",
            self.folder / "a" / file,
            self.folder / "b" / file,
        ]
        ended = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        return ended.stdout

    def test_compare_py_compares_every_name_and_every_repetition(self):
        said = self.compare("benchmark.json")
        rows = [line.split()[0] for line in said.splitlines() if line.startswith("connect/")]
        expected = [entry["name"] for entry in strictly(self.raw)["benchmarks"]]
        self.assertEqual(sorted(row for row in rows if not row.endswith("_pvalue")), sorted(expected))
        tested = {row.removesuffix("_pvalue") for row in rows if row.endswith("_pvalue")}
        self.assertEqual(tested, set(expected))
        self.assertIn("U Test, Repetitions: 3 vs 3", said)

    def test_compare_py_reads_the_aggregate(self):
        said = self.compare("benchmark-aggregate.json", "-a")
        names = {entry["name"] for entry in strictly(self.aggregate)["benchmarks"]}
        self.assertLessEqual(names, {line.split()[0] for line in said.splitlines() if line})

    def test_otava_reads_the_history_of_two_runs(self):
        if "unknown" in (self.folder / "a/run.json").read_text():
            self.skipTest("the build does not know its commit")
        file = self.folder / "history.csv"
        for run in ("b", "a"):
            done = subprocess.run(
                [ROOT / "scripts/history", self.folder / run, "--file", file, "--branch", "main"],
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
        rows = otava_reads(file, ["epoll_p50_us", "poll_close_fin_backlog_full_timeout_40ms_overshoot_p50_us"])
        self.assertEqual(len(rows), 2)
        self.assertEqual(rows, sorted(rows))
