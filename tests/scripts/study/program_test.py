"""scripts/study as a program: a study from its runs to its page, and what an interrupt leaves."""

import json
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import made_runs  # noqa: F401  it skips the tests without jsonschema
from connbench_tools import ROOT
from connbench_tools.study import catalogue, steps
from connbench_tools.study.plan import Step
from connbench_tools.study.steps import Bench, jobs_of

PROGRAM = ROOT / "scripts/study"
CHEAP = "mptcp"

# In place of connbench: it lacks everything, and stops at `mptcp` while there is a file to stop it.
PRETENDED = """#!/usr/bin/python3 -B
import pathlib, signal, sys
here = pathlib.Path(__file__).parent
if sys.argv[1] == "list":
    print('{"connectors": [{"name": "epoll", "options": ["protocol", "fastopen"]}],'
          '"options": [{"name": "fastopen", "values": ["on", "off"]}, {"name": "protocol", "values": null}]}')
elif sys.argv[1] == "--version":
    print("connbench 1.0\\ncommit     abc")
elif sys.argv[1] == "doctor":
    sys.exit(3)
else:
    (here / "calls").open("a").write(" ".join(sys.argv[1:]) + "\\n")
    if "mptcp" in " ".join(sys.argv) and (here / "stop").exists():
        (here / "stopped").touch()
        signal.pause()
    if "fastopen" in " ".join(sys.argv) and (here / "breaks").exists():
        sys.exit(5)
    print("there is no network here", file=sys.stderr)
    sys.exit(3)
"""


def study(*words, **more):
    command = [PROGRAM, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **more)


