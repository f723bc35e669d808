"""What scripts/table measures."""

import subprocess
from pathlib import Path

from connbench_tools import programs
from connbench_tools.table.measure import FULL, QUICK
from made_runs import ROOT, SIDES, SIDES_FLAG, RunsTest, pretended_answers, wave


class MeasuringTest(RunsTest):
    """With pretended programs: what they are asked to do, and what happens when they refuse."""

    CONNBENCH = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
  "list --format json") cat "$here/list.json"; exit ;;
  "doctor --format json") cat "$here/doctor.json"; exit ;;
esac
echo "$*" >> "$here/asked"
for out; do :; done
case "$*" in
  *"--target accepting"*) cp -r "$here/run" "$out" ;;
  *) echo "progress" >&2; echo "connbench: no namespaces here" >&2; exit $STATUS ;;
esac
"""

    def measure(self, status, *more):
        programs = self.folder / "bin"
        programs.mkdir()
        self.run_of("bin/run", [wave("epoll", 1)])
        connectors = [
            ("null", True, {"opens_sockets": False}),
            ("blocking", False, {"completes_in_submit": True}),
            ("blocking-threads", False),
            ("poll-pool", True),
            ("epoll", True),
            ("syncnt-threads", True, {"granularity_ns": 4 * 10**9}),
        ]
        pretended_answers(programs, *connectors, cpus=SIDES)
        for name, text in (("connbench", self.CONNBENCH.replace("$STATUS", str(status))), ("floor_bench", "#!/bin/sh")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        command = [ROOT / "scripts/table", "--bin", programs, "--out", self.folder / "out", *more]
        return subprocess.run(command, capture_output=True, text=True)

    def test_lets_no_arrivals_keep_step_with_timeouts(self):
        for load in [*FULL, *QUICK]:
            self.assertNotIn("uniform", load.arguments, load.folder)
        for script in ("reference", "bench"):
            self.assertNotIn("uniform:", (ROOT / "scripts" / script).read_text(encoding="utf-8"), script)

    def asked(self):
        """What connbench was asked to measure: {folder: words}"""
        lines = [line.split() for line in (self.folder / "bin/asked").read_text().splitlines()]
        return {Path(words[-1]).name: words for words in lines}

    def test_measures_each_load_with_the_connectors_that_can_serve_it(self):
        self.measure(3)
        plain = "blocking-threads,poll-pool,epoll"
        variants = "blocking-threads,blocking-threads+stack:8MiB,poll-pool,poll-pool+threads:256,epoll,syncnt-threads"
        closes = ",".join(f"{name}+close:{how}" for name in plain.split(",") for how in ("rst", "fin"))
        expected = {
            "rate": f"null,blocking,{variants}",
            "far": variants,
            "added": f"blocking,{plain},syncnt-threads",
            "late": "poll-pool,epoll",
            "late-1s": "poll-pool,epoll,syncnt-threads",
            "close": closes,
        }
        for folder, words in self.asked().items():
            self.assertEqual(words[:3], ["run", "--connector", expected.pop(folder)], folder)
            self.assertIn(SIDES_FLAG, " ".join(words))
        self.assertEqual(expected, {})

    def test_repeats_often_enough_to_tell_rows_apart(self):
        self.measure(3)
        for folder, words in self.asked().items():
            repetitions = int(words[words.index("--repetitions") + 1])
            self.assertGreaterEqual(repetitions, {"late-1s": 1, "added": 5, "late": 5}.get(folder, 8), folder)

    def test_continues_without_loads_that_the_machine_lacks_and_says_why(self):
        done = self.measure(3, "--quick")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("- Not measured: delayed:20ms: connbench: no namespaces here", done.stdout)
        self.assertIn("| `epoll` |", done.stdout)

    def test_the_reason_is_what_a_program_said_last_on_stderr_if_it_said_anything_there(self):
        for words, said in (("echo a; echo b >&2; echo c >&2; echo d", "c"), ("echo a; echo d", "d"), ("true", "")):
            self.assertEqual(programs.execute(["sh", "-c", words]).said, said)

    def test_stops_when_a_run_breaks(self):
        done = self.measure(5)
        self.assertEqual(done.returncode, 2)
        self.assertIn("scripts/table: connbench ended with 5: connbench: no namespaces here", done.stderr)

    def test_does_not_touch_earlier_records(self):
        (self.folder / "out").mkdir()
        done = self.measure(3)
        self.assertEqual(done.returncode, 2)
        self.assertIn("exists already", done.stderr)
        self.assertEqual(list((self.folder / "out").iterdir()), [])
