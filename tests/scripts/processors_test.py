"""What the scripts do on a machine, or in a cpuset, with few processors (CONNBENCH_BUILD names a build folder)."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from connbench_tools import ROOT, programs

CONNBENCH = Path(os.environ["CONNBENCH_BUILD"]) / "bin/connbench"
UNSURE = 4  # what the gate ends with after so few pairs
AVAILABLE = sorted(os.sched_getaffinity(0))


class ProcessorsTest(unittest.TestCase):
    def on(self, processors, words, statuses=(0,)):
        """What a command prints that may use only these processors, and ends with one of the statuses."""
        done = subprocess.run(
            words,
            env={**os.environ, "PYTHONPATH": str(ROOT / "scripts")},
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
            capture_output=True,
            text=True,
        )
        self.assertIn(done.returncode, statuses, done.stderr)
        return done.stdout.strip()

    def flag_on(self, processors, program):
        """What `cpus_flag` answers in a process that may use only these processors."""
        code = "import sys; from connbench_tools import programs; print(*programs.cpus_flag(sys.argv[1]))"
        return self.on(processors, [sys.executable, "-B", "-c", code, program])

    def test_one_processor_is_shared_whichever_it_is(self):
        for processor in AVAILABLE:
            self.assertEqual(self.flag_on({processor}, CONNBENCH), "")

    @unittest.skipIf(len(AVAILABLE) < 2, "there is only one processor")
    def test_the_last_two_processors_are_used_where_there_are_no_others(self):
        client, server = AVAILABLE[-2:]
        self.assertEqual(self.flag_on({client, server}, CONNBENCH), f"--cpus client={client},server={server}")

    def test_what_an_older_program_advises_is_followed_only_if_it_can_be(self):
        with tempfile.TemporaryDirectory() as folder:
            pretended = Path(folder, "connbench")
            for advised, flag in ((0, False), (AVAILABLE[-1], True)):
                answer = json.dumps({"cpus": {"client": advised, "server": AVAILABLE[-1]}})
                pretended.write_text(f"#!/bin/sh\necho '{answer}'\n")
                pretended.chmod(0o755)
                seen = self.flag_on({AVAILABLE[-1]}, pretended)
                self.assertEqual(bool(seen), flag or AVAILABLE[-1] == 0)

    def test_the_gate_measures_on_the_only_processor(self):
        with tempfile.TemporaryDirectory() as folder:
            words = [ROOT / "scripts/regress", "--base-program", CONNBENCH, "--head-program", CONNBENCH]
            words += ["--connector", "epoll", "--target", "accepting", "--pairs", "2", "--out", f"{folder}/out"]
            said = self.on({AVAILABLE[-1]}, words, statuses=(0, UNSURE))
            self.assertIn("judged: epoll on accepting", said)

    def test_a_run_accepts_the_flag(self):
        words = ["run", "--connector", "epoll", "--attempts", "4", "--concurrency", "2", "--dry-run"]
        done = subprocess.run([CONNBENCH, *words, *programs.cpus_flag(CONNBENCH)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
