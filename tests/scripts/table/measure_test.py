"""What scripts/table measures: python3 tests/scripts/measuring_test.py"""

import subprocess
import unittest

from made_runs import ROOT, RunsTest, wave


class MeasuringTest(RunsTest):
    """With programs that only pretend: what they were asked for, and what becomes of their refusal."""

    LIST = """Ways to connect
  connector         threads      deadline by     most in flight
  blocking-threads  per attempt  kernel                       -  a thread each
  epoll             none         timer, steps of 1ms          -  a loop

Their options
  +stack:  size"""
    CONNBENCH = """#!/bin/sh
case "$*" in
  list) cat "$(dirname "$0")/list" ;;
  doctor) echo "two: --cpus client=3,server=4" ;;
  *"--target accepting"*) echo "$*" >> "$(dirname "$0")/asked"
    for out; do :; done; cp -r "$(dirname "$0")/run" "$out" ;;
  *) echo "$*" >> "$(dirname "$0")/asked"; echo "progress" >&2; echo "connbench: no namespaces here" >&2; exit $STATUS ;;
esac
"""

    def measure(self, status, *more):
        programs = self.folder / "bin"
        programs.mkdir()
        self.run_of("bin/run", [wave("epoll", 1)])
        (programs / "list").write_text(self.LIST)
        for name, text in (("connbench", self.CONNBENCH.replace("$STATUS", str(status))), ("floor_bench", "#!/bin/sh")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        command = [ROOT / "scripts/table", "--bin", programs, "--out", self.folder / "out", *more]
        return subprocess.run(command, capture_output=True, text=True)

    def test_asks_only_those_with_a_deadline_when_nobody_answers(self):
        self.measure(3)
        asked = [line.split() for line in (self.folder / "bin/asked").read_text().splitlines()]
        for line in asked:
            names = "epoll" if "blackhole" in line else "blocking-threads,epoll"
            self.assertEqual(line[:3], ["run", "--connector", names])
            self.assertIn("client=3,server=4", line)
        self.assertEqual(len(asked), 4)

    def test_goes_on_without_what_the_machine_lacks_and_says_why(self):
        done = self.measure(3, "--quick")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("- Not measured: delayed:20ms: connbench: no namespaces here", done.stdout)
        self.assertIn("| `epoll` |", done.stdout)

    def test_stops_when_a_run_breaks(self):
        done = self.measure(5)
        self.assertEqual(done.returncode, 1)
        self.assertIn("scripts/table: connbench ended with 5: connbench: no namespaces here", done.stderr)

    def test_leaves_earlier_records_alone(self):
        (self.folder / "out").mkdir()
        done = self.measure(3)
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)
        self.assertEqual(list((self.folder / "out").iterdir()), [])


if __name__ == "__main__":
    unittest.main()
