"""The table that scripts/table makes of runs."""

import json
import re
import subprocess

from connbench_tools import ROOT
from connbench_tools.failures import Unusable
from connbench_tools.table import markdown
from connbench_tools.table.rows import Records
from made_runs import ENVIRONMENT, RunsTest, wave


class TableTest(RunsTest):
    def table(self):
        return markdown.table(Records([self.folder]))

    def cells(self, connector):
        """The cells of a row, by heading."""
        lines = [line.strip("| \n").split(" | ") for line in self.table().splitlines() if line.startswith("|")]
        (row,) = [line for line in lines if line[0] == f"`{connector}`"]
        return dict(zip(lines[0], row))

    def refusal(self, folders=None):
        with self.assertRaises(Unusable) as caught:
            Records(folders or [self.folder])
        return str(caught.exception)

    def test_gives_costs_per_attempt_as_medians_over_the_repetitions(self):
        costs = {"syscalls": 700, "voluntary_switches": 30, "involuntary_switches": 20, "makespan_ns": 5}
        rates, cpu = (3000, 1000, 2000), (5_000_000, 1_000_000, 3_000_000)
        self.run_of(
            "a",
            [wave("epoll", i + 1, connects_per_s=rates[i], cpu_ns=cpu[i], threads_peak=i, **costs) for i in range(3)],
        )
        cells = self.cells("epoll")
        self.assertEqual(cells["connects/s"], "2000")
        self.assertEqual(cells["CPU µs"], "30.0")
        self.assertEqual(cells["system calls"], "7.00")
        self.assertEqual(cells["switches"], "0.50")
        self.assertEqual(cells["threads"], "2")

    def test_never_averages_percentiles(self):
        late = [wave("epoll", i, "blackhole", overshoot_p50_ns=i * 1000, overshoot_p99_ns=i * 9000) for i in (1, 2)]
        self.run_of("a", late)
        self.assertEqual(self.cells("epoll")["late after 1 s, µs"], "1.00 / 9.00")

    def test_counts_a_wave_without_connections_as_a_rate_of_zero(self):
        self.run_of("a", [wave("epoll", 1, connects_per_s=9, makespan_ns=5), wave("epoll", 2, makespan_ns=5)])
        self.assertEqual(self.cells("epoll")["connects/s"], "0")

    def test_shows_a_dash_for_a_missing_value(self):
        self.run_of("a", [wave("null", 1, makespan_ns=5, connects_per_s=7), wave("null", 2, "blackhole")])
        cells = self.cells("null")
        for head in ("CPU µs", "system calls", "switches", "added µs", "late after 1 s, µs", "threads", "bytes"):
            self.assertEqual(cells[head], "-", head)

    def test_shows_a_dash_for_a_percentile_with_too_few_attempts(self):
        self.run_of("a", [wave("epoll", 1, "blackhole", overshoot_p50_ns=4_000)])
        self.assertEqual(self.cells("epoll")["late after 1 s, µs"], "4.00 / -")

    def test_has_a_column_for_each_timeout_and_shows_long_lateness_in_milliseconds(self):
        rows = [
            wave("syncnt", i, "blackhole", timeout_ns=timeout, overshoot_p50_ns=3 * 10**9 - timeout)
            for i, timeout in enumerate((10**7, 10**9), 1)
        ]
        self.run_of("a", rows)
        self.assertEqual(self.cells("syncnt")["late after 10 ms, µs"], "2990 ms / - ‡")
        self.assertEqual(self.cells("syncnt")["late after 1 s, µs"], "2000 ms / - ‡")
        self.assertIn("‡ syncnt: cannot keep such a short deadline", self.table())

    def test_marks_connectors_that_did_not_sustain_the_rate(self):
        open_loop = {"target": "delayed:20ms", "scenario": "steady:uniform:1000/s", "added_p50_ns": 2000}
        rows = [
            wave("blocking", 1, connects_per_s=50, **open_loop),
            wave("epoll", 2, connects_per_s=950, **open_loop),
        ]
        self.run_of("a", rows)
        self.assertEqual(self.cells("blocking")["added µs"], "2.00 / - †")
        self.assertEqual(self.cells("epoll")["added µs"], "2.00 / -")
        self.assertIn("† blocking: did not sustain", self.table())

    def test_lists_skipped_connectors_with_the_reason_and_gives_them_a_row(self):
        skip = {"connector": "io-uring", "target": "accepting", "reason": "the kernel forbids it"}
        self.run_of("a", [wave("epoll", 1)], skipped=[skip])
        self.assertIn("- Skipped: io-uring (accepting): the kernel forbids it", self.table())
        self.assertEqual(set(list(self.cells("io-uring").values())[1:]), {"-"})

    def test_lists_loads_that_the_machine_does_not_allow(self):
        self.run_of("a", [wave("epoll", 1)])
        (self.folder / "lacks.txt").write_text("blackhole: no namespaces here\n")
        self.assertIn("- Not measured: blackhole: no namespaces here", self.table())

    def test_reports_the_warnings_of_the_runs(self):
        self.run_of("a", [wave("epoll", 1)], warnings=["the server was slow", "again"])
        self.assertIn("2 warnings in the records (`run.json`), the first: the server was slow", self.table())

    def test_names_connectors_without_a_deadline(self):
        self.run_of("a", [wave("blocking", 1), wave("epoll", 2), wave("epoll", 3, "blackhole")])
        self.assertIn("No deadline of their own, so not measured where no host answers: blocking.", self.table())

    def test_leaves_failed_waves_out_of_the_medians_and_says_so(self):
        rows = [wave("epoll", i, connects_per_s=i, makespan_ns=5) for i in (1, 2, 3)]
        failure = {"connector": "epoll", "target": "accepting", "wave": 3, "failure": "killed by signal 9"}
        self.run_of("a", rows, failures=[failure])
        self.assertEqual(self.cells("epoll")["connects/s"], "1.00")
        self.assertIn("killed by signal 9", self.table())

    def test_reads_memory_from_the_benchmark(self):
        self.run_of("a", [wave("epoll", 1)])
        name = "floor/pending_bytes/{}/iterations:1/real_time"
        entries = [
            {"name": name.format("epoll"), "run_type": "iteration", "bytes_per_pending": 190.4, "pending": 8000},
            {"name": name.format("libuv"), "error_occurred": True, "error_message": "skipped: not built in"},
        ]
        (self.folder / "pending.json").write_text(json.dumps({"benchmarks": entries}))
        self.assertEqual(self.cells("epoll")["bytes"], "190")
        self.assertIn("- Skipped: libuv (memory): not built in", self.table())

    def test_keeps_the_order_of_the_connectors_as_they_were_given(self):
        command = ["connbench", "run", "--connector", "null,epoll,asio", "--target", "accepting"]
        self.run_of("a", [wave("asio", 1), wave("null", 2), wave("epoll", 3)], command_line=command)
        self.assertEqual(re.findall(r"^\| `(\w+)`", self.table(), re.M), ["null", "epoll", "asio"])

    def test_refuses_an_incomplete_run(self):
        self.run_of("stopped", [wave("epoll", 1)], complete=False)
        self.assertRegex(self.refusal(), "stopped is not complete")

    def test_refuses_a_folder_without_a_run(self):
        self.assertIn("run.json is missing", self.refusal())
        self.assertIn("no such folder", self.refusal([self.folder / "nowhere"]))

    def test_refuses_two_loads_for_one_column(self):
        self.run_of("a", [wave("epoll", 1)])
        self.run_of("b", [wave("poll", 1, concurrency=16)])
        self.assertIn("two loads for one column", self.refusal())

    def test_refuses_runs_of_two_machines(self):
        self.run_of("a", [wave("epoll", 1)])
        self.run_of("b", [wave("poll", 1)], environment=ENVIRONMENT | {"kernel": {"release": "6.2"}})
        self.assertIn("one machine", self.refusal())

    def test_refuses_targets_that_have_no_column(self):
        self.run_of("a", [wave("epoll", 1, "refusing")])
        self.assertIn("refusing", self.refusal())

    def test_replaces_only_the_text_between_the_markers(self):
        self.run_of("a", [wave("epoll", 1)])
        readme = self.folder / "README.md"
        readme.write_text("before\n<!-- table:begin -->\nold\n<!-- table:end -->\nafter\n")
        command = [ROOT / "scripts/table", "--from", self.folder / "a", "--write", readme]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(readme.read_text(), f"before\n<!-- table:begin -->\n{done.stdout}<!-- table:end -->\nafter\n")

    def test_changes_no_file_without_markers(self):
        readme = self.folder / "README.md"
        readme.write_text("mine")
        with self.assertRaises(Unusable):
            markdown.write_between_markers(readme, "table")
        self.assertEqual(readme.read_text(), "mine")

    def test_fails_with_one_line_that_says_why(self):
        done = subprocess.run([ROOT / "scripts/table", "--from", self.folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Ascripts/table: .*run.json is missing.*\n\Z")
