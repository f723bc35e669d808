"""scripts/regress with pretended programs: what it asks of them, and how it reports each kind of failure."""

import contextlib
import csv
import io
import shutil
import subprocess
from types import SimpleNamespace
from unittest import mock

from connbench_tools.failures import Unusable
from connbench_tools.gate import regression, suite
from connbench_tools.gate.runs import JudgedRun
from gate.pretended import PretendedBuilds, first_of, wait_until_gone
from made_runs import ENVIRONMENT, ROOT, SIDES_FLAG, RunsTest, script, wave

REGRESS = script("regress")  # not in a process of its own, because scipy takes most of a second to import


class RegressTest(PretendedBuilds):
    def regress(self, *more, pairs="8"):
        out, err = io.StringIO(), io.StringIO()
        words = [
            "--base-build",
            self.folder / "base",
            "--head-build",
            self.folder / "head",
            "--pairs",
            pairs,
            "--no-exact",
        ]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = REGRESS.run([str(word) for word in (*words, "--out", self.folder / "out", *more)])
        return subprocess.CompletedProcess((), status, out.getvalue(), err.getvalue())

    def refusal(self, **head):
        self.program("base")
        self.program("head", **head)
        done = self.regress("--markdown", self.folder / "table.md", pairs="2")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stdout, "", "a table was printed")
        self.assertIn("unusable", (self.folder / "table.md").read_text())
        return done.stderr

    def verdicts(self):
        with open(self.folder / "out/verdicts.csv", newline="") as file:
            return {(row["benchmark"], row["metric"]): row["verdict"] for row in csv.DictReader(file)}

    def test_a_slower_head_is_a_regression_in_the_table_and_in_the_records(self):
        self.program("base")
        self.program("head", factor=1.3)
        done = self.regress("--markdown", self.folder / "table.md", pairs="16")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        verdicts = self.verdicts()
        rate = "epoll/accepting/concurrency:8/timeout:1s"
        for metric in ("connects_per_s", "cpu_per_attempt", "wall_time"):
            self.assertEqual(verdicts[rate, metric], "regressed")
        late = "epoll/backlog-full/concurrency:8/timeout:1s/scenario:steady:poisson:4000/s"
        self.assertEqual(verdicts[late, "overshoot_p50"], "same")
        self.assertIn("confirmed by 16 further pairs: +30.0%", done.stdout)
        self.assertIn("**regressed**", (self.folder / "table.md").read_text())
        head = "benchmark,metric,pairs,effect,ci_low,ci_high,p_value,threshold,verdict"
        self.assertEqual((self.folder / "out/verdicts.csv").read_text().splitlines()[0], head)

    def test_each_side_runs_in_its_own_process_and_folder_with_separate_processors(self):
        for side in ("base", "head"):
            self.program(side, before=f'echo {side} "$load" >> "$here/../../turns"')
        self.regress("--seed", "5", pairs="6")
        asked = {side: (self.folder / side / "bin/asked").read_text().splitlines() for side in ("base", "head")}
        for side, lines in asked.items():
            self.assertGreaterEqual(len(lines), 6 * len(suite.LOADS))
            for line in lines:
                self.assertRegex(line, f" {SIDES_FLAG} --seed [0-9]+ --samples none --syscalls off --out ")
                self.assertIn(f"/{side}-", line)
        seeds = [[line.partition(" --seed ")[2].split()[0] for line in lines] for lines in asked.values()]
        self.assertEqual(seeds[0], seeds[1], "the sides got other random arrivals")
        self.assertEqual(len(set(seeds[0])), len(seeds[0]), "the turns of a side are alike")
        with open(self.folder / "out/pairs.csv", newline="") as file:
            orders = [row["order"] for row in csv.DictReader(file)]
        self.assertEqual(set(orders), {"AB", "BA"})
        turns = [line.split() for line in (self.folder / "turns").read_text().splitlines()]
        for order in orders[:6]:
            for load, pattern in suite.TURNS.items():
                sides = [("base", "head")["AB".index(order["AB".index(turn)])] for turn in pattern]
                self.assertEqual(turns[: len(pattern)], [[side, load] for side in sides])
                del turns[: len(pattern)]

    def test_the_exact_gate_takes_its_time_from_the_budget_and_a_calibration_does_not(self):
        self.program("base")
        self.program("head")
        passed = [1000.0]

        def takes(seconds, answer):
            def call(*_):
                passed[0] += seconds
                return answer

            return call

        with contextlib.ExitStack() as stack:
            for name, made in (
                ("time", mock.Mock(monotonic=lambda: passed[0])),
                ("calibrate", takes(40, [])),
                ("run_exact", takes(60, (0, []))),
                ("judge_sides", mock.Mock(return_value=([], [], None))),
            ):
                stack.enter_context(mock.patch.object(regression, name, made))
            self.regress("--budget", "100s", "--calibrate")
            self.assertEqual(regression.judge_sides.call_args.args[-1], 40)

    def test_warns_below_twenty_pairs_and_says_what_was_not_judged(self):
        self.program("base")
        self.program("head")
        done = self.regress(pairs="3")
        self.assertIn("judged at 3 pairs: below 20 nothing is certain", done.stdout)
        self.assertIn("system calls, threads, allocations and bytes were not judged (--no-exact)", done.stdout)

    def test_reports_the_signal_of_a_head_that_crashes(self):
        of_a_pair = sum(turns.count("A") for turns in suite.TURNS.values())
        number = of_a_pair + suite.TURNS["rate"].count("A") + 1
        crash = f'if [ "$(wc -l < "$here/asked")" -eq {number} ]; then kill -SEGV $$; fi'
        said = self.refusal(before=crash)
        self.assertRegex(said, r"scripts/regress: head: .*/head/bin/connbench was killed by SIGSEGV on the load 'late'")
        self.assertTrue(
            (self.folder / "out/pairs.csv").read_text().endswith("\n"), "the earlier pairs are not readable"
        )

    def test_refuses_a_head_whose_attempts_end_in_another_way(self):
        said = self.refusal(before='echo "3 refused" >&2; cp -r "$here/$load" "$(eval echo \\${$#})"; exit 1')
        self.assertRegex(
            said,
            "head: .* ended with 1 .attempts ended in a way that the target does not explain.*3 refused. Its records: ",
        )

    def test_distinguishes_a_head_that_does_not_know_the_suite_from_a_crash(self):
        self.assertIn("it is too old, or too new, for this gate", self.refusal(before="exit 2"))

    def test_ends_a_head_that_hangs(self):
        with mock.patch.object(suite, "LONGEST", 3):
            said = self.refusal(before="echo $$ > $here/hanging; exec sleep 1000")
        self.assertIn("did not end within 3 s", said)
        wait_until_gone(int((self.folder / "head/bin/hanging").read_text()))

    def test_has_no_load_whose_arrivals_keep_step_with_timeouts_or_round_trips(self):
        for name, arguments in suite.LOADS.items():
            self.assertNotIn("uniform", " ".join(arguments), name)

    def test_refuses_an_incomplete_run_another_schema_and_another_machine(self):
        for facts, said in (
            ({"complete": False}, "is not complete"),
            ({"schema_version": 9}, "schema version 9"),
            ({"environment": ENVIRONMENT | {"kernel": {"release": "5"}}}, "two machines"),
        ):
            self.assertIn(said, self.refusal(**facts))
            self.doCleanups()
            self.setUp()

    def test_refuses_a_benchmark_that_the_head_lacks(self):
        self.program("base")
        (self.program("head") / "bin/before").write_text('sed -i "s/,epoll,/,poll,/" "$here/rate/summary.csv"')
        self.assertIn("measured on base and missing on head: epoll/accepting", self.regress(pairs="2").stderr)

    def test_leaves_out_a_load_that_neither_side_can_run_and_refuses_one_that_only_one_side_can_run(self):
        for side in ("base", "head"):
            shutil.rmtree(self.program(side) / "bin/added")
        done = self.regress(pairs="2")
        self.assertIn("not measured: the load 'added': connbench: no namespaces here", done.stdout)
        self.assertNotIn("command/added", {name for name, _ in self.verdicts()})
        shutil.rmtree(self.folder / "head/bin/late")
        shutil.rmtree(self.folder / "out")
        self.assertIn("the load 'late' can be measured on one side only", self.regress(pairs="2").stderr)

    def test_refuses_a_missing_program_and_contradictory_arguments(self):
        self.program("base")
        self.assertIn("head/bin/connbench is not there", self.regress().stderr)
        for words in (
            ["--self-test", "HEAD"],
            [],
            ["HEAD", "--base-build", "x"],
            ["--base-build", "x"],
            ["HEAD", "--pairs", "3,2"],
            ["HEAD", "--budget", "soon"],
            ["--base-build", "x", "--head-build", "x", "--seed", "-1"],
            ["--self-test", "--comparisons", "0", "--pairs-file", "nowhere"],
        ):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
                REGRESS.run(words)
            self.assertEqual(ended.exception.code, 2, words)

    def test_accepting_is_done_by_the_exact_gate_on_the_build_of_the_head(self):
        exact = self.folder / "exact"
        given = SimpleNamespace(head_build=self.folder / "head")
        with mock.patch.object(regression, "PROGRAMS", self.folder):
            self.assertRaisesRegex(Unusable, "exact is not there", regression.accept, given)
            exact.write_text('#!/bin/sh\necho "$*" >"${0%/*}/asked"; exit 3\n')
            exact.chmod(0o755)
            self.assertEqual(regression.accept(given), 3)
        self.assertEqual((self.folder / "asked").read_text(), f"{self.folder}/head --accept\n")

    def test_a_folder_that_cannot_be_created_is_not_a_regression(self):
        self.program("base")
        self.program("head")
        (self.folder / "file").touch()
        for more in ([], ["--markdown", self.folder / "nowhere/table.md"]):
            done = self.regress("--out", self.folder / "file/out", *more, pairs="2")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"\Ascripts/regress: .*Not a directory: '{self.folder}/file/out'\n\Z")

    def test_prints_the_table_even_if_its_file_cannot_be_written(self):
        self.program("base")
        self.program("head", factor=1.3)
        done = self.regress("--markdown", self.folder / "nowhere/table.md", pairs="2")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("connects_per_s", done.stdout)
        self.assertRegex(
            done.stderr, rf"\Ascripts/regress: .*No such file or directory: '{self.folder}/nowhere/table.md'\n\Z"
        )

    def test_a_summary_in_another_format_is_not_a_regression(self):
        said = self.refusal(before='sed -i "s/,/;/g" "$here/rate/summary.csv"')
        self.assertIn("summary.csv has no column scenario, connector", said)

    def test_an_internal_error_is_not_a_regression(self):
        self.program("base")
        self.program("head")
        with mock.patch.object(regression, "judge_sides", side_effect=RuntimeError("never thought of")):
            done = self.regress(pairs="2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("never thought of", done.stderr)
        self.assertTrue(
            done.stderr.endswith("scripts/regress: internal error, no result: this is a bug in the script\n")
        )

    def interrupted(self, *more):
        waits = "echo $$ > $here/waiting; exec sleep 1000"
        folders = [self.program(side, before=waits) for side in ("base", "head")]
        builds = ["--base-build", folders[0], "--head-build", folders[1]]
        command = [ROOT / "scripts/regress", *builds, "--out", self.folder / "out", *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting = first_of(process, *(folder / "bin/waiting" for folder in folders))
        process.terminate()
        out, err = process.communicate()
        self.assertEqual((process.returncode, out), (130, ""))
        self.assertIn("interrupted, no verdict", err)
        wait_until_gone(int(waiting.read_text()))

    def test_ends_its_child_processes_when_interrupted_between_turns(self):
        self.interrupted("--no-exact")

    def test_ends_the_exact_gate_and_its_child_processes_when_interrupted(self):
        self.interrupted()


class SuiteTest(RunsTest):
    def test_adds_up_amounts_over_turns_and_takes_the_median_of_percentiles(self):
        measured = suite.Measured()
        for number, (rate, cpu, late) in enumerate([(10000, 4e6, 50), (40000, 8e6, 90)], 1):
            more = {"connects_per_s": rate, "cpu_ns": cpu, "attempts": 100, "overshoot_p50_ns": late}
            measured.add("rate", JudgedRun(self.run_of(f"run{number}", [wave("epoll", 1, **more)]), "base"), 0.5)
        values = measured.values()
        name = "epoll/accepting/concurrency:8/timeout:1s"
        self.assertEqual(
            values[name, "connects_per_s"], 16000, "the same number of connections took 1/10000 and 1/40000 s each"
        )
        self.assertEqual(values[name, "cpu_per_attempt"], 60000)
        self.assertEqual(values[name, "overshoot_p50"], 50)
        self.assertEqual(values["command/rate", "wall_time"], 1e9)
