"""scripts/regress with programs that only pretend: what it asks of them, and what becomes of each way in which they fail:
python3 tests/scripts/regress_test.py"""

import contextlib
import csv
import io
import os
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path
from unittest import mock

from made_runs import ENVIRONMENT, ROOT, RunsTest, script, wave

import gate_suite

REGRESS = script("regress")  # in this process: scipy takes most of a second to import
# Answers as connbench does: copies the run that is made beforehand for the load, and notes what it was asked.
CONNBENCH = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
  doctor) echo "--cpus client=3,server=4"; exit 0 ;;
  *--target\\ accepting*) load=rate ;;
  *--target\\ backlog-full*) load=late ;;
  *) load=added ;;
esac
case "$*" in
  *--dry-run*) [ -e "$here/$load" ] && exit 0; echo "connbench: no namespaces here" >&2; exit 3 ;;
esac
echo "$*" >> "$here/asked"
. "$here/before"
for out; do :; done
cp -r "$here/$load" "$out"
"""
LATE = {"scenario": "steady:uniform:4000/s", "target": "backlog-full"}
ADDED = {"scenario": "steady:uniform:2000/s", "target": "delayed:2ms", "connects_per_s": 1990}


class RegressTest(RunsTest):
    def program(self, side, factor=1.0, before="", **facts):
        """A build folder. `before`: shell that runs before each answer. `factor`: how much more time and CPU it takes."""
        (self.folder / side / "bin").mkdir(parents=True)
        place = self.folder / side / "bin"
        own = {"cpu_ns": 3e6 * factor, "makespan_ns": 5e6 * factor, "connects_per_s": 20000 / factor}
        self.run_of(f"{side}/bin/rate", [wave("epoll", number, **own) for number in (1, 2, 3)], **facts)
        self.run_of(f"{side}/bin/late", [wave("epoll", 1, overshoot_p50_ns=50, overshoot_p90_ns=90, cpu_ns=1, **LATE)], **facts)
        self.run_of(f"{side}/bin/added", [wave("epoll", 1, added_p50_ns=40, cpu_ns=1, **ADDED)], **facts)
        (place / "before").write_text(before)
        (place / "connbench").write_text(CONNBENCH)
        (place / "connbench").chmod(0o755)
        return self.folder / side

    def regress(self, *more, pairs="8"):
        out, err = io.StringIO(), io.StringIO()
        words = ["--base-build", self.folder / "base", "--head-build", self.folder / "head", "--pairs", pairs, "--no-exact"]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = REGRESS.main([str(word) for word in (*words, "--out", self.folder / "out", *more)])
        return subprocess.CompletedProcess((), status, out.getvalue(), err.getvalue())

    def refusal(self, **head):
        self.program("base")
        self.program("head", **head)
        done = self.regress("--markdown", self.folder / "table.md", pairs="2")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertEqual(done.stdout, "", "nothing is judged")
        self.assertIn("unusable", (self.folder / "table.md").read_text())
        return done.stderr

    def verdicts(self):
        with open(self.folder / "out/verdicts.csv", newline="") as file:
            return {(row["benchmark"], row["metric"]): row["verdict"] for row in csv.DictReader(file)}

    def test_a_slower_head_has_regressed_and_the_records_say_so(self):
        self.program("base")
        self.program("head", factor=1.3)
        done = self.regress("--markdown", self.folder / "table.md", pairs="16")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        verdicts = self.verdicts()
        rate = "epoll/accepting/concurrency:8/timeout:1s"
        for metric in ("connects_per_s", "cpu_per_attempt", "wall_time"):
            self.assertEqual(verdicts[rate, metric], "regressed")
        late = "epoll/backlog-full/concurrency:8/timeout:1s/scenario:steady:uniform:4000/s"
        self.assertEqual(verdicts[late, "overshoot_p50"], "same")
        self.assertIn("confirmed by 16 further pairs: +30.0%", done.stdout)
        self.assertIn("**regressed**", (self.folder / "table.md").read_text())
        head = "benchmark,metric,pairs,effect,ci_low,ci_high,p_value,threshold,verdict"
        self.assertEqual((self.folder / "out/verdicts.csv").read_text().splitlines()[0], head)

    def test_each_side_runs_in_a_process_and_a_folder_of_its_own_with_its_processors_kept_apart(self):
        for side in ("base", "head"):
            self.program(side, before=f'echo {side} "$load" >> "$here/../../turns"')
        self.regress("--seed", "5", pairs="6")
        asked = {side: (self.folder / side / "bin/asked").read_text().splitlines() for side in ("base", "head")}
        for side, lines in asked.items():
            self.assertGreaterEqual(len(lines), 6 * len(gate_suite.LOADS))
            for line in lines:
                self.assertIn(" --cpus client=3,server=4 --samples none --syscalls off --out ", line)
                self.assertIn(f"/{side}-", line)
        with open(self.folder / "out/pairs.csv", newline="") as file:
            orders = [row["order"] for row in csv.DictReader(file)]
        self.assertEqual(set(orders), {"AB", "BA"})
        turns = [line.split() for line in (self.folder / "turns").read_text().splitlines()]
        for order in orders[:6]:
            for load, pattern in gate_suite.TURNS.items():
                sides = [("base", "head")["AB".index(order["AB".index(turn)])] for turn in pattern]
                self.assertEqual(turns[: len(pattern)], [[side, load] for side in sides])
                del turns[: len(pattern)]

    def test_warns_below_twenty_pairs_and_says_what_was_not_judged(self):
        self.program("base")
        self.program("head")
        done = self.regress(pairs="3")
        self.assertIn("judged at 3 pairs: below 20 nothing is sure", done.stdout)
        self.assertIn("system calls, threads, allocations and bytes were not judged (--no-exact)", done.stdout)

    def test_a_head_that_crashes_in_the_middle_is_named_with_its_signal(self):
        of_a_pair = sum(turns.count("A") for turns in gate_suite.TURNS.values())
        number = of_a_pair + gate_suite.TURNS["rate"].count("A") + 1
        crash = f'if [ "$(wc -l < "$here/asked")" -eq {number} ]; then kill -SEGV $$; fi'
        said = self.refusal(before=crash)
        self.assertRegex(said, r"scripts/regress: head: .*/head/bin/connbench was killed by SIGSEGV on the load 'late'")
        self.assertTrue((self.folder / "out/pairs.csv").read_text().endswith("\n"), "the pairs so far stay readable")

    def test_a_head_whose_attempts_end_otherwise_is_no_measurement(self):
        said = self.refusal(before='echo "3 refused" >&2; cp -r "$here/$load" "$(eval echo \\${$#})"; exit 1')
        self.assertRegex(said, "head: .* ended with 1 .attempts ended otherwise than the target explains.*3 refused. Its records: ")

    def test_a_head_that_does_not_know_the_suite_is_told_from_a_crash(self):
        self.assertIn("too old, or too new, for this gate", self.refusal(before="exit 2"))

    def test_a_head_that_hangs_is_ended(self):
        with mock.patch.object(gate_suite, "LONGEST", 3):
            said = self.refusal(before="echo $$ > $here/hanging; exec sleep 1000")
        self.assertIn("did not end within 3 s", said)
        wait_until_gone(int((self.folder / "head/bin/hanging").read_text()))

    def test_refuses_an_incomplete_run_another_schema_and_another_machine(self):
        for facts, told in (({"complete": False}, "is not complete"), ({"schema_version": 9}, "schema version 9"),
                            ({"environment": ENVIRONMENT | {"kernel": {"release": "5"}}}, "two machines")):  # fmt: skip
            self.assertIn(told, self.refusal(**facts))
            self.doCleanups()
            self.setUp()

    def test_refuses_a_benchmark_that_the_head_lacks(self):
        self.program("base")
        (self.program("head") / "bin/before").write_text('sed -i "s/,epoll,/,poll,/" "$here/rate/summary.csv"')
        self.assertIn("measured on base and missing on head: epoll/accepting", self.regress(pairs="2").stderr)

    def test_a_load_that_neither_side_can_have_is_left_out_and_told_and_one_that_only_one_has_is_refused(self):
        for side in ("base", "head"):
            shutil.rmtree(self.program(side) / "bin/added")
        done = self.regress(pairs="2")
        self.assertIn("not measured: the load 'added': connbench: no namespaces here", done.stdout)
        self.assertNotIn("command/added", {name for name, _ in self.verdicts()})
        shutil.rmtree(self.folder / "head/bin/late")
        shutil.rmtree(self.folder / "out")
        self.assertIn("the load 'late' can be measured on one side only", self.regress(pairs="2").stderr)

    def test_refuses_what_was_not_built_and_what_makes_no_sense(self):
        self.program("base")
        self.assertIn("head/bin/connbench is not there", self.regress().stderr)
        for words in (["--self-test", "HEAD"], [], ["HEAD", "--base-build", "x"], ["--base-build", "x"], ["HEAD", "--pairs", "3,2"],
                      ["HEAD", "--budget", "soon"], ["--base-build", "x", "--head-build", "x", "--seed", "-1"],
                      ["--self-test", "--comparisons", "0", "--pairs-file", "nowhere"]):  # fmt: skip
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as ended:
                REGRESS.main(words)
            self.assertEqual(ended.exception.code, 2, words)

    def test_a_folder_that_cannot_be_made_is_named_and_is_no_regression(self):
        self.program("base")
        self.program("head")
        (self.folder / "file").touch()
        for more in ([], ["--markdown", self.folder / "nowhere/table.md"]):
            done = self.regress("--out", self.folder / "file/out", *more, pairs="2")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, rf"\Ascripts/regress: .*Not a directory: '{self.folder}/file/out'\n\Z")

    def test_a_table_that_cannot_be_written_was_told_all_the_same(self):
        self.program("base")
        self.program("head", factor=1.3)
        done = self.regress("--markdown", self.folder / "nowhere/table.md", pairs="2")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("connects_per_s", done.stdout)
        self.assertRegex(done.stderr, rf"\Ascripts/regress: .*No such file or directory: '{self.folder}/nowhere/table.md'\n\Z")

    def test_a_summary_of_another_form_is_no_regression(self):
        said = self.refusal(before='sed -i "s/,/;/g" "$here/rate/summary.csv"')
        self.assertIn("summary.csv has no column connector, target", said)

    def test_what_nobody_has_foreseen_is_no_regression(self):
        self.program("base")
        self.program("head")
        with mock.patch.object(REGRESS, "judge", side_effect=RuntimeError("never thought of")):
            done = self.regress(pairs="2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("never thought of", done.stderr)
        self.assertTrue(done.stderr.endswith("scripts/regress: nothing can be said: this was not foreseen, and is a defect\n"))

    def interrupted(self, *more):
        waits = "echo $$ > $here/waiting; exec sleep 1000"
        folders = [self.program(side, before=waits) for side in ("base", "head")]
        builds = ["--base-build", folders[0], "--head-build", folders[1]]
        command = [ROOT / "scripts/regress", *builds, "--out", self.folder / "out", *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        waiting = first_of(process, *(folder / "bin/waiting" for folder in folders))
        process.terminate()
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (130, ""))
        self.assertIn("interrupted, and without a verdict", err)
        wait_until_gone(int(waiting.read_text()))

    def test_interrupted_between_turns_it_ends_what_it_started_and_gives_no_verdict(self):
        self.interrupted("--no-exact")

    def test_interrupted_while_calls_are_counted_it_ends_what_that_started(self):
        self.interrupted()


def wait_until_gone(pid):
    """For ever, if it stays: the test's time limit tells. One that nobody has reaped yet is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)