class Program(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def pretended(self):
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "connbench").write_text(PRETENDED)
        (bin_folder / "connbench").chmod(0o755)
        return bin_folder

    def test_lists_every_study_with_its_question(self):
        said = study("list").stdout
        for name in catalogue.names():
            self.assertIn(f"{name} ", said)
        self.assertEqual(said.count("?"), len(catalogue.names()))

    def test_unknown_studies_and_actions_are_refused(self):
        wrong = (
            ["run", "nonsense"],
            ["nonsense"],
            [],
            ["all", "--quick", "--publish"],
            ["judge", self.folder],
            ["run"],
        )
        for words in (
            *wrong,
            ["all", "mptcp"],
            ["list", "--quick"],
            ["judge", "x", "--out", "y"],
            ["publish", "a", "b"],
        ):
            ended = study(*words)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)

    def test_only_connectors_options_and_values_that_there_are_are_asked_for(self):
        bench = Bench(self.pretended())
        names = ("epoll", "epoll+fastopen:on", "epoll+protocol:mptcp", "epoll+fastopen:never", "epoll+setup:x", "asio")
        self.assertEqual([bench.knows(name) for name in names], [True, True, True, False, False, False])

    def test_what_the_machine_lacks_is_said_and_is_no_failure(self):
        out = self.folder / "out"
        ended = study("run", "fastopen", "--bin", self.pretended(), "--out", out)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("**Verdict: not testable here**", ended.stdout)
        self.assertIn("- far: there is no network here", ended.stdout)

    def test_publishes_where_it_is_told(self):
        out, kept, document = (self.folder / name for name in ("out", "kept", "studies.md"))
        self.assertEqual(study("run", "fastopen", "--bin", self.pretended(), "--out", out).returncode, 0)
        ended = study("publish", out, "--records", kept, "--document", document)
        self.assertEqual((ended.returncode, ended.stdout), (0, f"{document}\n"), ended.stderr)
        self.assertIn("| [fastopen](kept/fastopen/page.md) |", document.read_text())
        self.assertTrue((kept / "fastopen/study.json").exists())

    def test_a_run_that_broke_gives_the_status_whatever_the_studies_after_it(self):
        (self.pretended() / "breaks").touch()
        ended = study("run", "fastopen", "mptcp", "--bin", self.folder / "bin", "--out", self.folder / "out")
        self.assertEqual(ended.returncode, 5, ended.stderr)
        self.assertTrue(json.loads((self.folder / "out/fastopen/study.json").read_text())["broke"])
        self.assertEqual(json.loads((self.folder / "out/mptcp/study.json").read_text())["broke"], [])

    def test_a_step_gets_the_usual_flags_unless_it_says_otherwise(self):
        bench, out = Bench(self.pretended()), self.folder / "a"
        bench._cpus, bench._help = ["--cpus", "client=0,server=1"], "--local-port"
        usual, quiet, end = "--samples none --syscalls off", "--cpus client=0,server=1 --quiet", f"--out {out}"
        run = "run --connector epoll"
        for step, wanted in (
            (Step("a", run), f"{run} {usual} {quiet} {end}"),
            (Step("a", f"{run} --samples all"), f"{run} --samples all --syscalls off {quiet} {end}"),
            (Step("a", f"{run} --syscalls on"), f"{run} --syscalls on --samples none {quiet} {end}"),
            (Step("a", f"{run} --shards 2"), f"{run} --shards 2 {usual} --quiet {end}"),
            (Step("a", f"{run} --cpus client=1"), f"{run} --cpus client=1 {usual} --quiet {end}"),
            (Step("a", run, if_known="--local-port"), f"{run} --local-port {usual} {quiet} {end}"),
            (Step("a", run, if_known="--remote-port"), f"{run} {usual} {quiet} {end}"),
            (Step("a", f"{run},asio --pcap {{folder}}/x"), f"{run} --pcap {self.folder}/x {usual} {quiet} {end}"),
            (Step("a", "exhaust threads"), f"exhaust threads --quiet {end}"),
            (Step("a", "probe"), f"probe {end}"),
            (Step("a", "trace --connector epoll"), f"trace --connector epoll --format json {end}/trace.json"),
        ):
            with self.subTest(step.command, if_known=step.if_known):
                command, unknown = bench.command(step, step.words(False), self.folder, out)
                self.assertEqual(" ".join(map(str, command[1:])), wanted)
                self.assertEqual(unknown, ["asio"] if "asio" in step.command else [])

    def test_connbench_makes_its_own_folder_but_for_a_trace(self):
        program = self.folder / "bin/connbench"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\n[ -d "$2" ] && exit 0\nexit 5\n')
        program.chmod(0o755)
        bench = mock.Mock(command=lambda step, words, folder, out: ([program, step.command, out], []))
        for command, is_there in (("trace", True), ("run", False)):
            (entry,) = steps.run_together(bench, self.folder, [(Step("a", command), command)], False)
            self.assertEqual(entry["broke"], not is_there, entry)

    def test_what_becomes_of_a_step_follows_from_its_status(self):
        bench = Bench(self.pretended())
        program = self.folder / "bin/ends"
        program.write_text("#!/bin/sh\necho warned >&2\necho said >&2\necho '{}'\nexit $1\n")
        program.chmod(0o755)

        def fails(_):
            raise ValueError("odd")

        for status, then, why_not, broke in (
            (0, None, None, False),
            (1, None, None, False),
            (0, fails, "its records cannot be used: ValueError('odd')", True),
            (2, fails, "this connbench cannot do it (said)", False),
            (3, fails, "said", False),
            (5, fails, "it ended with status 5: said", True),
        ):
            with self.subTest(status, then=then):
                jobs = [(Step("a", f"program ends {status}", then=then), f"{status}-{bool(then)}")]
                (entry,) = steps.run_together(bench, self.folder, jobs, False)
                self.assertEqual((entry["why_not"], entry["broke"]), (why_not, broke))
                self.assertEqual((self.folder / entry["folder"] / "answer.json").exists(), status < 2)

    def test_after_an_interrupt_the_same_command_continues_with_the_next_study(self):
        bin_folder, out = self.pretended(), self.folder / "out"
        command = ["run", "fastopen", "mptcp", "--bin", str(bin_folder), "--out", str(out)]
        (bin_folder / "stop").touch()
        with subprocess.Popen(
            [PROGRAM, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            while not (bin_folder / "stopped").exists() and running.poll() is None:
                time.sleep(0.01)
            running.send_signal(signal.SIGTERM)
            said = running.communicate()[1]
        self.assertEqual(running.returncode, 130, said)
        self.assertIn(f"--out {out} continues", said)
        self.assertFalse(json.loads((out / "mptcp/study.json").read_text())["complete"])
        (bin_folder / "stop").unlink()
        ended = study(*command)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("fastopen (1 of 2): measured already", ended.stderr)
        calls = (bin_folder / "calls").read_text()
        self.assertEqual([calls.count("fastopen:on"), calls.count("protocol:mptcp")], [1, 2])
        self.assertTrue(json.loads((out / "mptcp/study.json").read_text())["complete"])


@unittest.skipUnless("CONNBENCH_BUILD" in os.environ, "CONNBENCH_BUILD names no build")
class WithConnbench(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = Path(os.environ["CONNBENCH_BUILD"]) / "bin"

    def test_a_study_ends_with_its_page_and_its_records(self):
        ended = study("run", CHEAP, "--quick", "--bin", self.bin, "--out", self.folder / "out")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("# mptcp: Does Multipath TCP", ended.stdout)
        self.assertIn("connbench run --connector epoll", ended.stdout)
        folder = self.folder / "out" / CHEAP
        record = json.loads((folder / "study.json").read_text())
        self.assertTrue(record["complete"])
        self.assertEqual(record["broke"], [])
        self.assertIsNotNone(record["table"], record["not_done"])
        self.assertTrue((folder / "figure.svg").exists())
        self.assertTrue((folder / "near/run.json").exists())

    def test_connbench_accepts_the_runs_of_every_study(self):
        bench = Bench(self.bin)
        for name in catalogue.names():
            for step in {step.name: step for jobs in jobs_of(catalogue.load(name), True) for step, _ in jobs}.values():
                if not step.command.startswith("run "):
                    continue
                with self.subTest(name, step=step.name):
                    try:
                        command, _ = bench.command(step, step.words(True), self.folder, self.folder / "out")
                    except LookupError:  # a connector of another build
                        continue
                    ended = subprocess.run([*command, "--dry-run"], capture_output=True, text=True)
                    is_unknown = "fastopen" in name or "~" in step.command  # targets of other builds
                    self.assertIn(ended.returncode, (0, 2, 3) if is_unknown else (0, 3), f"{command}\n{ended.stderr}")
