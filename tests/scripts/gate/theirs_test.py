"""The gate for connectors of another project: programs, repositories and builds that are not ours."""

import csv
import json
import os
import subprocess
from unittest import mock

import forked
import unread
from gate.pretended import PretendedBuilds
from made_runs import ROOT, SIDES, pretended_answers


class Theirs(PretendedBuilds):
    CONNECTOR = "my-way"

    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")})
        patch.start()
        self.addCleanup(patch.stop)

    def program(self, side, *more, **facts):
        place = super().program(side, *more, **facts) / "bin"
        known = {"my-way": True, "epoll": True, "stubborn": False, "null": True}
        fine = {"granularity_ns": 1, "floor_ns": 0}
        pretended_answers(place, *((name, keeps, fine) for name, keeps in known.items()), cpus=SIDES)
        return place / "connbench"

    def regress(self, *words, folder=None):
        return forked.run(["regress", *words, "--out", self.folder / "out"], cwd=folder or self.folder)

    def rows(self):
        with open(self.folder / "out/verdicts.csv", newline="") as file:
            return {(row["benchmark"].split("/")[0], row["metric"]): row["verdict"] for row in csv.DictReader(file)}


class ProgramsTest(Theirs):
    def compare(self, *more, factor=1.0, pairs="12"):
        files = {"--base-program": self.program("base"), "--head-program": self.program("head", factor)}
        return self.regress(*(word for two in files.items() for word in two), "--pairs", pairs, *more)

    def asked(self, load):
        asked = (self.folder / "head/bin/asked").read_text()
        return next(line for line in asked.splitlines() if f"--target {load}" in line)

    def test_a_slower_connector_of_theirs_is_a_regression(self):
        done = self.compare("--connector", "my-way", factor=1.3)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(self.rows()["my-way", "connects_per_s"], "regressed")
        self.assertIn("--connector my-way --target accepting --concurrency 64", self.asked("accepting"))

    def test_the_verdict_is_in_its_files_before_it_is_printed(self):
        files = self.folder / "out/verdicts.csv", self.folder / "table.md"
        words = ["--base-program", self.program("base"), "--head-program", self.program("head", factor=1.3)]
        words += ["--connector", "my-way", "--pairs", "12", "--markdown", files[1], "--out", self.folder / "out"]
        self.assertEqual(unread.status_once_written([ROOT / "scripts/regress", *words], files), 130)
        self.assertEqual(self.rows()["my-way", "connects_per_s"], "regressed")
        self.assertIn("regressed", files[1].read_text())

    def test_the_verdict_lists_what_was_judged_and_what_was_not(self):
        done = self.compare("--connector", "my-way,stubborn", pairs="2")
        # The pretended programs measure my-way only.
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("--connector stubborn: this connector has no figure, so nothing would be judged", done.stderr)
        (self.folder / "gate.toml").write_text('[rate]\nconnectors = ["my-way"]\n')
        for side in "base", "head":
            subprocess.run(["rm", "-r", self.folder / side], check=True)
        subprocess.run(["rm", "-r", self.folder / "out"], check=True)
        done = self.compare("--load", self.folder / "gate.toml", pairs="2")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        self.assertIn("judged: my-way on accepting (cpu_per_attempt, wall_time, connects_per_s)\n", done.stdout)
        self.assertIn("not judged: other targets, families and loads than these; tails (p90, p99)", done.stdout)
        self.assertIn(
            "bytes were not judged (there is no connbench-baseline.json; scripts/exact --program", done.stdout
        )
        self.assertIn("thresholds: the wide default", done.stdout)
        self.assertNotIn("backlog-full", (self.folder / "head/bin/asked").read_text())

    def test_where_system_calls_cannot_be_counted_the_rest_is_judged_and_the_verdict_says_so(self):
        baseline = self.folder / "connbench-baseline.json"
        baseline.write_text("{}")
        files = {"--base-program": self.program("base"), "--head-program": self.program("head")}
        doctor = self.folder / "head/bin/doctor.json"
        row = {"subject": "counting system calls", "value": "not possible: the column stays empty", "remedy": "REMEDY"}
        doctor.write_text(json.dumps(json.loads(doctor.read_text()) | {"machine": [row]}))
        words = [word for two in files.items() for word in two]
        done = self.regress(*words, "--connector", "my-way", "--pairs", "2", "--baseline", baseline)
        self.assertIn(done.returncode, (0, 4), done.stdout + done.stderr)
        self.assertIn("were not judged (counting them here is not possible: REMEDY)", done.stdout)

    def test_a_named_connector_without_a_figure_is_unusable(self):
        done = self.compare("--connector", "my-way,epoll")
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, r"\Ascripts/regress: --connector epoll: this connector has no figure.*\n\Z")

    def test_a_connector_without_a_timeout_is_not_measured_where_nobody_answers(self):
        self.compare("--connector", "my-way,stubborn", pairs="2")
        self.assertIn("--connector my-way,stubborn --target accepting", self.asked("accepting"))
        self.assertIn("--connector my-way --target backlog-full", self.asked("backlog-full"))

    def test_what_goes_together_is_asked_for(self):
        file = str(self.program("base"))
        for words, said in (
            (["--base-program", file], "--base-program and --head-program go together"),
            (["--base-program", file, "--head-program", file], "--connector is missing"),
            (["--base-program", file, "--head-program", file, "--base-build", "a", "--head-build", "b"], "not both"),
            (["HEAD", "--build", "make"], "--build COMMAND and --program FILE go together"),
            (["HEAD", "--program", "x"], "--build COMMAND and --program FILE go together"),
            (["HEAD", "--build", "make", "--program", "/x", "--connector", "a"], "in the tree of each revision"),
            (["HEAD", "--base-program", file], "not several of them"),
            (["--base-program", "none", "--head-program", file, "--connector", "a"], "base: .*none is not there"),
            (["--base-program", "/tmp", "--head-program", file, "--connector", "a"], "base: /tmp is not there, or is"),
            (["--base-program", file, "--head-program", file, "--load", "none"], "none cannot be read"),
        ):
            with self.subTest(words):
                done = self.regress(*words)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, said)