def first_of(process, *paths):
    """The first of these files that has something in it; they are written by what `process` starts."""
    while True:
        for path in paths:
            if path.exists() and path.read_text().endswith("\n"):
                return path
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {process.communicate()[1]}")
        time.sleep(0.01)


class SuiteTest(RunsTest):
    def test_of_several_turns_amounts_add_up_and_percentiles_have_a_median(self):
        measured = gate_suite.Measured()
        for number, (rate, cpu, late) in enumerate([(10000, 4e6, 50), (40000, 8e6, 90)], 1):
            more = {"connects_per_s": rate, "cpu_ns": cpu, "attempts": 100, "overshoot_p50_ns": late}
            measured.add("rate", gate_suite.Run(self.run_of(f"run{number}", [wave("epoll", 1, **more)]), "base"), 0.5)
        values = measured.values()
        name = "epoll/accepting/concurrency:8/timeout:1s"
        self.assertEqual(values[name, "connects_per_s"], 16000, "the same number of connections took 1/10000 and 1/40000 s each")
        self.assertEqual(values[name, "cpu_per_attempt"], 60000)
        self.assertEqual(values[name, "overshoot_p50"], 50)
        self.assertEqual(values["command/rate", "wall_time"], 1e9)


class RevisionsTest(RunsTest):
    """A repository whose programs are made by copying: what is checked out, built, and left behind."""

    CMAKE = """cmake_minimum_required(VERSION 3.25)
project(pretended NONE)
foreach(target connbench floor_bench count_allocations)
  add_custom_target(${target} COMMAND sh ${CMAKE_SOURCE_DIR}/make_it ${CMAKE_BINARY_DIR})
endforeach()
"""
    PRESETS = """{"version": 6, "configurePresets": [{"name": "release", "generator": "Ninja",
      "binaryDir": "${sourceDir}/build/release"}]}"""

    def setUp(self):
        super().setUp()
        self.root = self.folder / "repository"
        self.root.mkdir()
        shutil.copytree(ROOT / "scripts", self.root / "scripts", ignore=shutil.ignore_patterns("exact*", "__pycache__"))
        RegressTest.program(self, "repository/made")
        (self.root / "CMakeLists.txt").write_text(self.CMAKE)
        (self.root / "CMakePresets.json").write_text(self.PRESETS)
        (self.root / "make_it").write_text('flock "$1" cp -r made/bin "$1" || exit 1\n'.replace("made", "$(dirname $0)/made"))
        (self.root / ".gitignore").write_text("/build/\n/results/\n")
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *words):
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *words]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self, message):
        self.git("add", "--all", "--force", "scripts", "made", "CMakeLists.txt", "CMakePresets.json", "make_it", ".gitignore")
        self.git("commit", "--quiet", "--message", message)

    def start(self, *words):
        command = [self.root / "scripts/regress", *words]
        return subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def regress(self, *words):
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess((), process.returncode, out, err)

    def assert_nothing_left(self):
        self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
        self.assertFalse((self.root / "build/regress").exists())

    def exact(self, text):
        (self.root / "scripts/exact").write_text(f"#!/bin/sh\n{text}\n")
        (self.root / "scripts/exact").chmod(0o755)
        self.commit("exact")

    def test_builds_two_revisions_and_leaves_no_worktree(self):
        with open(self.root / "make_it", "a") as file:
            file.write("# not committed\n")
        done = self.regress("HEAD", "--pairs", "2")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        self.assertIn("what is not committed is not judged", done.stdout)
        commit = self.git("rev-parse", "HEAD")[:12]
        self.assertIn(f"base: HEAD ({commit})", done.stdout)
        self.assertIn("were not judged (scripts/exact is not there)", done.stdout)
        self.assert_nothing_left()

    def test_a_difference_of_the_exact_gate_fails_it_however_the_times_are(self):
        self.exact('echo "$1: close +1"; exit 1')
        done = self.regress("HEAD~1", "--pairs", "2")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, "/head/build/release: close .1")
        self.assertIn("they differ from the baseline", done.stdout)
        self.assertIn(self.regress("HEAD~1", "--pairs", "2", "--no-exact").returncode, (0, 4))

    def test_accept_is_passed_on(self):
        self.exact('echo "$@"')
        done = self.regress("--accept")
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.root}/build/release --accept\n"))

    def test_refuses_what_is_no_revision(self):
        done = self.regress("nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "scripts/regress: 'nowhere' is no revision of this repository\n")

    def test_a_revision_that_does_not_build_is_named_with_the_end_of_the_log(self):
        (self.root / "make_it").write_text("echo broken here; exit 1\n")
        self.commit("broken")
        done = self.regress("HEAD~1")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "head does not build")
        self.assertIn("broken here", done.stderr)
        self.assert_nothing_left()

    def test_interrupted_while_it_builds_it_leaves_no_worktree_and_no_compiler(self):
        waiting = self.folder / "waiting"
        one_by_one = f"flock \"$1\" sh -c 'echo $$ > {waiting}; exec sleep 1000'\n"  # so that the file names one process
        (self.root / "make_it").write_text(one_by_one)
        self.commit("slow")
        process = self.start("HEAD")
        first_of(process, waiting)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130, err)
        self.assert_nothing_left()
        wait_until_gone(int(waiting.read_text()))

    def test_what_a_killed_one_left_is_removed_by_the_next(self):
        waiting = self.folder / "waiting"
        (self.root / "make_it").write_text(f"echo $$ > {waiting}; exec sleep 1000\n")
        self.commit("slow")
        process = self.start("HEAD")
        first_of(process, waiting)
        process.kill()
        process.communicate()
        os.kill(int(waiting.read_text()), signal.SIGTERM)
        self.assertGreater(len(self.git("worktree", "list").splitlines()), 1)
        self.assertIn(self.regress("HEAD~1", "HEAD~1", "--pairs", "2").returncode, (0, 4))
        self.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
