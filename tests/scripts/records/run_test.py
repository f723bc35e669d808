"""The reader of run folders: what it refuses, and how it names the reason."""

import json
import math

from connbench_tools.failures import Unusable
from connbench_tools.records import pending, waves
from connbench_tools.records.facts import read_facts
from connbench_tools.records.run import Run
from made_runs import RunsTest, wave


class RunTest(RunsTest):
    def refusal(self, rows=(), **facts):
        with self.assertRaises(Unusable) as caught:
            Run(self.run_of(f"run{len(list(self.folder.iterdir()))}", rows, **facts))
        return str(caught.exception)

    def test_names_the_value_of_the_wrong_type(self):
        for facts, said in (
            ({"complete": "yes"}, 'complete is "yes", not true or false'),
            ({"command_line": "connbench run"}, "command_line is not a list"),
            ({"command_line": ["connbench", 7]}, "command_line[1] is 7, not text"),
            ({"environment": []}, "environment is not an object"),
            ({"environment": {"cpu": {"online": [0, "1"]}}}, 'environment.cpu.online[1] is "1", not a whole number'),
            ({"failures": [{"wave": True}]}, "failures[0].wave is true, not a whole number"),
            ({"skipped": ["epoll"]}, "skipped[0] is not an object"),
            ({"rates": [{"held_per_s": "fast"}]}, 'rates[0].held_per_s is "fast", not a number'),
            ({"syscalls": [{"calls": [1]}]}, "syscalls[0].calls is not an object"),
            ({"origin": {"realtime_ns": 1.5}}, "origin.realtime_ns is 1.5, not a whole number"),
        ):
            self.assertIn(f"run.json is damaged: {said}", self.refusal(**facts))

    def test_accepts_null_and_missing_values(self):
        folder = self.run_of("run", [wave("epoll", 1)], warnings=None, environment={"cpu": None}, origin=None)
        run = Run(folder)
        self.assertEqual((run.facts["warnings"], run.facts["rates"], run.began()), ([], [], 0))
        self.assertEqual(run.origin(), "0 × ?, Linux ?, commit ?")

    def test_names_a_value_that_a_caller_needs(self):
        run = Run(self.run_of("run", [wave("epoll", 1)], environment={"cpu": {}}))
        with self.assertRaisesRegex(Unusable, "run.json has no environment.cpu.model"):
            run.need("environment.cpu.model")

    def test_names_the_row_and_the_column_of_a_damaged_number(self):
        for figures, said in (
            ({"attempts": "many"}, "row 1 has 'many' as attempts"),
            ({"wave": ""}, "row 1 has '' as wave"),
            ({"p999_ns": "inf"}, "row 1 has 'inf' as p999_ns"),
            ({"refused": -1}, "row 1 has '-1' as refused"),
            ({"scenario": "steady:poisson"}, "row 1 has the scenario 'steady:poisson', which has no rate"),
        ):
            self.assertIn(said, self.refusal([wave("epoll", 1, **figures)]))

    def test_leaves_out_torn_rows_and_reports_them_only_to_callers_that_need_whole_tables(self):
        folder = self.run_of("run", [wave("epoll", 1), wave("epoll", 2)])
        text = (folder / "summary.csv").read_text()
        (folder / "summary.csv").write_text(text[:-9])
        run = Run(folder)
        self.assertEqual(len(run.rows), 1)
        with self.assertRaisesRegex(Unusable, "summary.csv is damaged: row 2, the last, is cut short"):
            run.require_waves()
        (folder / "summary.csv").write_text(text.replace(",100,100,", ",100,", 1))
        with self.assertRaisesRegex(Unusable, "summary.csv is damaged: row 1 has .* fields, the header has"):
            Run(folder).require_waves()

    def test_has_no_rows_without_a_table(self):
        folder = self.run_of("run", [])
        (folder / "summary.csv").unlink()
        run = Run(folder)
        self.assertEqual((run.rows, run.exhaustion, run.missing()), ([], [], "summary.csv"))
        with self.assertRaisesRegex(Unusable, "summary.csv is missing"):
            run.require_waves()

    def test_leaves_failed_waves_out(self):
        rows = [wave("epoll", 1), wave("epoll", 2)]
        run = Run(self.run_of("run", rows, failures=[{"wave": 2, "failure": "killed by signal 9"}]))
        self.assertEqual([row["wave"] for row in run.rows], ["1"])
        self.assertEqual(run.attempts(), 100, "of one wave")
        with self.assertRaisesRegex(Unusable, "1 wave failed, .* killed by signal 9"):
            run.require_no_failures()

    def test_leaves_out_waves_during_which_the_run_was_suspended(self):
        rows = [wave("epoll", 1), wave("epoll", 2)]
        pauses = [{"stopped_ns": 5, "asleep_ns": 0}, {"wave": 2, "stopped_ns": 2_500_000_000, "asleep_ns": 0}]
        run = Run(self.run_of("run", rows, suspensions=pauses))
        self.assertEqual([row["wave"] for row in run.rows], ["1"])
        with self.assertRaisesRegex(Unusable, "1 wave failed, .* suspended for 2.5 s"):
            run.require_no_failures()

    def test_a_wave_without_all_its_samples_is_no_figure(self):
        cut = {"wave": 1, "failure": "cut short by a signal", "samples_omitted": 4999936}
        run = Run(self.run_of("run", [wave("epoll", 1)], failures=[cut], complete=False))
        self.assertEqual(run.rows, [])

    def test_orders_connectors_as_given_then_as_planned(self):
        rows = [wave(name, number) for number, name in enumerate(("asio", "poll", "epoll", "null"), 1)]
        command = ["connbench", "run", "--connector", "null,nobody", "epoll", "--target", "accepting"]
        run = Run(self.run_of("run", rows, command_line=command, syscalls=[{"connector": "poll"}]))
        self.assertEqual(run.connectors_in_order(), ["null", "epoll", "poll", "asio"])

    def test_names_what_is_wrong_with_the_aggregates(self):
        run = Run(self.run_of("run", []))
        for text, said in (("{", "cannot be read"), ("[]", "is damaged"), ('{"benchmarks": [{}]}', "is damaged")):
            (run.folder / "benchmark-aggregate.json").write_text(text)
            with self.assertRaisesRegex(Unusable, f"benchmark-aggregate.json {said}"):
                run.aggregates()

    def test_refuses_what_is_not_a_run_json(self):
        for text, said in (("[]", "it is not an object"), ("{}", "schema version None"), ("{", "cannot be read")):
            (self.folder / "run.json").write_text(text)
            with self.assertRaisesRegex(Unusable, said):
                read_facts(self.folder, "here")


