"""What scripts/history makes of runs, read the way Apache Otava imports CSV."""

import csv
import datetime
import json
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import forked
from connbench_tools import ROOT
from connbench_tools.failures import Unusable
from connbench_tools.history.row import column_of
from connbench_tools.vocabulary import SCHEMA
from made_runs import script

BASE = "connect/epoll/accepting/concurrency:64"


def otava_reads(path, metrics, branch=None):
    """Reads the file like Otava's CsvImporter: it finds columns by name; no row may be shorter than the header; every
    metric is a float; without a chosen branch there may be only one. Series keep the order of the file."""
    with open(path, newline="") as file:
        reader = csv.reader(file, delimiter=",", quotechar='"')
        header = next(reader)
        where = [header.index(column) for column in metrics]
        series, branches = [], set()
        for row in reader:
            assert len(row) >= len(header), row
            branches.add(row[header.index("branch")])
            if branch and row[header.index("branch")] != branch:
                continue
            time = datetime.datetime.fromisoformat(row[header.index("time")])
            assert time.tzinfo is not None
            series.append((time, row[header.index("commit")], *[float(row[i]) for i in where]))
        assert branch or len(branches) == 1, "more than one branch"
        return series


class History(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "history/all.csv"

    def run_of(self, day, figures, cpu="Abacus", **facts):
        folder = self.folder / f"run{day}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        run = {
            "schema_version": SCHEMA,
            "complete": True,
            "failures": [],
            "origin": {"realtime_ns": (1_700_000_000 + day * 86400) * 10**9 + 5000, "monotonic_ns": 1},
            "environment": {
                "build": {"git_commit": f"day{day}"},  # no beginning of any commit's name, which has no y
                "cpu": {"model": cpu, "online": [0, 1]},
                "kernel": {"machine": "x86_64"},
            },
        }
        entries = [{"name": f"{BASE}/{figure}", "real_time": ns} for figure, ns in figures.items()]
        (folder / "run.json").write_text(json.dumps(run | facts))
        (folder / "benchmark-aggregate.json").write_text(json.dumps({"benchmarks": entries}))
        return folder

    def history(self, run, *more, status=0, branch="main", file=None):
        done = forked.run(["history", run, "--file", file or self.file, "--branch", branch, *more])
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr if status else done.stdout

    def files(self):
        return sorted(path.name for path in self.file.parent.iterdir())

    def test_has_one_row_per_run_sorted_by_time(self):
        for day, ns in ((1, 1500), (3, 2500), (2, 2000)):
            self.history(self.run_of(day, {"p50": ns, "time_per_connect": 31250.5}))
        self.assertEqual(
            self.file.read_text().splitlines()[0], "time,commit,branch,epoll_p50_us,epoll_time_per_connect_us,machine"
        )
        rows = otava_reads(self.file, ["epoll_p50_us", "epoll_time_per_connect_us"])
        self.assertEqual(
            [row[1:] for row in rows], [("day1", 1.5, 31.2505), ("day2", 2.0, 31.2505), ("day3", 2.5, 31.2505)]
        )
        self.assertEqual(rows, sorted(rows))

    def test_distinguishes_branches(self):
        self.history(self.run_of(1, {"p50": 1000}))
        self.history(self.run_of(2, {"p50": 2000}), branch="faster")
        self.assertEqual(len(otava_reads(self.file, ["epoll_p50_us"], "faster")), 1)

    def test_a_run_of_changed_sources_belongs_to_the_branch_of_its_commit(self):
        history = script("history")
        answers = mock.Mock(commit_of=lambda _: "abcdef123456", ask=lambda *_: "main")
        with mock.patch.object(history, "git", answers):
            for commit in ("abcdef1", "abcdef1-dirty"):
                self.assertEqual(history.current_branch(commit), "main")
            with self.assertRaisesRegex(Unusable, "the run's commit 123-dirty is not checked out here"):
                history.current_branch("123-dirty")

    def test_puts_new_columns_into_another_file_so_that_no_cell_is_empty(self):
        self.history(self.run_of(1, {"p50": 1000}))
        self.history(self.run_of(2, {"p50": 2000, "p99": 9000}))
        self.history(self.run_of(3, {"p50": 3000, "p99": 9500}))
        self.assertEqual(self.files(), ["all-2.csv", "all.csv"])
        self.assertEqual([row[2] for row in otava_reads(self.file, ["epoll_p50_us"])], [1, 2, 3])
        self.assertEqual([row[2] for row in otava_reads(self.file.with_name("all-2.csv"), ["epoll_p99_us"])], [9, 9.5])

    def test_refuses_a_run_that_lacks_columns_unless_they_are_retired(self):
        self.history(self.run_of(1, {"p50": 1000, "p99": 9000}))
        before, run = self.file.read_text(), self.run_of(2, {"p50": 2000})
        self.assertIn("epoll_p99_us", self.history(run, status=2))
        self.assertEqual((self.file.read_text(), self.files()), (before, ["all.csv"]))
        self.assertIn("epoll_p99_us", self.history(run, "--retire"))
        self.assertEqual([row[2] for row in otava_reads(self.file, ["epoll_p50_us"])], [1, 2])
        self.assertNotIn("p99", self.file.read_text())
        self.assertEqual(
            [row[2] for row in otava_reads(self.file.with_name("all-retired-1.csv"), ["epoll_p99_us"])], [9]
        )

    def test_refuses_the_same_run_twice(self):
        run = self.run_of(1, {"p50": 1000})
        self.history(run)
        before = self.file.read_text()
        self.assertIn("has this run already", self.history(run, status=2))
        self.assertEqual(self.file.read_text(), before)

    def test_loses_no_run_when_several_are_appended_at_once(self):
        runs = [self.run_of(day, {"p50": day * 1000}) for day in range(1, 7)]
        command = [ROOT / "scripts/history", "--file", self.file, "--branch", "main"]
        for appending in [subprocess.Popen([*command, run], stdout=subprocess.DEVNULL) for run in runs]:
            self.assertEqual(appending.wait(), 0)
        self.assertEqual([row[2] for row in otava_reads(self.file, ["epoll_p50_us"])], [1, 2, 3, 4, 5, 6])

    def test_continues_after_being_killed_between_two_files(self):
        self.history(self.run_of(1, {"p50": 1000}))
        self.history(self.run_of(2, {"p50": 2000, "p99": 9000}))
        before = self.file.read_text()
        last = self.run_of(3, {"p50": 3000, "p99": 9500})
        self.history(last)
        self.file.write_text(before)  # as if only the other file had been replaced
        self.history(last)
        self.assertEqual(len(otava_reads(self.file, ["epoll_p50_us"])), 3)
        self.assertEqual(len(otava_reads(self.file.with_name("all-2.csv"), ["epoll_p99_us"])), 2)

    def test_refuses_a_run_that_is_not_a_complete_measurement(self):
        figures = {"p50": 1000}
        failure = {"connector": "epoll", "target": "accepting", "failure": "killed by signal 9"}
        unknown = {"build": {"git_commit": "unknown"}}
        for said, facts in (
            ("not complete", {"complete": False}),
            ("schema version 77", {"schema_version": 77}),
            ("schema version 1", {"schema_version": 1}),
            ("killed by signal 9", {"failures": [failure]}),
            ("commit", {"environment": unknown}),
        ):
            self.assertIn(said, self.history(self.run_of(1, figures, **facts), status=2))
        self.assertIn("run.json is missing", self.history(self.folder, status=2))
        self.assertIn("no figure", self.history(self.run_of(1, {}), status=2))
        self.assertIn("NaN is not JSON", self.history(self.run_of(1, {"p50": float("nan")}), status=2))
        self.assertFalse(self.file.parent.exists())

    def test_refuses_a_run_of_another_machine_and_supports_one_file_per_machine(self):
        by_machine = self.file.with_name("{machine}.csv")
        self.history(self.run_of(1, {"p50": 1000}))
        other = self.run_of(2, {"p50": 1000}, cpu="Slide Rule 7")
        self.assertIn("2 × Slide Rule 7", self.history(other, status=2))
        self.history(other, file=by_machine)
        self.assertEqual(self.files(), ["2_slide_rule_7.csv", "all.csv"])

    def test_refuses_a_file_that_is_not_a_history_or_is_incomplete(self):
        run = self.run_of(1, {"p50": 1000})
        self.file.parent.mkdir()
        for text in ("a,b\n1,2\n", "time,commit,branch,epoll_p50_us,machine\n2023,c1,main,,2 × Abacus\n"):
            self.file.write_text(text)
            self.history(run, status=2)
            self.assertEqual(self.file.read_text(), text)

    def test_names_a_file_that_cannot_be_read_or_written(self):
        run = self.run_of(1, {"p50": 1000})
        (self.folder / "file").touch()
        for file in ("/proc/h.csv", self.folder / "file/h.csv"):
            self.assertRegex(
                self.history(run, status=2, file=file), rf"\Ascripts/history: {file} cannot be read or written: .*\n\Z"
            )
        self.file.parent.mkdir()
        self.file.write_bytes(b"time,commit,branch,\xff,machine\n")
        self.assertRegex(self.history(run, status=2), rf"\Ascripts/history: {self.file} is not a history: .*\n\Z")

    def test_refuses_an_invalid_file_name_and_unknown_braces(self):
        run = self.run_of(1, {"p50": 1000})
        for name, said in (
            ("", "'' is not the name of a file"),
            (".", "'.' is not the name of a file"),
            (f"{self.folder}/new/", "is not the name of a file"),
            ("h-{foo}.csv", "{foo} has no value; only {machine} has"),
            ("{machine}-{}.csv", "{} has no value; "),
            ("{machine.csv", "{machine.csv has no value; "),
            ("h}.csv", "} has no value; "),
        ):
            done = forked.run(["history", run, "--branch", "main", "--file", name], cwd=self.folder)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(f"history: error: argument --file: '{name}'", done.stderr)
            self.assertIn(said, done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], [run.name], "a file was made")

    def test_asks_for_the_branch_of_a_commit_that_is_not_checked_out(self):
        done = forked.run(["history", self.run_of(1, {"p50": 1000}), "--file", self.file])
        self.assertEqual(done.returncode, 2)
        self.assertIn("--branch", done.stderr)

    def test_names_columns_after_unusual_values(self):
        for name, column in (
            (f"{BASE}/p50", "epoll_p50_us"),
            (
                "connect/happy-eyeballs+delay:50ms/accepting/concurrency:256/p99",
                "happy_eyeballs_delay_50ms_concurrency_256_p99_us",
            ),
            (
                "connect/epoll/delayed:20ms/concurrency:64/scenario:steady:poisson:5000/s/p50",
                "epoll_delayed_20ms_scenario_steady_poisson_5000_s_p50_us",
            ),
            (
                "connect/epoll/lossy:0.5%/concurrency:64/family:6/overshoot_p50",
                "epoll_lossy_0.5_family_6_overshoot_p50_us",
            ),
        ):
            self.assertEqual(column_of(name), column)
