"""What other commands do with programs: list keeps their descriptions, exhaust lets them run out, trace follows them.

Usage: commands_test.py BUILD_FOLDER [TEST…]
"""

import csv
import errno
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import fake_program
from running import CONNBENCH, PATIENCE, ROOT, example_of_the_page

LACKS = 3  # exit status: the machine lacks what was asked


class InAFolder(unittest.TestCase):
    connbench = CONNBENCH

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_it(self, *words, **variables):
        return subprocess.run(
            [self.connbench, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, **variables},
        )

    def with_threads(self):
        """A program with a thread per attempt."""
        source = ROOT / "impl/runtimes/python/with_python_threads.py"
        text = f'#!/bin/sh\nexec {sys.executable} -EsB {source} "$@"\n'
        return fake_program.write_text(self.folder / "threads", text)


class Listed(InAFolder):
    def setUp(self):
        super().setUp()
        self.connbench = shutil.copy2(CONNBENCH, self.folder)  # without the programs that belong to a build
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        self.asked = self.folder / "asked"
        self.say("first")
        text = f'#!/bin/sh\n[ "$1" = --describe ] && echo x >>{self.asked}\nexec cat "${{0%/*}}/said"\n'
        fake_program.write_text(self.programs / "client", text)

    def say(self, summary):
        """What the program says of itself is in a file beside it, as that of a module is. No newline ends it."""
        said = {**fake_program.DESCRIPTION, "summary": summary}
        (self.programs / "said").write_text(json.dumps(said), encoding="utf-8")

    def listed(self, cache):
        """(its summary in the list, whether it was asked for it)"""
        before = self.times_asked()
        ended = self.run_it(
            "list", "--format", "json", CONNBENCH_PROGRAMS=str(self.programs), XDG_CACHE_HOME=str(cache)
        )
        entries = {entry["name"]: entry for entry in json.loads(ended.stdout)["connectors"]}
        return entries["client"]["summary"], self.times_asked() > before

    def times_asked(self):
        return len(self.asked.read_text(encoding="utf-8").splitlines()) if self.asked.exists() else 0

    def until_kept(self, cache):
        """What has changed just now is not kept: it may change again within the resolution of the file's times."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            summary, asked = self.listed(cache)
            if not asked:
                return summary
            time.sleep(0.2)
        raise AssertionError("its description is never kept")

    def test_a_program_is_asked_again_only_when_something_in_its_folder_has_changed(self):
        cache = self.folder / "cache"
        self.assertEqual(self.until_kept(cache), "first")
        self.say("other")  # as long as the first
        self.assertEqual(self.listed(cache), ("other", True))
        self.assertEqual(self.until_kept(cache), "other")
        self.assertEqual(os.stat(cache / "connbench/programs.json").st_mode & 0o777, 0o600)
        kept = json.loads((cache / "connbench/programs.json").read_text(encoding="utf-8"))
        kept["programs"][str(self.programs / "client")]["text"] = "nonsense"
        for text in ("nonsense", "[]", '{"version": 1, "programs": 7}', json.dumps(kept)):
            (cache / "connbench/programs.json").write_text(text, encoding="utf-8")
            self.assertEqual(self.listed(cache), ("other", True), text)

    def test_without_a_place_for_a_cache_it_is_asked_each_time(self):
        self.asked.touch()
        for cache in (self.asked, "/proc/nowhere"):  # a file, and where nobody may write
            for _ in range(2):
                self.assertEqual(self.listed(cache), ("first", True))


class Exhausted(InAFolder):
    def exhaust(self, resource, limit, *connectors, timeout="3s"):
        """(what ended, its ramps by connector: the rows of exhaustion.csv, and what run.json says)"""
        out = self.folder / "out"
        command = ["exhaust", resource, "--limit", limit, "--connector", ",".join(map(str, connectors)), "--quiet"]
        # Healthy attempts for 1.5 s: a busy machine may hold up a program, and those that were due before it ran out do
        # not count.
        command += ["--pending", "150", "--healthy", "1500", "--timeout", timeout, "--out", out]
        ended = self.run_it(*command)
        if ended.returncode == LACKS:
            self.skipTest(ended.stderr)
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        with open(out / "exhaustion.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        ramps = {ramp["connector"]: ramp for ramp in record["exhaustion"]["ramps"]}
        return ended, {n: ([row for row in rows if row["connector"] == n], ramps[n]) for n in ramps}, record

    def expect_to_have_run_out(self, rows, ramp, call, error):
        self.assertEqual((rows[-1]["stopped_call"], rows[-1]["os_error"]), (call, str(error)), rows[-1])
        self.assertEqual(rows[-1]["healthy_p50_ns"], "")
        self.assertGreater(ramp["healthy_tried"], 0)
        self.assertEqual(ramp["healthy_connected"], 0, "nothing gets through while nothing is free")
        self.assertGreater(int(rows[-1]["recovery_released_ns"]), 0, "and it recovers")

    def expect_to_hold_all(self, rows, ramp):
        self.assertEqual((rows[-1]["stopped_call"], rows[-1]["pending"], ramp["most_pending"]), ("", "150", 150))
        self.assertGreater(ramp["healthy_tried"], 0)
        self.assertEqual(ramp["healthy_connected"], ramp["healthy_tried"])
        self.assertEqual(rows[0]["pending"], "0")
        self.assertGreater(int(rows[-1]["fds"]), int(rows[0]["fds"]))  # sampled: on a busy machine, not at the peak

    def test_threads_stop_a_thread_per_attempt_and_not_a_loop(self):
        threads = self.with_threads()
        ended, ramps, _ = self.exhaust("threads", 60, threads, "cpp-epoll")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        rows, ramp = ramps[str(threads)]
        self.expect_to_have_run_out(rows, ramp, "pthread_create", errno.EAGAIN)
        # One thread begins them, and one listens for `stop`. Those of the attempts before may still be ending.
        self.assertLessEqual(ramp["most_pending"], 58)
        self.assertGreater(ramp["most_pending"], 30)
        self.assertLessEqual(int(rows[-1]["threads"]), 60)
        self.assertGreaterEqual(int(rows[-1]["threads"]), int(rows[-1]["pending"]) + 2)
        self.expect_to_hold_all(*ramps["cpp-epoll"])
        self.assertIn("got through", ended.stdout)

    def test_descriptors_stop_every_program(self):
        example = example_of_the_page(self.folder)
        ended, ramps, _ = self.exhaust("fds", 64, example)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.expect_to_have_run_out(*ramps[str(example)], "an attempt", errno.EMFILE)
        self.assertLessEqual(int(ramps[str(example)][0][-1]["fds"]), 64)

    def test_a_program_that_dies_of_it_is_a_failed_row_with_its_last_words(self):
        dying = fake_program.write(self.folder / "dying", during="raise OSError('no more threads')")
        ended, ramps, record = self.exhaust("threads", 60, dying, "cpp-epoll")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("OSError: no more threads", record["failures"][0]["failure"])
        self.assertIn("no more threads", ended.stdout)
        self.expect_to_hold_all(*ramps["cpp-epoll"])

    def test_what_says_nothing_is_skipped(self):
        plain = fake_program.write(self.folder / "plain", {"open_loop": False})
        ended, _, record = self.exhaust("threads", 60, plain, self.folder / "missing", "cpp-epoll")
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        reasons = json.dumps(record["skipped"])
        self.assertIn("honours no schedule", reasons)
        self.assertIn("cannot be executed", reasons)
        ended = self.run_it("exhaust", "memory", "--connector", "cpp-epoll", "--out", self.folder / "memory")
        self.assertEqual(ended.returncode, LACKS)
        self.assertIn("reserve more address space", ended.stderr)


class Traced(InAFolder):
    def trace(self, connector, *more):
        ended = self.run_it("trace", "--quiet", "--connector", connector, "--format", "json", *more)
        if ended.returncode == LACKS and "cannot be executed" not in ended.stderr:
            self.skipTest(ended.stderr)
        return ended, json.loads(ended.stdout) if ended.stdout else None

    def test_the_calls_of_its_attempts_and_nothing_else(self):
        for connector in (example_of_the_page(self.folder), self.with_threads(), "cpp-epoll"):
            with self.subTest(connector=connector):
                ended, trace = self.trace(connector, "--target", "delayed:5ms", "--attempts", "2")
                self.assertEqual(ended.returncode, 0, ended.stderr)
                self.assertEqual([attempt["outcome"] for attempt in trace["attempts"]], ["connected"] * 2)
                made = [call for call in trace["calls"] if call["name"] == "connect"]
                self.assertEqual([call["arguments"].endswith(":7000") for call in made], [True] * 2, made)
                self.assertEqual(sum(call["name"] == "socket" for call in trace["calls"]), 2)
                self.assertEqual(len(trace["connections"]), 2)
                first, last = made[0]["begin_ns"], made[-1]["begin_ns"]
                self.assertLess(trace["attempts"][0]["started_ns"], first)
                self.assertLess(last, trace["attempts"][1]["finished_ns"])
                states = {state["state"] for state in trace["states"] if state["side"] == "client"}
                self.assertLessEqual({"SYN_SENT", "ESTABLISHED"}, states)
                self.assertTrue(any("S" in packet.get("flags", "") for packet in trace["packets"]))

    def test_a_process_of_its_own_session_is_followed(self):
        waits = "child = os.fork(); (os.setsid(), os._exit(0)) if child == 0 else os.waitpid(child, 0)"
        ended, trace = self.trace(fake_program.write(self.folder / "forks", before_ready=waits))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(trace["attempts"][0]["outcome"], "connected")

    def test_a_program_that_breaks_says_why(self):
        ended, trace = self.trace(fake_program.write(self.folder / "dies", during="raise ValueError('no luck')"))
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("ValueError: no luck", json.dumps(trace["notes"]))
        ended, _ = self.trace(self.folder / "missing")
        self.assertEqual(ended.returncode, LACKS)
        self.assertIn("cannot be executed", ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
