"""The package as a project elsewhere sees it: installed, moved, found, and run with connectors of its own.

Usage: installed_package_test.py CMAKE BUILD_FOLDER SOURCE_FOLDER COMPILER
"""

import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, SOURCE, COMPILER = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
COMPANIONS = ("report", "compare", "regress", "exact", "history", "table", "study", "export")
LOAD = ["--concurrency", "8", "--attempts", "64", "--timeout", "50ms", "--repetitions", "1"]


def call(*command):
    return subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def must(*command):
    ended = call(*command)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {ended.returncode}\n{ended.stdout}")
    return ended.stdout


class Outside(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.environ.setdefault("CMAKE_GENERATOR", "Ninja")  # scripts/setup installs no make
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.package = cls.folder / "moved"
        must(CMAKE, "--install", BUILD, "--prefix", cls.folder / "installed")
        (cls.folder / "installed").rename(cls.package)
        # Copies, so that nothing beside them can be found by chance.
        shutil.copytree(SOURCE / "examples/one_file", cls.folder / "example")
        shutil.copytree(SOURCE / "tests/installed_package", cls.folder / "project")
        cls.configure = [
            CMAKE,
            "-S",
            cls.folder / "project",
            f"-DEXAMPLE={cls.folder}/example",
            f"-DCMAKE_PREFIX_PATH={cls.package}",
            f"-DCMAKE_CXX_COMPILER={COMPILER}",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror",
        ]
        must(*cls.configure, "-B", cls.folder / "build")
        must(CMAKE, "--build", cls.folder / "build", "-j", "1")

    def run_with(self, program, status, *arguments):
        """Runs it, and gives what it recorded: the rows by (connector, target), and run.json."""
        out = self.folder / self.id()
        ended = call(self.folder / "build" / program, "run", *LOAD, *arguments, "--out", out)
        self.assertEqual(ended.returncode, status, ended.stdout)
        with open(out / "summary.csv", newline="") as file:
            rows = {(row["connector"], row["target"]): row for row in csv.DictReader(file)}
        self.assertTrue((out / "samples.csv").stat().st_size > 0)
        return rows, json.loads((out / "run.json").read_text())

    def test_its_connector_is_listed_behind_ours(self):
        """Programs in other languages, which an installed connbench has beside itself, are not of its table."""
        theirs, ours = (
            [
                entry["name"]
                for entry in json.loads(must(program, "list", "--format", "json"))["connectors"]
                if entry["group"] != "programs"
            ]
            for program in (self.folder / "build/example/my_bench", self.package / "bin/connbench")
        )
        self.assertEqual(theirs, [*ours, "my-way"])

    def test_its_connector_is_measured_beside_ours(self):
        rows, run = self.run_with(
            "example/my_bench", 0, "--connector", "my-way,epoll,null", "--target", "accepting,refusing,backlog-full"
        )
        self.assertTrue(run["complete"])
        self.assertEqual(run["failures"], [])
        self.assertEqual(len(rows), 9)
        ends = {"accepting": "connected", "refusing": "refused", "backlog-full": "deadline_exceeded"}
        for (connector, target), row in rows.items():
            end = "connected" if connector == "null" else ends[target]
            self.assertEqual(row[end], "64", (connector, target))

    def test_a_run_outlives_connectors_that_misbehave(self):
        reasons = {"throws": "cannot connect", "crashes": "signal 11", "hangs": "hangs"}
        rows, run = self.run_with(
            "misbehaving_bench",
            1,
            "--connector",
            "throws,my-way,crashes,hangs,epoll",
            "--target",
            "refusing",
            "--wave-limit",
            "500ms",
            "--syscalls",
            "off",
        )
        self.assertTrue(run["complete"])
        failures = {failure["connector"]: failure["failure"] for failure in run["failures"]}
        self.assertEqual(failures.keys(), reasons.keys())
        for connector, reason in reasons.items():
            self.assertIn(reason, failures[connector])
            self.assertEqual(rows[connector, "refusing"]["never_started"], "64")
        for connector in "my-way", "epoll":
            self.assertEqual(rows[connector, "refusing"]["refused"], "64")

    def test_the_commands_in_python_are_installed_and_name_themselves_as_the_user_started_them(self):
        program = self.package / "bin/connbench"
        for name in COMPANIONS:
            said = must(program, name, "--help")
            self.assertIn(f"usage: connbench {name} ", said)
            self.assertNotIn("scripts/" + name, said)
            ended = call(program, name, "--nonsense", "a", "b")
            self.assertEqual(ended.returncode, 2, ended.stdout)
            self.assertIn(f"connbench {name}: error: ", ended.stdout)

    def test_they_report_and_compare_finished_runs(self):
        program, runs = self.package / "bin/connbench", [self.folder / name for name in ("one", "two")]
        for run in runs:
            must(program, "run", "--connector", "epoll", *LOAD[:-1], "2", "--out", run)
        self.assertIn("report.html", must(program, "report", runs[0]))
        self.assertIn("connects_per_s", call(program, "compare", *runs).stdout)
        ended = call(program, "compare", runs[0], self.folder / "none")
        self.assertEqual(ended.returncode, 2)
        self.assertRegex(ended.stdout, r"\Aconnbench compare: .*\n\Z")

    def test_they_say_in_one_line_what_they_lack(self):
        # An interpreter that finds no package beside its standard library.
        for name, package in {"compare": "numpy", "regress": "numpy", "report": "numpy"}.items():
            said = subprocess.run(
                [sys.executable, "-S", "-E", self.package / "libexec/connbench" / name, "x", "y"],
                text=True,
                stderr=subprocess.PIPE,
            )
            self.assertEqual(said.returncode, 2)
            self.assertRegex(
                said.stderr, rf"\Aconnbench {name}: .* has no {package}: apt-get install python3-{package}\n\Z"
            )

    def test_the_conformance_suite_runs_on_a_connector_from_outside_alone(self):
        said = must(self.folder / "build/example/my_conformance", "--gtest_list_tests")
        self.assertIn("my_way__accepting__4", said)
        self.assertNotIn("epoll__", said)
        said = must("ctest", "--test-dir", self.folder / "build/example", "--output-on-failure")
        self.assertIn("my_conformance", said)

    def test_the_conformance_suite_finds_a_connector_that_breaks_the_contract(self):
        said = call(self.folder / "build/failing_conformance", "--gtest_filter=*accepting__4")
        self.assertEqual(said.returncode, 1, said.stdout)
        self.assertIn("FAILED TEST", said.stdout)

    def in_repository(self, *command):
        must("git", "-C", self.folder / "repository", "-c", "user.name=T", "-c", "user.email=t@localhost", *command)

    def commit(self, slower=0):
        """Commits the example, with a connect() that takes so many µs more."""
        source = self.folder / "repository/my_way.cpp"
        text = (SOURCE / "examples/one_file/my_way.cpp").read_text()
        call_of_it = "return ::connect("
        self.assertEqual(text.count(call_of_it), 1, "the test does not know where the example connects")
        spin = f"for (const TimePoint until = now() + std::chrono::microseconds({slower}); now() < until;) {{}}\n    "
        source.write_text(text.replace(call_of_it, (spin if slower else "") + call_of_it))
        self.in_repository("add", "--all")
        self.in_repository("commit", "--quiet", "--allow-empty", "--message", f"slower by {slower}")

    def test_the_gate_finds_a_regression_in_the_repository_of_a_connector_from_outside(self):
        shutil.copytree(SOURCE / "examples/one_file", self.folder / "repository")
        short = self.folder / "short.toml"  # the example's own loads, of which this is a part, take longer
        short.write_text('[rate]\nconnectors = ["my-way"]\nattempts = 200\n')
        self.in_repository("init", "--quiet")
        for slower in 0, 200:
            self.commit(slower)
        build = f"cmake -B build -DCMAKE_PREFIX_PATH={self.package} -DCMAKE_CXX_COMPILER={COMPILER} && "
        build += "cmake --build build --target my_bench"
        words = ["--build", build, "--program", "build/my_bench", "--load", short, "--pairs", "12", "--no-exact"]
        gate = subprocess.run(
            [self.package / "bin/connbench", "regress", "HEAD~1", "HEAD", *words, "--out", self.folder / "slower"],
            cwd=self.folder / "repository",
            env=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.assertIn("judged: my-way on accepting", gate.stdout)
        self.assertEqual(gate.returncode, 1, gate.stdout)
        self.assertRegex(gate.stdout, r"my-way/accepting\S* +cpu_per_attempt .* regressed")

    def test_the_exact_gate_keeps_its_baseline_in_their_repository(self):
        command = [self.package / "bin/connbench", "exact", "--program", self.folder / "build/example/my_bench"]
        command += ["--connector", "my-way", "--baseline", self.folder / "connbench-baseline.json"]
        accepted = call(*command, "--accept", "--runs", "3")
        if "not counted" in accepted.stdout:
            self.skipTest(accepted.stdout)
        self.assertEqual(accepted.returncode, 0, accepted.stdout)
        kept = json.loads((self.folder / "connbench-baseline.json").read_text())["connectors"]
        self.assertEqual(list(kept), ["my-way"])
        self.assertIn("as in", must(*command))

    def test_a_name_of_ours_is_refused(self):
        ended = call(*self.configure, "-B", self.folder / "taken", "-DMORE=io-uring")
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("already", ended.stdout)

    def test_headers_include_nothing_that_is_not_installed(self):
        headers = self.package / "include/connbench"
        found = list(headers.rglob("*.h"))
        self.assertIn(headers / "harness/connector/connector.h", found)
        for header in found:
            for included in re.findall(r'^#include "(.*)"', header.read_text(), re.MULTILINE):
                self.assertTrue((headers / included).is_file(), f"{header} includes {included}")

    def test_nothing_installed_names_the_folders_that_it_was_built_from(self):
        debug = "CMAKE_BUILD_TYPE:STRING=Release" not in (BUILD / "CMakeCache.txt").read_text()
        for file in filter(pathlib.Path.is_file, self.package.rglob("*")):
            if debug and (file.suffix == ".a" or file.parent.name == "bin"):
                continue  # debug information names the sources
            for folder in BUILD, SOURCE, self.folder / "installed":
                self.assertFalse(str(folder).encode() in file.read_bytes(), f"{file} names {folder}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
