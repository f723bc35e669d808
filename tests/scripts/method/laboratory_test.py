"""Experiments about the method: what they ask connbench to measure, and the tables that they make of it."""

import json
import os
import shlex
import subprocess
import unittest
from pathlib import Path

from connbench_tools.failures import Unusable
from connbench_tools.method import experiments, laboratory, memory
from made_records import Records
from made_runs import ROOT, SIDES, SIDES_FLAG, RunsTest, pretended_answers, wave


class ArgumentsTest(unittest.TestCase):
    """With the program that was built."""

    def setUp(self):
        if "CONNBENCH_BUILD" not in os.environ:
            self.skipTest("CONNBENCH_BUILD names no build")
        self.program = Path(os.environ["CONNBENCH_BUILD"]) / "bin/connbench"

    def test_connbench_accepts_the_arguments_of_every_experiment(self):
        for experiment in experiments.EXPERIMENTS:
            for arguments in dict.fromkeys(experiment.runs):
                command = [self.program, "run", *shlex.split(arguments), "--dry-run"]
                done = subprocess.run(command, capture_output=True, text=True)
                self.assertIn(done.returncode, (0, 3), f"{experiment.name}: {done.stderr}")


class LaboratoryTest(RunsTest):
    def experiment(self, name, *runs):
        """The table of an experiment whose runs have these rows."""
        for place, (rows, facts) in enumerate(runs, 1):
            connectors = list(dict.fromkeys(row["connector"] for row in rows))
            command = ["connbench", "run", "--connector", ",".join(connectors)]
            folder = name if place == 1 else f"{name}-{place}"
            self.run_of(folder, rows, **({"command_line": command} | facts))
        return laboratory.table(name, self.folder)

    @staticmethod
    def waves(connector, rates, target="accepting", **figures):
        shared = {"makespan_ns": 5, "in_flight_mean": 2} | figures
        return [wave(connector, n, target, connects_per_s=rate, **shared) for n, rate in enumerate(rates, 1)]

    def test_every_experiment_has_its_markers_in_the_document_and_each_marker_its_experiment(self):
        text = (ROOT / "docs/method.md").read_text(encoding="utf-8")
        for name in laboratory.names():
            self.assertEqual(text.count(f"<!-- {name}:begin -->"), 1, name)
            self.assertEqual(text.count(f"<!-- {name}:end -->"), 1, name)
            self.assertIn(f"scripts/method {name}", " ".join(text.split()))
        self.assertEqual(text.count(":begin -->"), len(laboratory.names()))

    def test_asks_for_what_exists(self):
        done = subprocess.run([ROOT / "scripts/method"], capture_output=True, text=True)
        self.assertEqual(len(done.stdout.splitlines()), len(laboratory.all_names()))
        done = subprocess.run([ROOT / "scripts/method", "stacks"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown experiment 'stacks': there are memory, races, grpc, noise, ", done.stderr)

    def test_compares_each_row_with_the_first_repetition_by_repetition(self):
        slower = self.waves("blocking-threads+stack:8MiB", [50 * n for n in range(1, 9)], cpu_ns=200)
        rows = self.waves("blocking-threads+stack:64KiB", [100 * n for n in range(1, 9)], cpu_ns=100) + slower
        counted = {"connector": "blocking-threads+stack:8MiB", "attempts": 4, "calls": {"mmap": 8}}
        text = self.experiment("stack", (rows, {"syscalls": [counted]}))
        (line,) = [line for line in text.splitlines() if "8MiB" in line]
        self.assertIn("| 0.50 (0.50–0.50) |", line)
        self.assertIn("| 2.00 (2.00–2.00) |", line)
        self.assertIn("| 2.00 | 0 |", line)
        self.assertTrue(text.endswith("8 repetitions."))

    def test_counts_how_many_equal_rows_would_be_told_apart(self):
        rows = []
        for place, name in enumerate(experiments.names_of("epoll") + experiments.names_of("blocking-threads")):
            drift = [100 + n for n in range(10)]
            rates = [2 * rate for rate in drift] if place == 0 else drift
            rows += self.waves(name, rates, cpu_ns=100)
        text = self.experiment("noise", (rows, {}))
        self.assertIn("| connects/s | 25 | 100 % | 1.00–2.00 | 5 |", text)
        self.assertIn("| client CPU µs | 25 | 0 % | 1.00–1.00 | 0 |", text)

    def test_shows_the_same_rows_near_and_far(self):
        rows = self.waves("epoll", [300]) + self.waves("epoll", [100], "delayed:20ms")
        near, far = self.experiment("distance", (rows, {})).split("20 ms away:")
        self.assertIn("| `epoll` | 300 | - | 2.00 |", near)
        self.assertIn("| `epoll` | 100 | - | 2.00 |", far)

    def test_shows_client_softirq_and_server_for_each_target_and_family(self):
        figures = {"cpu_ns": 2_000_000, "server_cpu_ns": 300_000, "client_softirq_ns": 1_000_000}
        rows = self.waves("epoll", [1], **figures) + self.waves("epoll", [1], **figures, family="unix")
        text = self.experiment("cpu", (rows, {}))
        self.assertIn("| `epoll` on `accepting, 4` | 20.0 | 3.00 | 10.0 |", text)
        self.assertIn("| `epoll` on `accepting, unix` |", text)

    def test_shows_lateness_in_and_out_of_step(self):
        def late(values):
            return [
                wave("poll", n, "blackhole", timeout_ns=timeout, overshoot_p50_ns=value)
                for n, (timeout, value) in enumerate(values, 1)
            ]

        text = self.experiment(
            "arrivals", (late([(10_000_000, 20_000), (10_500_000, 86_000)]), {}), (late([(10_000_000, 80_000)]), {})
        )
        self.assertIn("uniform, 10.5 ms: p50", text)
        self.assertIn("| `poll` | 20.0 | 86.0 | 80.0 |", text)

    def test_compares_the_last_tenth_of_a_wave_with_the_first_run_by_run(self):
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("numpy is missing")
        # Runs to another host and on loopback in turn; only the former get slower.
        for number in range(16):
            slower = 1500 if number % 2 == 0 else 1000
            times = [1000 * (number // 2 + 1)] * 90 + [slower * (number // 2 + 1)] * 10
            run = Records().wave("epoll+close:fin", times=times)
            run.write(self.folder / ("ports" if number == 0 else f"ports-{number + 1}"))
        text = laboratory.table("ports", self.folder)
        same = "4.00 (1.00–8.00) | equal (1.00–1.00)"
        self.assertIn(f"| 26–32 % | {same} | {same} |", text)
        self.assertIn(f"| 57–64 % | 6.00 (1.50–12.0) | 1.50 (1.50–1.50) | {same} |", text)
        self.assertTrue(text.endswith("16 runs."))

    def test_compares_paces_with_the_closed_loop_whatever_the_order_of_the_runs(self):
        for place, arguments in enumerate(next(one for one in experiments.EXPERIMENTS if one.name == "pace").runs, 1):
            slow = "500/s" in arguments and "--spin " not in arguments + " "
            self.run_of(
                "pace" if place == 1 else f"pace-{place}", [wave("blocking", 1, p50_ns=20_000 if slow else 10_000)]
            )
        text = laboratory.table("pace", self.folder)
        self.assertIn("| closed loop | client and server | 10.0 (10.0–10.0) | - |", text)
        self.assertIn("| 500/s | client and server | 20.0 (20.0–20.0) | 2.00 (2.00–2.00) |", text)
        self.assertIn("| 3000/s | client and server | 10.0 (10.0–10.0) | equal (1.00–1.00) |", text)

    def test_adds_up_what_process_and_kernel_hold(self):
        def entry(name, process, slab, stacks):
            parts = dict(zip(memory.PARTS, (process, slab, stacks, 10)))
            return {"name": f"floor/pending_bytes/{name}/iterations:1", "run_type": "iteration"} | parts

        entries = [entry("epoll", 90, 4900, 0), entry("blocking-threads", 9000, 14000, 16990)]
        (self.folder / "memory.json").write_text(json.dumps({"benchmarks": entries}))
        text = laboratory.table("memory", self.folder)
        self.assertIn(
            "| `blocking-threads` | 9,000 | 14,000 | 17,000 | 10 | 40,000 (40,000–40,000) | 100.0 | 8.0 |", text
        )

    def test_measures_what_it_was_asked_for_and_refuses_a_run_that_broke(self):
        programs = self.folder / "bin"
        programs.mkdir()
        pretended_answers(programs, ("epoll", True), cpus=SIDES)
        program = programs / "connbench"
        answer = 'case "$*" in "doctor --format json") cat "${0%/*}/doctor.json"; exit ;; esac\n'
        program.write_text(f'#!/bin/sh\n{answer}echo "$*" >> "${{0%/*}}/asked"; exit 5\n')
        program.chmod(0o755)
        with self.assertRaisesRegex(Unusable, "ended with 5"):
            laboratory.measure("distance", programs, self.folder / "out", quick=True)
        asked = (programs / "asked").read_text()
        self.assertIn("--attempts 64 --repetitions 2", asked)
        self.assertIn(SIDES_FLAG, asked)

    def test_replaces_only_the_table_of_its_experiment(self):
        document = self.folder / "method.md"
        document.write_text(
            "a\n<!-- stack:begin -->\nold\n<!-- stack:end -->\n<!-- cpu:begin -->\nkept\n<!-- cpu:end -->\n"
        )
        laboratory.write(document, "stack", "new \\1")
        self.assertEqual(
            document.read_text(),
            "a\n<!-- stack:begin -->\nnew \\1\n<!-- stack:end -->\n<!-- cpu:begin -->\nkept\n<!-- cpu:end -->\n",
        )
        with self.assertRaisesRegex(Unusable, "needs one <!-- close:begin -->"):
            laboratory.write(document, "close", "new")
