"""Programs as connectors (docs/programs.md): what works, and what becomes of those that do not.

Usage: programs_test.py BUILD_FOLDER [TEST…]
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import uuid

import fake_program
from running import CONNBENCH, PATIENCE, Ran, example_of_the_page, left_behind, processes_with

_LOAD = ["--concurrency", "4", "--attempts", "40", "--repetitions", "1", "--wave-limit", "1min"]
ANSWERED = [*_LOAD, "--timeout", "1min"]  # on a busy machine the kernel may deliver no packet for seconds
UNANSWERED = [*_LOAD, "--timeout", "200ms"]


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)


class Works(InAFolder):
    def setUp(self):
        super().setUp()
        self.example = example_of_the_page(self.folder)
        self.both = f"{self.example},cpp-epoll"

    def expect_all(self, ran, outcome, attempts=40, status=0):
        self.assertEqual(ran.ended.returncode, status, ran)
        for row in ran.rows:
            if row["target"] != "*":
                self.assertEqual(int(row[outcome]), attempts, f"{row['connector']} at {row['target']}\n{ran}")
        self.assertEqual(ran.left, [])

    def test_the_example_of_the_page_has_at_most_60_lines(self):
        self.assertLessEqual(len(self.example.read_text(encoding="utf-8").splitlines()), 60)

    def test_connects_to_a_host_that_answers(self):
        ran = Ran("--connector", self.both, "--target", "accepting", "--family", "both", *ANSWERED)
        self.expect_all(ran, "connected")
        self.assertEqual(len(ran.rows), 4)

    def test_is_measured_as_every_connector_is(self):
        ran = Ran("--connector", self.both, "--target", "backlog-full", *UNANSWERED)
        for row in ran.rows:
            for column in ["cpu_ns", "threads_peak", "fds_peak", "rss_peak_kib", "voluntary_switches"]:
                self.assertRegex(row[column], r"^\d+$", f"{column} of {row['connector']}\n{ran}")
            self.assertGreater(int(row["cpu_ns"]), 0)
            self.assertGreater(int(row["makespan_ns"]), 0)
        # The memory is that of the program and its runtime, and not that of our child.
        self.assertGreater(int(ran.row(self.example)["rss_peak_kib"]), 8000)
        if any(entry["calls"] for entry in ran.record["syscalls"]):
            for entry in ran.record["syscalls"]:
                self.assertGreaterEqual(entry["calls"]["socket"], 40, entry)
                self.assertLess(entry["calls"]["connect"], 80, entry)

    def test_says_what_the_target_does(self):
        ran = Ran("--connector", self.both, "--target", "refusing,backlog-full", *UNANSWERED)
        self.assertEqual(ran.ended.returncode, 0, ran)
        for name in (self.example, "cpp-epoll"):
            self.assertEqual(ran.row(name, target="refusing")["refused"], "40", ran)
            self.assertEqual(ran.row(name, target="backlog-full")["deadline_exceeded"], "40", ran)
        late = [
            int(s["finished_ns"]) - int(s["started_ns"]) for s in ran.samples if s["outcome"] == "deadline_exceeded"
        ]
        self.assertGreaterEqual(min(late), 200_000_000)

    def test_keeps_to_the_schedule_and_to_the_bound_in_flight(self):
        ran = Ran("--connector", self.both, "--target", "accepting", "--arrival", "uniform:400/s", *ANSWERED)
        self.expect_all(ran, "connected")
        for sample in ran.samples:
            self.assertGreaterEqual(int(sample["started_ns"]), int(sample["scheduled_ns"]), sample)

    def test_goes_through_fleets(self):
        mix = "accepting=90,refusing=10"
        ran = Ran("--connector", self.both, "--mix", mix, *ANSWERED)
        self.assertEqual(ran.ended.returncode, 0, ran)
        for name in (self.example, "cpp-epoll"):
            self.assertEqual(ran.row(name, target="accepting")["connected"], "36", ran)
            self.assertEqual(ran.row(name, target="refusing")["refused"], "4", ran)

    def test_is_told_to_stop_at_the_limit_of_the_wave(self):
        ran = Ran(
            "--connector",
            self.both,
            "--target",
            "backlog-full",
            "--wave-limit",
            "300ms",
            "--syscalls",
            "off",
            "--concurrency",
            "4",
            "--attempts",
            "40",
            "--timeout",
            "10s",
            "--repetitions",
            "1",
        )
        for row in ran.rows:
            self.assertEqual((row["cancelled"], row["never_started"]), ("4", "36"), ran)
        self.assertEqual(ran.record["failures"], [])

    def test_runs_in_the_lab(self):
        ran = Ran("--connector", self.both, "--target", "blackhole", *UNANSWERED)
        if any("needs the lab" in skipped["reason"] for skipped in ran.record.get("skipped", [])):
            self.skipTest("there is no lab here")
        self.expect_all(ran, "deadline_exceeded")
        for row in ran.rows:
            self.assertGreater(int(row["threads_peak"]), 0)
        self.expect_all(Ran("--connector", self.both, "--target", "delayed:5ms", *ANSWERED), "connected")
        self.expect_all(Ran("--connector", self.both, "--target", "refused-far", *ANSWERED), "refused")

    def test_is_recorded_with_its_versions_and_the_bound_of_its_clock(self):
        ran = Ran("--connector", self.example, "--target", "accepting", "--syscalls", "off", *ANSWERED)
        said = ran.record["connectors"][str(self.example)]["program"]
        self.assertEqual(said["language"], "Python")
        self.assertEqual(said["path"], str(self.example))
        self.assertEqual(said["clock_error_ns"], 0)

    def test_its_own_words_are_counted_over_all_waves(self):
        tired = "for record in records[:2]: record[3] = 'other:tired'"
        program = fake_program.write(self.folder / "tired", before_records=tired)
        load = ["--concurrency", "4", "--attempts", "10", "--repetitions", "3", "--syscalls", "off"]
        ran = Ran("--connector", program, "--target", "accepting", *load)
        self.assertEqual(ran.record["connectors"][str(program)]["program"]["own_words"], {"tired": 6}, ran)

    def test_is_skipped_where_it_declares_that_it_cannot(self):
        program = fake_program.write(
            self.folder / "limited", {"families": ["4"], "close": ["fin"], "max_in_flight": 2, "open_loop": False}
        )
        load = ["--attempts", "10", "--timeout", "1s", "--repetitions", "1", "--syscalls", "off"]
        for arguments, reason in (
            (["--concurrency", "2", "--close", "rst"], "does not close connections by 'rst'"),
            (["--concurrency", "3", "--close", "fin"], "at most 2 in flight"),
            (["--concurrency", "2", "--close", "fin", "--family", "6"], "cannot connect over family 6"),
            (["--concurrency", "2", "--close", "fin", "--arrival", "uniform:100/s"], "honours no schedule"),
            (["--concurrency", "2", "--close", "fin", "--shards", "2"], "not divided into shards"),
        ):
            with self.subTest(reason=reason):
                ran = Ran("--connector", f"{program},epoll", "--target", "accepting", *load, *arguments)
                self.assertIn(reason, json.dumps(ran.record["skipped"]), ran)
                self.assertEqual(ran.row("epoll")["connected"], "10")

    def test_that_is_declared_misleading_is_measured_and_fails_no_check(self):
        lie = {"before_records": "for record in records: record[3] = 'connected'"}
        honest = fake_program.write(self.folder / "liar", **lie)
        declared = fake_program.write(
            self.folder / "declared", {"misleading": [{"target": "refusing", "reason": "believes everything"}]}, **lie
        )
        self.assertEqual(Ran("--connector", honest, "--target", "refusing", *ANSWERED).ended.returncode, 1)
        ran = Ran("--connector", declared, "--target", "refusing", *ANSWERED)
        self.assertEqual(ran.ended.returncode, 0, ran)
        self.assertIn("believes everything", json.dumps(ran.record["warnings"]))

    def test_is_found_by_its_name_in_the_folders_of_the_variable(self):
        variables = {"CONNBENCH_PROGRAMS": f"/nowhere:{self.folder}"}
        ran = Ran("--connector", "my-client", "--target", "accepting", *ANSWERED, variables=variables)
        self.expect_all(ran, "connected")
        ended = subprocess.run(
            [CONNBENCH, "run", "--connector", "my-cleint"],
            capture_output=True,
            text=True,
            env={**os.environ, **variables},
        )
        self.assertEqual(ended.returncode, 2)
        self.assertIn("my-client", ended.stderr)

    def test_that_could_not_be_built_is_a_visible_skip(self):
        fake_program.write_text(self.folder / "my-node.absent", "needs Node.js 20; found 18", 0o644)
        variables = {"CONNBENCH_PROGRAMS": str(self.folder)}
        ran = Ran("--connector", "my-node,epoll", "--target", "accepting", *ANSWERED, variables=variables)
        self.assertEqual(ran.ended.returncode, 0, ran)
        self.assertIn("needs Node.js 20; found 18", json.dumps(ran.record["skipped"]))
        self.assertIn("needs Node.js 20; found 18", ran.ended.stdout)

    def test_appears_in_list_and_doctor(self):
        fake_program.write_text(self.folder / "broken", "#!/bin/sh\necho no >&2; exit 1\n")
        variables = {**os.environ, "CONNBENCH_PROGRAMS": str(self.folder), "XDG_CACHE_HOME": str(self.folder / "cache")}

        def ask(*words):
            return subprocess.run([CONNBENCH, *words], capture_output=True, text=True, env=variables).stdout

        listed = {entry["name"]: entry for entry in json.loads(ask("list", "--format", "json"))["connectors"]}
        self.assertEqual(listed["my-client"]["group"], "programs")
        self.assertTrue(listed["my-client"]["available"])
        self.assertEqual(listed["my-client"]["program"]["language"], "Python")
        self.assertEqual(listed["cpp-epoll"]["families"], ["4", "6", "unix"])
        self.assertFalse(listed["broken"]["available"])
        self.assertIn("ended with status 1: no", listed["broken"]["skip_reason"])
        self.assertIn("my-client", ask("list"))
        doctor = json.loads(ask("doctor", "--format", "json"))["connectors"]
        self.assertIn({"name": "my-client", "available": True, "skip_reason": None}, doctor)


class Fails(InAFolder):
    def test_each_with_its_reason_while_the_run_goes_on_and_nothing_is_left_behind(self):
        expected = fake_program.write_faulty(self.folder)
        names = ",".join([*map(str, expected), "epoll"])
        ran = Ran(
            "--connector",
            names,
            "--target",
            "accepting",
            "--syscalls",
            "off",
            "--concurrency",
            "1",
            "--attempts",
            "10",
            "--timeout",
            "1s",
            "--repetitions",
            "1",
            "--wave-limit",
            "3s",
        )
        self.assertEqual(ran.ended.returncode, 1, ran)
        failures = {entry["connector"]: entry["failure"] for entry in ran.record["failures"]}
        for path, text in expected.items():
            with self.subTest(program=path.name):
                self.assertIn(text, failures.get(str(path), "no failure"))
        self.assertEqual(ran.row("epoll")["connected"], "10", ran)
        self.assertTrue(ran.record["complete"])
        self.assertEqual(ran.left, [])

    def test_when_somebody_kills_it_or_the_run(self):
        program = fake_program.write(self.folder / "slow", before_done="time.sleep(1000)")
        mark = f"CONNBENCH_TEST_MARK={uuid.uuid4()}"
        name, value = mark.split("=")
        run = subprocess.Popen(
            [
                CONNBENCH,
                "run",
                "--quiet",
                "--connector",
                program,
                "--target",
                "accepting",
                "--syscalls",
                "off",
                "--concurrency",
                "1",
                "--attempts",
                "1",
                "--timeout",
                "1s",
                "--repetitions",
                "1",
                "--wave-limit",
                "200s",
                "--out",
                self.folder / "out",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, name: value},
        )
        while not any(line.rstrip().endswith("/slow") for line in processes_with(mark)):
            self.assertIsNone(run.poll())
        run.terminate()
        run.wait(timeout=PATIENCE)
        self.assertEqual(left_behind(mark), [])


FAULTS = {
    "careless": {},
    "optimist": {"before_records": "for r in records: r[3] = 'connected'"},
    "early": {"before_ready": "wave['timeout_ns'] //= 2"},
    "misnaming": {"before_records": "for r in records: r[3] = r[3].replace('timeout', 'ETIMEDOUT')"},
    "deaf": {"before_ready": "select.select = lambda *ignored: ([], [], [])"},
    "greedy": {"before_records": "for r in records: r[1] = records[0][1]"},
}


class Checks(unittest.TestCase):
    """connbench check. It takes 20 s, most of which it waits, so that several run at once."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        of = {"families": ["4"]}
        programs = {name: fake_program.write(cls.folder / name, of, **faults) for name, faults in FAULTS.items()}
        plain = of | {"close": ["fin"], "open_loop": False}
        programs["plain"] = fake_program.write(cls.folder / "plain", plain)
        programs |= {"example": example_of_the_page(cls.folder), "cpp-epoll": "cpp-epoll"}
        pool = concurrent.futures.ThreadPoolExecutor(4)
        cls.addClassCleanup(pool.shutdown)
        cls.running = {name: pool.submit(cls.check, program) for name, program in programs.items()}

    @staticmethod
    def check(program):
        return subprocess.run([CONNBENCH, "check", program], capture_output=True, text=True, timeout=PATIENCE)

    def expect_failure(self, program, *texts):
        ended = self.running[program].result()
        self.assertEqual(ended.returncode, 1, ended.stdout + ended.stderr)
        failed = [line for line in ended.stdout.splitlines() if line.startswith("FAILED")]
        for text in texts:
            self.assertTrue(any(text in line for line in failed), f"no '{text}' in {failed}")

    def expect_lines(self, program, *lines):
        ended = self.running[program].result()
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        for line in lines:
            self.assertIn(line, ended.stdout)

    def test_the_example_of_the_page_passes(self):
        self.expect_lines("example", "passed   accepting, IPv6")

    def test_a_connector_of_ours_passes_as_a_program(self):
        self.expect_lines("cpp-epoll", "passed   accepting, UNIX", "passed   close: rst", "passed   close: fin")

    def test_what_is_declared_as_impossible_is_skipped(self):
        said = self.running["plain"].result().stdout
        self.assertIn("skipped  IPv6: it does not declare this family", said)
        self.assertIn("skipped  close: rst", said)
        self.assertIn("honours no schedule", said)

    def test_a_wrong_outcome(self):
        self.expect_failure("optimist", "as connected; at this target refused is right")

    def test_giving_up_too_early(self):
        self.expect_failure("early", "before its deadline of 200 ms; it declares that it is never early")

    def test_calling_its_own_deadline_a_timeout_of_the_kernel(self):
        self.expect_failure("misnaming", "as peer_timeout (ETIMEDOUT); at this target timeout is right")

    def test_ignoring_schedule_close_and_route(self):
        self.expect_failure(
            "careless",
            "before it was due",
            'it closes connections with FIN; "close" says rst',
            'does it follow "route"?',
        )

    def test_ignoring_stop(self):
        self.expect_failure("deaf", "hangs: it did not write 'done'")

    def test_too_many_in_flight(self):
        self.expect_failure("greedy", 'attempts in flight at one time; "in_flight" allows 4')

    def test_a_program_that_does_not_describe_itself(self):
        program = fake_program.write_text(self.folder / "broken", "#!/bin/sh\necho no >&2; exit 3\n")
        ended = self.check(program)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("FAILED   description: --describe: ended with status 3: no", ended.stdout)

    def test_a_connector_that_is_no_program_is_refused(self):
        ended = self.check("epoll")
        self.assertEqual(ended.returncode, 2)
        self.assertIn("is no program", ended.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
