"""What a study reads from its records: each figure from its own step, round, case and column."""

import tempfile
import unittest
from pathlib import Path

from connbench_tools.study import finished, judge
from connbench_tools.study.chart import Bars, Lines, as_json
from connbench_tools.study.finished import Finished, bar
from connbench_tools.study.page import _commands
from connbench_tools.study.plan import Lacking
from made_records import Records


class FinishedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.entries = Path(folder.name), []

    def step(self, name, *runs):
        for place, run in enumerate(runs, 1):
            folder = f"{name}-{place}"
            run.write(self.folder / folder)
            self.entries.append({"name": name, "folder": folder, "command": f"run {place}", "why_not": None})

    def finished(self):
        return Finished(self.folder, self.entries)

    def test_each_figure_of_a_wave_comes_from_its_own_column(self):
        columns = {"p50_ns": 1, "p99_ns": 2, "max_ns": 3, "overshoot_p50_ns": 4, "overshoot_p99_ns": 5}
        columns |= {"rss_peak_kib": 6, "threads_peak": 7, "syscalls": 8, "connects_per_s": 9, "cpu_ns": 40}
        self.step("a", Records().wave("epoll", times=[9] * 3, failed=1, **columns))
        (row,) = self.finished().rows("a")
        names = "p50 p99 longest late_p50 late_p99 memory_kib threads syscalls rate cpu".split()
        self.assertEqual([getattr(finished, name)(row) for name in names], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        self.assertEqual(finished.share_of("refused")(row), 0.25)

    def test_the_busiest_step_decides_whether_the_machine_was_busy(self):
        def run(ready, processors):
            return Records(fitness={"ready_threads": ready, "processors": processors})

        self.assertEqual(self.finished().others_ready(), (0.0, 1))
        self.step("a", run(1.0, 8), run(5.0, 8))
        self.step("b", run(0.5, 1), run(1.5, 1), run(2.5, 1))
        self.step("c", run(None, None))
        self.assertEqual(self.finished().others_ready(), (1.5, 1))

    def test_rounds_are_repetitions_and_other_cases_are_left_out(self):
        for name, rates in (("a", (30, 10, 20)), ("b", (7,))):
            runs = [Records().wave("epoll", times=[9], connects_per_s=rate) for rate in rates]
            for run in runs:
                run.wave("epoll", target="refusing", connects_per_s=99).wave("poll", connects_per_s=88)
            self.step(name, *runs)
        which = {"connector": "epoll", "target": "accepting"}
        self.assertEqual(self.finished().figures("a", finished.rate, **which), {1: 30, 2: 10, 3: 20})
        self.assertEqual(self.finished().figures("b", finished.rate, **which), {1: 7})
        self.assertEqual(bar("x", {1: 30, 2: 10, 3: 20}), ("x", 20, 10, 30))

    def test_the_row_of_a_whole_fleet_counts_no_attempt_twice(self):
        run = Records()
        for target, outcome in (("accepting", "connected"), ("blackhole", "deadline_exceeded")):
            run.wave("epoll", target=target, scenario="fleet:x", times=[9] * 3, outcome=outcome)
        run.wave("epoll", target="*", scenario="fleet:x", attempts=6, connected=3, deadline_exceeded=3)
        self.step("a", run)
        counts = self.finished().counts("a", connector="epoll")
        self.assertEqual([counts[key] for key in ("attempts", "connected", "deadline_exceeded")], [6, 3, 3])

    def test_calls_are_per_attempt_and_those_of_their_connector(self):
        counted = [{"connector": "poll", "attempts": 4, "calls": {"close": 9}}, {"connector": "epoll", "calls": None}]
        counted.append({"connector": "epoll", "attempts": 16, "calls": {"close": 16, "poll": 8}})
        self.step("a", Records(syscalls=counted))
        self.assertEqual(self.finished().calls("a", "epoll"), {"close": 1, "poll": 0.5})
        with self.assertRaisesRegex(Lacking, "the system calls of asio were not counted"):
            self.finished().calls("a", "asio")

    def test_most_waves_decide_whether_the_server_was_the_limit(self):
        for name, busy in (("a", 2), ("b", 3)):
            run = Records()
            for repetition in (1, 2, 3, 4, 5):
                used = 0.99 * 10**9 if repetition <= busy else 10**8
                run.wave("epoll", repetition, times=[9], server_cpu_ns=used)
            self.step(name, run)
        self.assertEqual([self.finished().is_server_bound(name, connector="epoll") for name in "ab"], [False, True])

    def test_the_version_is_that_of_the_library_or_of_the_program(self):
        program = {"language": "Rust", "version": "1.9", "libraries": [{"name": "tokio", "version": "1"}]}
        environment = {"libraries": {"libuv": "1.44"}}
        self.step("a", Records(connectors={"tokio": {"program": program}}, environment=environment))
        found = [self.finished().version("a", name) for name in ("tokio", "libuv+x:1", "epoll")]
        self.assertEqual(found, ["Rust 1.9, tokio 1", "1.44", "-"])

    def test_a_step_of_several_rounds_is_one_command(self):
        self.step("a", Records(), Records(), Records())
        self.step("b", Records())
        self.assertEqual(_commands(self.entries), ["run 1  # 3 times, in turns", "run 1"])

    def test_whatever_was_not_measured_is_listed_once(self):
        skip = {"connector": "asio", "target": "accepting", "reason": "not built"}
        failure = {"connector": "poll", "target": "refusing", "failure": "killed"}
        self.step("a", *(Records(skipped=[skip], failures=[failure]) for _ in "12"))
        self.entries[0]["unknown"] = ["odd"]
        self.entries.append({"name": "b", "folder": "b", "command": "run", "why_not": "no network"})
        wanted = ["odd: this connbench has none", "asio on accepting: not built", "poll on refusing failed: killed"]
        self.assertEqual(judge._not_done(self.folder, self.entries), [*wanted, "b: no network"])
        self.entries[0]["unknown"] = [f"n{number}" for number in range(judge.MOST_NOTES)]
        self.assertEqual(judge._not_done(self.folder, self.entries)[-1], "and 3 more: see run.json of the steps")

    def test_a_chart_keeps_its_axis_its_unit_and_its_ranges(self):
        for log in (False, True):
            bars = as_json(Bars("t", "ns", [("a", 2, 1, 3), ("b", None, None, None)], log))
            common = {"title": "t", "unit": "ns", "log": log}
            self.assertEqual(bars, common | {"bars": [["a", 2, 1, 3], ["b", None, None, None]]})
            lines = as_json(Lines("t", "ns", "n", {"s": [(1, 2), (3, 4)]}, log))
            self.assertEqual(lines, common | {"x": "n", "series": {"s": [[1, 2], [3, 4]]}})