class RepositoryTest(Theirs):
    """A repository of theirs, whose programs are made by copying, without CMake."""

    BUILD = ["--build", "mkdir build && cp -r made/bin build/my && echo built", "--program", "build/my/connbench"]

    def setUp(self):
        super().setUp()
        self.root = self.folder / "theirs"
        self.root.mkdir()
        self.program("theirs/made")
        self.git("init", "--quiet")
        self.commit()

    def git(self, *words):
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *words]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def slower(self):
        subprocess.run(["rm", "-r", self.root / "made"], check=True)
        self.program("theirs/made", 1.4)
        self.commit()

    def assert_nothing_left(self):
        self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.assertEqual([path for path in (self.folder / "cache").rglob("*") if path.is_file()], [])

    def test_both_revisions_are_built_with_their_own_command_and_a_slower_one_is_found(self):
        self.slower()
        done = self.regress("HEAD~1", *self.BUILD, "--connector", "my-way", "--pairs", "12", folder=self.root / "made")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertEqual(self.rows()["my-way", "connects_per_s"], "regressed")
        self.assertIn(f"base: HEAD~1 ({self.git('rev-parse', 'HEAD~1')[:12]})", done.stdout)
        self.assert_nothing_left()

    def test_a_build_that_fails_is_reported_with_the_end_of_its_log(self):
        words = ["--build", "echo no compiler; false", "--program", "x", "--connector", "my-way"]
        done = self.regress("HEAD", *words, folder=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("base does not build", done.stderr)
        self.assertIn("no compiler", done.stderr)
        done = self.regress("HEAD", "--build", "true", "--program", "x", "--connector", "my-way", folder=self.root)
        self.assertEqual(done.returncode, 2)
        self.assertIn("base: 'true' did not make x: name what it makes in --program", done.stderr)
        self.assert_nothing_left()

    def test_revisions_are_built_in_the_cache_of_the_user(self):
        words = ["--build", f"pwd >> {self.folder}/where; false", "--program", "x", "--connector", "my-way"]
        self.regress("HEAD", *words, folder=self.root)
        self.assertTrue((self.folder / "where").read_text().startswith(f"{self.folder}/cache/connbench/worktrees/"))

    def test_outside_a_repository_it_says_so(self):
        done = self.regress("HEAD", *self.BUILD, "--connector", "my-way", folder="/")
        self.assertEqual(done.returncode, 2)
        self.assertIn("not a git repository", done.stderr)

    def test_exact_compares_with_the_baseline_of_their_repository(self):
        facts = {"git_commit": "abc", "compiler": "cc 1", "type": "Release"}
        calls = {"connector": "my-way", "target": "accepting", "method": "strace", "attempts": 100}
        environment = {"kernel": {"release": "6.1", "machine": "x86_64"}, "cpu": {"model": "Abacus", "online": [0, 1]}}
        environment |= {"build": facts, "libraries": {"glibc": "2.36"}}
        self.counted = {"environment": environment, "syscalls": []}
        for target in "accepting", "refusing", "backlog-full":
            self.counted["syscalls"].append(calls | {"target": target, "calls": {"connect": 100, "close": 100}})
        subprocess.run(["rm", "-r", self.root / "made"], check=True)
        program = self.program("theirs/made", **self.counted)
        words = ["--program", program, "--connector", "my-way"]
        accepted = self.exact(*words, "--accept", "--runs", "2")
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        kept = json.loads((self.root / "connbench-baseline.json").read_text())["connectors"]
        self.assertEqual(kept["my-way"]["accepting"]["connect"], 1)
        same = self.exact(*words)
        self.assertEqual(same.returncode, 0, same.stderr)
        self.assertIn("Not compared: allocations, threads and memory", same.stdout)
        self.commit()
        self.counted["syscalls"][0]["calls"]["connect"] = 200
        subprocess.run(["rm", "-r", self.root / "made"], check=True)
        self.program("theirs/made", **self.counted)
        self.commit()
        done = self.regress("HEAD~1", *self.BUILD, "--connector", "my-way", "--pairs", "2", folder=self.root)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("| `my-way` | connect() per attempt, accepting | 1 | 2 |", done.stdout)
        self.assertIn("they differ from the baseline", done.stdout)

    def exact(self, *words):
        return forked.run(["exact", *words], cwd=self.root)

    def test_exact_says_what_goes_together(self):
        for words, said in (
            ([], "give either a build folder or --program FILE"),
            (["build", "--program", "x"], "give either a build folder or --program FILE"),
            (["--program", "x", "--accept"], "--connector is missing"),
            (["--program", "x", "--what", "pending"], "pending can be counted in a build folder of connbench only"),
            (["--program", "none"], "none is not there, or is not a program: build it first"),
        ):
            with self.subTest(words):
                done = self.exact(*words)
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr)
