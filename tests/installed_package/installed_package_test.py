"""The package as a project elsewhere sees it: installed, moved, found, and run with connectors of its own.

Usage: installed_package_test.py CMAKE BUILD_FOLDER SOURCE_FOLDER COMPILER
"""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CMAKE, BUILD, SOURCE, COMPILER = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
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
        listed = must(self.folder / "build/example/my_bench", "list").split("\n\n")[0]
        names = re.findall(r"^  ([a-z-]+)", listed, re.MULTILINE)[1:]
        ours = must(self.package / "bin/connbench", "list").split("\n\n")[0]
        self.assertEqual(names, re.findall(r"^  ([a-z-]+)", ours, re.MULTILINE)[1:] + ["my-way"])

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
