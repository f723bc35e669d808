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
        """The cells of a connector's rows in all tables, by heading."""
        heads, found = [], {}
        for line in self.table().splitlines():
            cells = line.strip("| \n").split(" | ")
            if cells[0] == "connector":
                heads = cells
            elif cells[0] == f"`{connector}`":
                found |= dict(zip(heads[1:], cells[1:]))
        self.assertTrue(found, connector)
        return found

    def bytes_of(self, name):
        return [self.cells(name)[f"bytes: {part}"] for part in ("process", "kernel", "both")]

    def refusal(self, folders=None):
        with self.assertRaises(Unusable) as caught:
            Records(folders or [self.folder])
        return str(caught.exception)

    def test_gives_costs_per_attempt_as_medians_over_the_repetitions(self):
        costs = {"syscalls": 700, "voluntary_switches": 30, "involuntary_switches": 20, "makespan_ns": 5}
        rates, cpu = (3000, 1000, 2000), (5_000_000, 1_000_000, 3_000_000)
        self.run_of(
            "a",
            [
                wave(
                    "epoll",
                    i + 1,
                    connects_per_s=rates[i],
                    cpu_ns=cpu[i],
                    server_cpu_ns=900_000,
                    threads_peak=i,
                    **costs,
                )
                for i in range(3)
            ],
        )
        cells = self.cells("epoll")
        self.assertEqual(cells["connects/s on loopback"], "2,000 (1,000–3,000)")
        self.assertEqual(cells["CPU µs: client"], "30.0 (10.0–50.0)")
        self.assertEqual(cells["CPU µs: server"], "9.00 (9.00–9.00)")
        self.assertEqual(cells["system calls"], "7.00")
        self.assertEqual(cells["switches"], "0.500 (0.500–0.500)")
        self.assertEqual(cells["threads"], "2")

    def test_adds_up_softirq_ticks_before_dividing_them(self):
        ticks = (10_000_000, 0, 0, 10_000_000)
        self.run_of("a", [wave("epoll", i, client_softirq_ns=ns) for i, ns in enumerate(ticks, 1)])
        self.assertEqual(self.cells("epoll")["softirq, its processors"], "50.0")

    def test_says_whether_the_clients_time_contains_softirqs(self):
        for contained, said in (
            (True, "contains the softirqs"),
            (False, "does not contain softirqs"),
            (None, "not known"),
        ):
            accounting = {"cpu_accounting": {"softirqs_in_process_time": contained}}
            self.run_of(str(contained), [wave("epoll", 1)], environment=ENVIRONMENT | accounting)
            self.assertIn(said, markdown.table(Records([self.folder / str(contained)])))

    def test_a_cell_has_the_places_that_its_row_may_have(self):
        rates = {"epoll": range(100, 110), "poll": range(110, 120), "select": [150, 90] * 5}
        rows = [
            wave(name, number, connects_per_s=rate, makespan_ns=5)
            for name, values in rates.items()
            for number, rate in enumerate(values, 1)
        ]
        self.run_of("a", rows)
        self.assertEqual(self.cells("poll")["connects/s on loopback"], "114 (110–119) #1–2")
        self.assertEqual(self.cells("epoll")["connects/s on loopback"], "104 (100–109) #2–3")
        self.assertEqual(self.cells("select")["connects/s on loopback"], "90 (90–150) #1–3")
        self.assertIn("ahead in all of 10 repetitions (by chance, in 1 of 512 pairs of equal rows)", self.table())

    def test_says_when_there_are_too_few_repetitions_to_tell_rows_apart(self):
        self.run_of(
            "a", [wave("epoll", 1, connects_per_s=9, makespan_ns=5), wave("poll", 1, connects_per_s=1, makespan_ns=5)]
        )
        self.assertEqual(self.cells("epoll")["connects/s on loopback"], "9")
        self.assertIn("There are too few repetitions to tell rows apart.", self.table())

    LOADS = (
        {"target": "accepting"},
        {"target": "delayed:20ms"},
        {"target": "delayed:20ms", "scenario": "steady:uniform:1/s"},
        {"target": "blackhole", "timeout_ns": 10**7},
        {"target": "blackhole", "timeout_ns": 10**8},
    )
    FIGURES = ("connects_per_s", "makespan_ns", "cpu_ns", "server_cpu_ns", "voluntary_switches", "involuntary_switches")
    FIGURES += ("added_p50_ns", "added_p99_ns", "queue_p50_ns", "overshoot_p50_ns", "overshoot_p99_ns")

    def run_with_figures(self, figures, **facts):
        """Eight repetitions of each load, in which all figures of a connector are about the same."""
        rows = []
        for load in self.LOADS:
            for name, about in figures.items():
                for repetition in range(8):
                    own = dict.fromkeys(self.FIGURES, about + repetition)
                    rows.append(wave(name, len(rows) + 1, **(load | own)))
        self.run_of("a", rows, **facts)

    def test_more_is_better_for_rates_and_less_for_everything_else(self):
        self.run_with_figures({"epoll": 1000, "poll": 9000})
        placed = {heading: cell for heading, cell in self.cells("epoll").items() if "#" in cell}
        self.assertEqual(len(placed), 12, placed)
        for heading, cell in placed.items():
            self.assertTrue(cell.rstrip(" §†").endswith("#2" if "connects/s" in heading else "#1"), (heading, cell))

    def test_so_it_is_for_programs_and_those_that_give_up_early_are_not_the_best(self):
        program = {"program": {"language": "Go", "version": "1", "libraries": []}}
        self.run_with_figures({"go": 1000, "node": -9000}, connectors=dict.fromkeys(("go", "node"), program))
        cells = self.cells("go")
        self.assertEqual(cells["connects/s on loopback"][-2:], "#1")
        self.assertEqual(cells["CPU µs: client"][-2:], "#2")
        self.assertEqual([cells[f"late, µs, {p}"][-2:] for p in ("p50", "p99")], ["#1", "#1"])

    def test_giving_up_early_is_no_better_than_giving_up_late(self):
        lateness = {"epoll": 10, "libevent": -500, "libuv": 300}
        rows = [
            wave(name, number, "blackhole", timeout_ns=10**8, overshoot_p50_ns=1000 * late + number)
            for name, late in lateness.items()
            for number in range(8)
        ]
        self.run_of("a", rows)
        found = re.findall(r"(-?[\d.]+) \([^)]*\) (#\d)", markdown.table(Records([self.folder])))
        self.assertEqual(found, [("10.0", "#1"), ("-500", "#3"), ("300", "#2")])

    def test_shows_the_rate_to_a_far_host_and_which_order_it_turns_around(self):
        near, far = {"poll-pool": 300, "epoll": 200}, {"poll-pool": 30, "epoll": 100}
        for folder, rates, target in (("near", near, "accepting"), ("far", far, "delayed:20ms")):
            rows = [
                wave(name, number, target, connects_per_s=rate + number, makespan_ns=5)
                for name, rate in rates.items()
                for number in range(1, 9)
            ]
            self.run_of(folder, rows)
        self.assertEqual(self.cells("epoll")["connects/s, 20 ms away"], "104 (101–108) #1")
        self.assertIn("in 1 pair of rows, the one that is ahead on loopback", self.table())
        self.assertIn("Ahead on loopback only: poll-pool.", self.table())

    def test_shows_programs_in_a_table_of_their_own(self):
        said = {"language": "Go", "version": "1.26", "libraries": [{"name": "dial", "version": "2"}]}
        misleading = [{"target": "host-unreachable", "reason": "believes SO_ERROR"}]
        connectors = {"epoll": {}, "go-dialer": {"program": said | {"misleading": misleading}}}
        figures = {"makespan_ns": 5, "cpu_ns": 4_000_000, "rss_peak_kib": 20480}
        near = [wave(name, 1, connects_per_s=9, **figures) for name in connectors]
        late = [
            wave(name, number, "blackhole", timeout_ns=timeout, overshoot_p50_ns=p50, overshoot_p99_ns=p99)
            for number, timeout, p50, p99 in ((2, 10**8, 5_000, 7_000), (3, 10**7, 1_000, 2_000))
            for name in connectors
        ]
        self.run_of("a", near + late, connectors=connectors)
        ours, theirs = self.table().split("### In other languages")
        self.assertIn("| `epoll` |", ours)
        self.assertNotIn("go-dialer", ours)
        self.assertNotIn("| `epoll`", theirs)
        self.assertIn("| `go-dialer` | Go 1.26, dial 2 | 9 | - | 40.0 | 5.00 | 7.00 | - | - | 20.0 |", theirs)
        self.assertIn("report some outcomes wrongly (host-unreachable): go-dialer", theirs)

    def test_states_pinning_pool_and_stack(self):
        options = {"stack": "64KiB", "threads": "64"}
        connectors = {
            "poll-pool": {"options": options},
            "poll-pool+threads:256": {"options": options | {"threads": "256"}},
        }
        command = ["connbench", "run", "--cpus", "client=0,server=1"]
        self.run_of("a", [wave("poll-pool", 1)], connectors=connectors, command_line=command)
        self.assertIn(
            "Processors: client=0, server=1. Pools have 64 threads, unless the name says otherwise. Threads have "
            "stacks of 64KiB, unless the name says otherwise.",
            self.table(),
        )

    def test_shows_a_variant_only_where_it_was_measured(self):
        rows = [
            wave("poll-pool", 1, cpu_ns=5, makespan_ns=5),
            wave("poll-pool+threads:256", 1, cpu_ns=5, makespan_ns=5),
        ]
        self.run_of("a", [*rows, wave("poll-pool", 2, "blackhole", overshoot_p50_ns=7)])
        self.assertEqual(len(re.findall(r"^\| `poll-pool`", self.table(), re.M)), 3)
        self.assertEqual(len(re.findall(r"^\| `poll-pool\+threads:256`", self.table(), re.M)), 2)

    def test_compares_closing_with_fin_with_closing_with_rst_repetition_by_repetition(self):
        rows = []
        for number in range(1, 9):
            drift = 1 + number % 3
            rows += [wave("epoll+close:rst", number, connects_per_s=100 * drift, makespan_ns=5, cpu_ns=500)]
            fin = {"connects_per_s": 80 * drift, "cpu_ns": 400 + 200 * (number % 2)}
            rows += [wave("epoll+close:fin", number, makespan_ns=5, **fin)]
        self.run_of("a", rows)
        lines = [line for line in self.table().splitlines() if line.startswith("| `epoll`")]
        cells = lines[-1].strip("| ").split(" | ")
        self.assertEqual(cells[1:4], ["200 (100–300)", "160 (80–240)", "0.80 (0.80–0.80)"])
        self.assertEqual(cells[6], "equal (0.80–1.20)")

    def test_never_averages_percentiles(self):
        late = [wave("epoll", i, "blackhole", overshoot_p50_ns=i * 1000, overshoot_p99_ns=i * 9000) for i in (1, 2)]
        self.run_of("a", late)
        self.assertEqual(self.cells("epoll")["after 1 s, µs: p50"], "1.00 (1.00–2.00)")
        self.assertEqual(self.cells("epoll")["after 1 s, µs: p99"], "9.00 (9.00–18.0)")

    def test_counts_a_wave_without_connections_as_a_rate_of_zero(self):
        self.run_of("a", [wave("epoll", 1, connects_per_s=9, makespan_ns=5), wave("epoll", 2, makespan_ns=5)])
        self.assertEqual(self.cells("epoll")["connects/s on loopback"], "0 (0–9)")

    def test_shows_a_dash_for_a_missing_value(self):
        self.run_of("a", [wave("null", 1, makespan_ns=5, connects_per_s=7)])
        cells = self.cells("null")
        self.assertEqual(cells.pop("connects/s on loopback"), "7")
        self.assertEqual(set(cells.values()), {"-"})

    def test_has_a_column_for_each_timeout_and_shows_long_lateness_in_milliseconds(self):
        rows = [
            wave("syncnt", i, "blackhole", timeout_ns=timeout, overshoot_p50_ns=3 * 10**9 - timeout)
            for i, timeout in enumerate((10**7, 10**9), 1)
        ]
        self.run_of("a", rows)
        self.assertEqual(self.cells("syncnt")["after 10 ms, µs: p50"], "2,990 ms ‡")
        self.assertEqual(self.cells("syncnt")["after 1 s, µs: p50"], "2,000 ms ‡")
        self.assertIn("‡ syncnt: cannot keep such a short deadline", self.table())

    def test_names_connectors_that_were_measured_with_long_timeouts_only(self):
        rows = [
            wave("poll", n, "blackhole", timeout_ns=timeout, overshoot_p50_ns=5)
            for n, timeout in ((1, 10**7), (2, 10**9))
        ]
        self.run_of("a", [*rows, wave("syncnt", 3, "blackhole", overshoot_p50_ns=2 * 10**9)])
        self.assertEqual(self.cells("syncnt")["after 10 ms, µs: p50"], "-")
        self.assertIn("Cannot keep a shorter timeout, so not measured with one: syncnt.", self.table())

    def test_marks_connectors_that_did_not_sustain_the_rate(self):
        open_loop = {"target": "delayed:20ms", "scenario": "steady:uniform:1000/s", "added_p50_ns": 2000}
        rows = [
            wave("blocking", 1, connects_per_s=50, **open_loop),
            wave("epoll", 2, connects_per_s=950, **open_loop),
        ]
        self.run_of("a", rows)
        self.assertEqual(self.cells("blocking")["added µs, p50"], "2.00 †")
        self.assertEqual(self.cells("epoll")["added µs, p50"], "2.00")
        self.assertIn("† blocking: did not sustain", self.table())

    def test_shows_what_passes_before_the_first_system_call_next_to_what_is_added(self):
        open_loop = {"target": "delayed:20ms", "scenario": "steady:poisson:1000/s", "connects_per_s": 990}
        self.run_of("a", [wave("libuv", 1, added_p50_ns=45_000, queue_p50_ns=480_000, **open_loop)])
        self.assertEqual(self.cells("libuv")["added µs, p50"], "45.0")
        self.assertEqual(self.cells("libuv")["before it, µs, p50"], "480")

    def test_marks_rates_that_the_path_to_the_far_host_limited(self):
        far = {"target": "delayed:20ms", "concurrency": 128, "makespan_ns": 5}
        on_time = wave("io-uring", 1, connects_per_s=6000, p50_ns=22_300_000, added_p50_ns=2_300_000, **far)
        late = wave("blocking-threads", 2, connects_per_s=2100, p50_ns=58_500_000, added_p50_ns=500_000, **far)
        self.run_of("a", [on_time, late])
        self.assertEqual(self.cells("io-uring")["connects/s, 20 ms away"], "6,000")
        self.assertEqual(self.cells("blocking-threads")["connects/s, 20 ms away"], "2,100 §")
        self.assertIn("§ blocking-threads: handshakes took more than a twentieth longer", self.table())

    def test_marks_pools_whose_attempts_waited_for_a_thread(self):
        late = {"target": "blackhole", "timeout_ns": 10**8, "overshoot_p50_ns": 146_000}
        self.run_of(
            "a",
            [
                wave("poll-pool", 1, queue_p50_ns=87 * 10**6, **late),
                wave("poll-threads", 2, queue_p50_ns=9_000, **late),
            ],
        )
        self.assertEqual(self.cells("poll-pool")["after 100 ms, µs: p50"], "146 †")
        self.assertEqual(self.cells("poll-threads")["after 100 ms, µs: p50"], "146")
        self.assertIn("waited for a thread first (p50; poll-pool after 100 ms: 87.0 ms)", self.table())

    def test_lists_skipped_connectors_with_the_reason_and_gives_them_a_row(self):
        skip = {"connector": "io-uring", "target": "accepting", "reason": "the kernel forbids it"}
        self.run_of("a", [wave("epoll", 1)], skipped=[skip])
        self.assertIn("- Skipped: io-uring (accepting): the kernel forbids it", self.table())
        self.assertEqual(set(self.cells("io-uring").values()), {"-"})

    def test_lists_loads_that_the_machine_does_not_allow(self):
        self.run_of("a", [wave("epoll", 1)])
        (self.folder / "lacks.txt").write_text("blackhole: no namespaces here\n")
        self.assertIn("- Not measured: blackhole: no namespaces here", self.table())

    def test_reports_the_warnings_of_the_runs(self):
        self.run_of("a", [wave("epoll", 1)], warnings=["the server was slow", "again"])
        self.assertIn("2 warnings in the records (`run.json`), the first: the server was slow", self.table())

    def test_names_connectors_without_a_deadline(self):
        far = {"target": "delayed:20ms", "scenario": "steady:poisson:1000/s"}
        self.run_of("a", [wave("blocking", 1, **far), wave("epoll", 2, **far), wave("epoll", 3, "blackhole")])
        self.assertIn(
            "No deadline of their own, or none so short, and not measured where no host answers: blocking.",
            self.table(),
        )

    def test_leaves_failed_waves_out_of_the_medians_and_says_so(self):
        rows = [wave("epoll", i, connects_per_s=i, makespan_ns=5) for i in (1, 2, 3)]
        failure = {"connector": "epoll", "target": "accepting", "wave": 3, "failure": "killed by signal 9"}
        self.run_of("a", rows, failures=[failure])
        later = {"connector": "epoll", "target": "delayed:20ms", "wave": 2, "failure": "killed by signal 6"}
        self.run_of("b", [wave("epoll", i, "delayed:20ms") for i in (1, 2)], failures=[later])
        self.assertEqual(self.cells("epoll")["connects/s on loopback"], "1 (1–2)")
        self.assertIn("killed by signal 9", self.table())
        self.assertIn("killed by signal 6", self.table())

    def test_reads_memory_from_the_benchmark(self):
        self.run_of("a", [wave("epoll", 1)])
        name = "floor/pending_bytes/{}/iterations:1/real_time"
        figures = {"run_type": "iteration", "pending": 8000}
        kernel = {"slab_per_pending": 5000, "kernel_stack_per_pending": 0, "page_tables_per_pending": 20}
        entries = [
            {"name": name.format("epoll"), "bytes_per_pending": 190.4} | figures | kernel,
            {"name": name.format("poll"), "bytes_per_pending": 95.0} | figures,
            {"name": name.format("libuv"), "error_occurred": True, "error_message": "skipped: not built in"},
        ]
        (self.folder / "pending.json").write_text(json.dumps({"benchmarks": entries}))
        self.assertEqual(self.bytes_of("epoll"), ["190", "5,020", "5,210"])
        self.assertEqual(
            self.bytes_of("poll"), ["95", "-", "-"], "from a program that does not know the kernel's share"
        )
        self.assertIn("- Skipped: libuv (memory): not built in", self.table())

    def test_keeps_the_order_of_the_connectors_as_they_were_given(self):
        command = ["connbench", "run", "--connector", "null,epoll,asio", "--target", "accepting"]
        self.run_of("a", [wave("asio", 1), wave("null", 2), wave("epoll", 3)], command_line=command)
        self.assertEqual(re.findall(r"^\| `(\w+)`", self.table(), re.M)[:3], ["null", "epoll", "asio"])

    def test_takes_the_order_of_the_run_with_most_connectors_whichever_is_read_first(self):
        self.run_of("a", [wave("poll", 1, "blackhole"), wave("asio", 2, "blackhole")])
        command = ["connbench", "run", "--connector", "null,poll,poll+close:hold,asio"]
        names = command[-1].split(",")
        self.run_of("b", [wave(name, n, makespan_ns=5) for n, name in enumerate(names)], command_line=command)
        self.assertEqual(re.findall(r"^\| `(\w+)`", self.table(), re.M)[:3], ["null", "poll", "asio"])

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
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Ascripts/table: .*run.json is missing.*\n\Z")
