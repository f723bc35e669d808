"""The gate with the real program, briefly (CONNBENCH_BUILD). The tests assert no speeds, only that measurements become
verdicts and that nothing is left behind."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from connbench_tools import ROOT
from connbench_tools.gate import collect, pairs, suite

BUILD = Path(os.environ.get("CONNBENCH_BUILD", ROOT / "build/release")).resolve()


class GateInEarnestTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_gives_a_verdict_for_each_figure_of_two_copies_of_the_program(self):
        for side in ("base", "head"):
            (self.folder / side / "bin").mkdir(parents=True)
            shutil.copy2(BUILD / "bin/connbench", self.folder / side / "bin")
        command = [
            ROOT / "scripts/regress",
            "--base-build",
            self.folder / "base",
            "--head-build",
            self.folder / "head",
            "--pairs",
            "2",
            "--no-exact",
            "--out",
            self.folder / "out",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 4), done.stdout + done.stderr)
        with open(self.folder / "out/verdicts.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertLessEqual({row["verdict"] for row in rows}, {"same", "unstable"}, "two pairs cannot prove a change")
        lacking = [load for load in suite.LOADS if f"the load '{load}'" in done.stdout]
        self.assertIn(
            ("epoll/accepting/concurrency:64/timeout:5s", "connects_per_s"),
            {(row["benchmark"], row["metric"]) for row in rows},
        )
        self.assertEqual({suite.load_of(row["benchmark"]) for row in rows}, suite.LOADS.keys() - set(lacking))
        (group,) = pairs.read(self.folder / "out/pairs.csv").values()
        self.assertEqual(len(group[0].values), len(rows))

    def test_the_shim_delays_connect_by_the_given_time(self):
        shim = self.folder / "slow_connect.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", collect.SHIM, "-o", shim, "-ldl"], check=True)
        delay = 2_000_000
        run = [
            BUILD / "bin/connbench",
            "run",
            "--connector",
            "epoll,io-uring",
            "--attempts",
            "20",
            "--concurrency",
            "1",
            "--repetitions",
            "1",
            "--syscalls",
            "off",
            "--out",
            self.folder / "run",
        ]
        environment = {"LD_PRELOAD": str(shim), "SLOW_CONNECT_NS": str(delay), "PATH": "/usr/bin"}
        subprocess.run(run, check=True, capture_output=True, env=environment)
        with open(self.folder / "run/samples.csv", newline="") as file:
            took = {row["connector"]: [] for row in csv.DictReader(file)}
            file.seek(0)
            for row in csv.DictReader(file):
                took[row["connector"]].append(int(row["finished_ns"]) - int(row["started_ns"]))
        self.assertGreaterEqual(min(took["epoll"]), delay)
        if "io-uring" in took:
            self.assertLess(min(took["io-uring"]), delay, "io_uring connects inside the kernel")

    @mock.patch.object(collect, "CALIBRATING", 1)
    def test_a_collection_keeps_every_pair_and_can_be_continued(self):
        given = SimpleNamespace(build=BUILD, minutes=0.005, pairs_file=self.folder / "kept/pairs.csv")
        if suite.lacking(suite.Side("base", BUILD / "bin"), self.folder):
            self.skipTest("this machine cannot be given the whole suite (connbench doctor says why)")
        said = []
        for turn in (1, 2):
            collect.collect(given, said.append, lambda text: None)
            groups = pairs.read(given.pairs_file)
            self.assertGreaterEqual(len(groups["same"]), turn)
        facts = json.loads(given.pairs_file.with_name("collection.json").read_text())
        self.assertEqual(facts["broken"], [])
        self.assertEqual(facts["delays_ns"].keys(), {"+2%", "+5%", "+10%", "+20%"})
        self.assertIn(f"A delay of 1 % is {facts['delays_ns']['+10%'] / 10:.0f} ns of ", said[-1])
