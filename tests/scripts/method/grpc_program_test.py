"""`scripts/method grpc` with the program that was built, where gRPC is installed."""

import os
import platform
import subprocess
import sys
import unittest
from pathlib import Path

from connbench_tools.method import grpc_channels
from made_runs import ROOT, RunsTest

BUILD = os.environ.get("CONNBENCH_BUILD")
BIN = Path(BUILD or "/nowhere") / "bin"
PROGRAM = BIN / grpc_channels.PROGRAM
if not PROGRAM.exists():
    print("skipped:", "CONNBENCH_BUILD names no build" if BUILD is None else grpc_channels.lacks(BIN))
    sys.exit(77)


class RealTest(RunsTest):
    def method(self, *before):
        command = [*before, ROOT / "scripts/method", "grpc", "--quick", "--bin", BIN, "--out", self.folder / "out"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def line(self, text, *words):
        (found,) = [line for line in text.splitlines() if all(word in line for word in words)]
        return [cell.strip() for cell in found.strip("|").split("|")]

    def test_channels_become_ready_fail_and_give_up(self):
        text = self.method()
        if "hosts that are far away or dead" in text:
            self.skipTest(text.splitlines()[-1])
        self.assertEqual(self.line(text, "this machine, 16 at once", "until it is READY")[2], "32 of 32")
        self.assertEqual(self.line(text, "20 ms away, 16 at once", "until it is READY")[2], "32 of 32")
        self.assertEqual(self.line(text, "| refused", "a channel")[2], "TRANSIENT_FAILURE: 16 of 16")
        self.assertEqual(self.line(text, "| dead: late", "WaitForConnected")[2], "the deadline: 2 of 2")
        # A try that may take a second ends after a second, and the next one begins.
        failed, tries = self.line(text, "| dead | 1 s")[2:]
        self.assertGreaterEqual(float(failed), 1)
        self.assertEqual(len(tries.split(", ")), 2)
        self.assertEqual(len(self.line(text, "| dead | not set")[3].split(", ")), 1)
        # Each channel has a connection of its own.
        self.assertRegex(text, r"accepted (\d+) connections of \1 attempts")

    def test_loopback_alone_is_enough(self):
        if platform.machine() != "x86_64":
            self.skipTest("the numbers of system calls are those of x86-64")
        text = self.method(ROOT / "tests/robustness/enter.py", "unshare is refused")
        self.assertEqual(self.line(text, "this machine, one", "until it is READY")[2], "16 of 16")
        self.assertNotIn("20 ms away", text)
        self.assertIn("Not measured: hosts that are far away or dead: creating namespaces is refused", text)


class ArgumentsTest(RunsTest):
    def test_what_it_does_not_know_is_refused(self):
        ended = subprocess.run([PROGRAM, "--pcap"], capture_output=True, text=True)
        self.assertEqual(ended.returncode, 2)
        self.assertEqual(ended.stderr, "usage: grpc_channels [--quick] [--pcap FILE]\n")


if __name__ == "__main__":
    unittest.main()