class WavesTest(RunsTest):
    def test_distinguishes_open_loop_from_a_steady_rate_at_one_target(self):
        for scenario, open_loop, steady, fleet in (
            ("burst", False, False, False),
            ("steady:poisson:5000/s", True, True, False),
            ("fleet:accepting=90,blackhole=10", False, False, True),
            ("fleet:accepting=90,blackhole=10:uniform:100/s", True, False, True),
        ):
            found = waves.is_open_loop(scenario), waves.is_steady(scenario), waves.in_fleet(scenario)
            self.assertEqual(found, (open_loop, steady, fleet), scenario)

    def test_a_wave_sustains_its_rate_from_80_percent_on(self):
        for rate, kept in (("80", True), ("79.9", False), ("", True)):
            row = {"scenario": "steady:uniform:100/s", "connects_per_s": rate}
            self.assertEqual(waves.sustained(row), kept, rate)
        self.assertTrue(waves.sustained({"scenario": "burst", "connects_per_s": "1"}))
        odd = {"scenario": "steady:poisson:100/s", "connects_per_s": "1", "attempts": "0"}
        self.assertTrue(waves.sustained(odd), "one attempt can come as late as chance has it")


class PendingTest(RunsTest):
    def test_reads_figures_and_skips_and_refuses_the_rest(self):
        path = self.folder / "pending.json"
        entry = {"name": "floor/pending_bytes/epoll/iterations:1", "pending": 8.0, "threads": 1, "bytes_per_pending": 9}
        skipped = {"name": "floor/pending_bytes/libuv/iterations:1", "error_message": "skipped: not built in"}
        path.write_text(json.dumps({"benchmarks": [entry, skipped]}))
        self.assertEqual(
            pending.read(path), [("epoll", None, 8, 1, 9.0, None), ("libuv", "not built in", 0, 0, 0.0, None)]
        )
        variation = {"name": entry["name"] + "_cv", "run_type": "aggregate", "pending": math.nan}
        path.write_text(json.dumps({"benchmarks": [entry, variation]}))
        self.assertEqual(len(pending.read(path)), 1)
        damaged = ({**entry, "pending": math.nan}, {**entry, "error_message": "no memory"}, {})
        for wrong in ({}, *({"benchmarks": [one]} for one in damaged)):
            path.write_text(json.dumps(wrong))
            with self.assertRaises(Unusable):
                pending.read(path)
