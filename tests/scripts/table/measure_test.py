"""What scripts/table measures."""

import subprocess

from made_runs import ROOT, RunsTest, pretended_answers, wave


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
        pretended_answers(programs, ("blocking-threads", False), ("epoll", True), cpus={"client": 3, "server": 4})
        for name, text in (("connbench", self.CONNBENCH.replace("$STATUS", str(status))), ("floor_bench", "#!/bin/sh")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        command = [ROOT / "scripts/table", "--bin", programs, "--out", self.folder / "out", *more]
        return subprocess.run(command, capture_output=True, text=True)

    def test_measures_only_connectors_with_a_deadline_where_no_host_answers(self):
        self.measure(3)
        asked = [line.split() for line in (self.folder / "bin/asked").read_text().splitlines()]
        for line in asked:
            names = "epoll" if "blackhole" in line else "blocking-threads,epoll"
            self.assertEqual(line[:3], ["run", "--connector", names])
            self.assertIn("client=3,server=4", line)
        self.assertEqual(len(asked), 4)

    def test_continues_without_loads_that_the_machine_lacks_and_says_why(self):
        done = self.measure(3, "--quick")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("- Not measured: delayed:20ms: connbench: no namespaces here", done.stdout)
        self.assertIn("| `epoll` |", done.stdout)

    def test_stops_when_a_run_breaks(self):
        done = self.measure(5)
        self.assertEqual(done.returncode, 1)
        self.assertIn("scripts/table: connbench ended with 5: connbench: no namespaces here", done.stderr)

    def test_does_not_touch_earlier_records(self):
        (self.folder / "out").mkdir()
        done = self.measure(3)
        self.assertEqual(done.returncode, 1)
        self.assertIn("exists already", done.stderr)
        self.assertEqual(list((self.folder / "out").iterdir()), [])
