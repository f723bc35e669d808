"""What scripts/compare reports for two runs, and which runs it refuses."""

import contextlib
import csv
import io
import json
import subprocess
from unittest import mock

from made_runs import ENVIRONMENT, ROOT, RunsTest, script, wave

from connbench_tools.gate import compare, judge
from connbench_tools.gate.runs import JudgedRun
from connbench_tools.gate.statistics import numpy

REPETITIONS = 8
COMPARE = script("compare")  # not in a process of its own, because scipy takes most of a second to import
OPEN = {"scenario": "steady:uniform:100/s", "target": "delayed:2ms"}


class CompareTest(RunsTest):
    def waves(self, connector="epoll", factor=1.0, **figures):
        """Repetitions that differ by some tenths of a percent; `factor`: how much more time and CPU they take."""
        rows = []
        for number in range(1, REPETITIONS + 1):
            cost = factor * (1 + (number * 7 % 10) / 2000)
            own = {"cpu_ns": 3e6 * cost, "makespan_ns": 5e6 * cost, "connects_per_s": 20000 / cost}
            rows.append(wave(connector, number, **(own | figures)))
        return rows

    def compare(self, first, second, *more):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = COMPARE.run([str(word) for word in (first, second, *more)])
        return subprocess.CompletedProcess((), status, out.getvalue(), err.getvalue())

    def refusal(self, *facts_of_b, rows=None, **facts):
        first = self.run_of("a", self.waves())
        second = self.run_of("b", self.waves() if rows is None else rows, **facts)
        done = self.compare(first, second)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("scripts/compare: "), done.stderr)
        return done.stderr

    def test_more_figures_need_more_repetitions(self):
        rows = [judge.Row("a", metric, 0.05) for metric in ("p50", "p90")]
        for row in rows:
            row.pairs = 5
        self.assertEqual(compare.too_few(rows[:1]), [])
        said = "5 repetitions cannot prove a change in one of 2 figures, however large: 6 can"
        self.assertEqual(compare.too_few(rows), [said])

    def test_is_a_program(self):
        done = subprocess.run([ROOT / "scripts/compare", "nowhere", "nowhere"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\Ascripts/compare: A \(nowhere\) is not a run folder.*\n\Z")

    def test_reports_equal_runs_as_the_same_and_says_that_they_were_not_paired(self):
        done = self.compare(self.run_of("a", self.waves()), self.run_of("b", self.waves()))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("not paired", done.stdout)
        self.assertIn("3 same", done.stdout)

    def test_judges_separate_metrics_for_a_fleet_and_for_its_parts(self):
        closed, open_loop = "fleet:accepting=90,blackhole=10", "fleet:accepting=90,blackhole=10:poisson:500/s"
        for scenario, whole, part in (
            (closed, {"connects_per_s", "cpu_per_attempt", "wall_time"}, {"connects_per_s"}),
            (open_loop, {"cpu_per_attempt", "p50", "p90"}, {"p50", "p90"}),
        ):
            rows = [
                row
                for target in ("*", "accepting")
                for row in self.waves(scenario=scenario, target=target, p50_ns=1000, p90_ns=2000)
            ]
            cases = JudgedRun(self.run_of(scenario.replace("/", ""), rows), "A").cases
            judged = {name.split("/")[1]: set(metrics) for name, metrics in cases.items()}
            self.assertEqual(judged, {"*": whole, "accepting": part})

    def test_uses_the_thresholds_of_the_gate(self):
        first = JudgedRun(self.run_of("a", self.waves()), "A")
        keys = [(name, metric) for name, metrics in first.cases.items() for metric in metrics]
        thresholds = {}
        for noise in (0.01, 0.1):
            rows = compare.judge_cases(first, first, {key: noise for key in keys}, numpy.random.default_rng(1))
            thresholds[noise] = {row.threshold for row in rows}
        self.assertEqual(thresholds, {noise: {judge.threshold(noise)} for noise in thresholds})
        self.assertEqual(judge.threshold(0.01), judge.LEAST)
        self.assertGreater(judge.threshold(0.1), 0.1)

    def test_reports_a_slower_run_as_regressed_and_a_faster_one_as_improved(self):
        slow, fast = self.run_of("slow", self.waves(factor=1.2)), self.run_of("fast", self.waves())
        file = self.folder / "verdicts.csv"
        done = self.compare(fast, slow, "--csv", file, "--markdown", self.folder / "table.md")
        self.assertEqual(done.returncode, 1)
        with open(file, newline="") as opened:
            rows = {row["metric"]: row for row in csv.DictReader(opened)}
        self.assertEqual({row["verdict"] for row in rows.values()}, {"regressed"})
        self.assertAlmostEqual(float(rows["cpu_per_attempt"]["effect"]), 0.2, delta=0.01)
        self.assertAlmostEqual(float(rows["connects_per_s"]["effect"]), -1 / 6, delta=0.01)
        head = "benchmark,metric,pairs,effect,ci_low,ci_high,p_value,threshold,verdict"
        self.assertEqual(file.read_text().splitlines()[0], head)
        self.assertIn("**regressed**", (self.folder / "table.md").read_text())
        self.assertEqual(self.compare(slow, fast).returncode, 0)
        self.assertIn("3 improved", self.compare(slow, fast).stdout)

    def test_says_how_many_repetitions_could_prove_a_change(self):
        first, second = (self.run_of(name, self.waves(factor=factor)[:3]) for name, factor in (("a", 1), ("b", 2)))
        done = self.compare(first, second)
        self.assertEqual(done.returncode, 4)
        self.assertIn("3 repetitions cannot prove a change in one of 3 figures, however large: 6 can", done.stdout)

    def test_one_repetition_is_unstable(self):
        first, second = (self.run_of(name, self.waves()[:1]) for name in "ab")
        done = self.compare(first, second)
        self.assertEqual(done.returncode, 4)
        self.assertIn("one repetition shows no noise", done.stdout)

    def test_judges_latency_only_in_open_loop_and_only_if_the_rate_was_sustained(self):
        figures = {"p50_ns": 2100, "added_p50_ns": 70}
        for name, more, said, status in (
            ("closed", {}, False, 0),
            ("kept", OPEN | {"connects_per_s": 100}, True, 0),
            ("late", OPEN | {"connects_per_s": 50}, True, 4),
        ):
            first, second = (self.run_of(f"{name}{side}", self.waves(**figures, **more)) for side in "ab")
            done = self.compare(first, second)
            self.assertEqual("added_p50" in done.stdout, said, name)
            self.assertEqual(done.returncode, status, done.stdout)

    def test_an_early_timeout_has_no_ratio_and_is_not_the_same(self):
        rows = self.waves(target="blackhole", overshoot_p50_ns=-5)
        done = self.compare(self.run_of("a", rows), self.run_of("b", rows))
        self.assertEqual(done.returncode, 4)
        self.assertIn("no ratio", done.stdout)

    def test_refuses_a_benchmark_that_one_run_lacks_and_says_why_it_was_skipped(self):
        skip = {"connector": "epoll", "target": "accepting", "reason": "the kernel forbids it"}
        said = self.refusal(rows=self.waves("poll"), skipped=[skip])
        self.assertIn(
            "measured on A and missing on B (the kernel forbids it): epoll/accepting/concurrency:8/timeout:1s", said
        )

    def test_refuses_a_benchmark_that_only_the_second_run_has(self):
        self.assertIn("measured on B and missing on A: poll/", self.refusal(rows=self.waves() + self.waves("poll")))

    def test_lists_what_neither_run_measured(self):
        skip = {"connector": "io-uring", "target": "accepting", "reason": "the kernel forbids it"}
        done = self.compare(*(self.run_of(name, self.waves(), skipped=[skip]) for name in "ab"))
        self.assertIn("not measured on either side: io-uring on accepting: the kernel forbids it", done.stdout)

    def test_refuses_an_incomplete_run(self):
        self.assertRegex(self.refusal(complete=False), r"B \(.*\) is not complete")

    def test_refuses_another_schema_version(self):
        self.assertRegex(self.refusal(schema_version=77), "has schema version 77, this script reads versions up to")

    def test_refuses_runs_of_an_older_schema_because_their_figures_mean_something_else(self):
        said = self.refusal(schema_version=1)
        self.assertRegex(said, "has schema version 1, this script compares runs of version .*: measure it again")

    def test_refuses_two_machines(self):
        for environment in (
            ENVIRONMENT | {"kernel": {"release": "5.0"}},
            ENVIRONMENT | {"cpu": {"model": "Other", "online": [0, 1]}},
            ENVIRONMENT | {"cpu": {"model": "Abacus", "online": [0]}},
        ):
            self.assertIn("measured on two machines", self.refusal(environment=environment))
            self.doCleanups()
            self.setUp()

    def test_refuses_runs_with_failed_waves(self):
        failure = {"connector": "epoll", "target": "accepting", "wave": 3, "failure": "killed by signal 9"}
        self.assertIn(
            "1 wave failed, the first epoll on accepting: killed by signal 9", self.refusal(failures=[failure])
        )

    def test_refuses_two_loads_under_one_name(self):
        self.assertIn("two loads", self.refusal(rows=self.waves(attempts=500)))

    def test_refuses_attempts_that_end_in_another_way(self):
        rows = self.waves(connects_per_s="", connected=0)
        self.assertIn("connects_per_s on A but not on B: its attempts ended in another way", self.refusal(rows=rows))

    def test_refuses_a_folder_that_is_not_a_run(self):
        first = self.run_of("a", self.waves())
        self.assertIn("run.json is missing", self.compare(first, self.folder / "nowhere").stderr)
        (first / "summary.csv").unlink()
        self.assertIn("summary.csv is missing", self.compare(first, first).stderr)
        (first / "run.json").write_text("{")
        self.assertIn("run.json cannot be read", self.compare(first, first).stderr)

    def test_refuses_a_damaged_summary_and_names_the_damage(self):
        good = (self.run_of("whole", self.waves()) / "summary.csv").read_text()
        for number, (text, said) in enumerate(
            (
                (
                    good.replace(",", ";"),
                    "summary.csv has no column scenario, connector, target, family, concurrency, timeout_ns, "
                    "repetition, wave",
                ),
                (good.replace("cpu_ns", "cpu"), "summary.csv has no column cpu_ns;"),
                (good[: good.rstrip().rfind(",")], "summary.csv is damaged: row 8, the last, is cut short"),
                (
                    good.replace(",100,100,", ",some,100,"),
                    "summary.csv: row 1 has 'some' as attempts, which is not a number",
                ),
                (
                    good.replace("burst", "steady:uniform"),
                    "summary.csv: row 1 has the scenario 'steady:uniform', which has no rate",
                ),
                (good.encode() + b"\xff", "summary.csv cannot be read"),
            )
        ):
            folder = self.run_of(f"run{number}", self.waves())
            (folder / "summary.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
            done = self.compare(folder, folder)
            self.assertEqual((done.returncode, done.stdout), (2, ""), said)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        said = self.refusal(rows=self.waves(cpu_ns="nan"))
        self.assertIn("summary.csv: row 1 has 'nan' as cpu_ns, which is not a number", said)

    def test_refuses_a_damaged_run_json_and_names_the_damage(self):
        for text, said in (
            ("[]", "run.json is damaged: it is not an object"),
            ("7", "run.json is damaged"),
            ('{"schema_version": 2, "complete": true}', "run.json has no environment.cpu.model;"),
        ):
            folder = self.run_of(f"run{len(text)}", self.waves())
            (folder / "run.json").write_text(text)
            done = self.compare(folder, folder)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
        self.assertIn("run.json has no environment.cpu.model;", self.refusal(environment=ENVIRONMENT | {"cpu": {}}))

    def test_refuses_an_invalid_seed(self):
        for seed in ("-1", "one"):
            with contextlib.redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit) as ended:
                COMPARE.run(["a", "b", "--seed", seed])
            self.assertEqual(ended.exception.code, 2)
            self.assertIn(f"--seed: '{seed}' is not valid: expected a whole number from 0", err.getvalue())

    def test_names_a_file_that_cannot_be_written_and_prints_the_table_anyway(self):
        first, second = (self.run_of(name, self.waves()) for name in "ab")
        for flag in ("--csv", "--markdown"):
            file = self.folder / "nowhere/table"
            done = self.compare(first, second, flag, file)
            self.assertEqual(done.returncode, 2)
            self.assertIn("3 same", done.stdout)
            self.assertRegex(done.stderr, rf"\Ascripts/compare: .*No such file or directory: '{file}'\n\Z")

    def test_two_kernels_are_compared_on_request_and_marked_on_every_line(self):
        other = ENVIRONMENT | {"kernel": {"release": "6.12"}}
        first, second = self.run_of("a", self.waves()), self.run_of("b", self.waves(factor=1.3), environment=other)
        files = ["--csv", self.folder / "v.csv", "--markdown", self.folder / "v.md"]
        done = self.compare(first, second, "--across", *files)
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = [line for line in done.stdout.splitlines() if line.startswith("epoll/")]
        self.assertGreater(len(lines), 2)
        for line in lines:
            self.assertTrue(line.endswith("regressed (across kernel 6.1 / 6.12)"), line)
        self.assertIn("across machines or kernels: a difference may be theirs", done.stdout)
        with open(self.folder / "v.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({(row["verdict"], row["across"]) for row in rows}, {("regressed", "kernel 6.1 / 6.12")})
        self.assertEqual((self.folder / "v.md").read_text().count("across kernel 6.1 / 6.12"), len(rows))

    def test_across_says_when_there_is_one_machine_only(self):
        done = self.compare(*(self.run_of(name, self.waves()) for name in "ab"), "--across")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("--across: both runs are of one machine and kernel", done.stdout)
        self.assertNotIn("(across", done.stdout)

    def test_the_harness_is_not_judged(self):
        rows = [*self.waves("null"), *self.waves()], [*self.waves("null", factor=2), *self.waves()]
        done = self.compare(*(self.run_of(name, one) for name, one in zip("ab", rows)))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("not judged: null, which measure the harness itself", done.stdout)
        self.assertNotIn("null/accepting", done.stdout)

    def test_an_internal_error_is_not_a_regression(self):
        first, second = (self.run_of(name, self.waves()) for name in "ab")
        with mock.patch.object(compare, "judge_cases", side_effect=RuntimeError("never thought of")):
            done = self.compare(first, second)
        self.assertEqual(done.returncode, 2)
        self.assertIn("never thought of", done.stderr)
        self.assertTrue(
            done.stderr.endswith("scripts/compare: internal error, no result: this is a bug in the script\n")
        )

    def test_refuses_a_damaged_self_test(self):
        first, second = (self.run_of(name, self.waves()) for name in "ab")
        for text in ("{", "[]", "{}", '{"noise": [{"benchmark": "epoll"}], "machine": "Abacus"}'):
            (self.folder / "result.json").write_text(text)
            with mock.patch.object(compare, "SELF_TEST", self.folder):
                done = self.compare(first, second)
            self.assertEqual(done.returncode, 2, text)
            self.assertRegex(done.stderr, r"\Ascripts/compare: .*result.json .*--self-test writes it again\n\Z")

    def test_refuses_a_run_without_waves(self):
        self.assertIn("no wave was measured", self.refusal(rows=[]))

    def test_notes_that_the_builds_are_of_two_kinds(self):
        other = json.loads(json.dumps(ENVIRONMENT))
        other["build"]["type"] = "Debug"
        done = self.compare(self.run_of("a", self.waves()), self.run_of("b", self.waves(), environment=other))
        self.assertIn("two kinds of build: type is 'None' on A, 'Debug' on B", done.stdout)
