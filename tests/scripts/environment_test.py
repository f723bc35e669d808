"""What the processes inherit that scripts, cmake and hooks start: nothing of what git hands to a hook."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from connbench_tools import ROOT, environment, failures

OF_A_HOOK = {
    "GIT_DIR": "/nowhere/.git",
    "GIT_INDEX_FILE": "/nowhere/.git/index",
    "GIT_WORK_TREE": "/nowhere",
    "GIT_OBJECT_DIRECTORY": "/nowhere/objects",
    "GIT_PREFIX": "sub/",
    "GIT_EXEC_PATH": "/usr/lib/git-core",
    "GIT_CONFIG_PARAMETERS": "'a.b=c'",
    "GIT_REFLOG_ACTION": "commit",
    "GIT_SOMETHING_NEW": "",
}
KEPT = {"GIT_CONFIG_GLOBAL": "/dev/null"}
FAKE_CMAKE = '#!/bin/sh\nenv | grep ^GIT_ > "$FOUND"\nexit 9\n'
FAKE_DPKG = "#!/bin/sh\nprintf installed\n"


class EnvironmentTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.found = self.folder / "found"
        for name, text in (("cmake", FAKE_CMAKE), ("dpkg-query", FAKE_DPKG), ("apt-get", FAKE_DPKG)):
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        path = f"{self.folder}:{os.environ['PATH']}"
        self.environment = os.environ | OF_A_HOOK | KEPT | {"FOUND": str(self.found), "PATH": path}

    def test_forgets_the_repository_but_not_the_configuration_of_the_user(self):
        mine = OF_A_HOOK | KEPT | {"HOME": "/root", "LEGIT_NAME": "x"}
        environment.forget_git(mine)
        self.assertEqual(mine, KEPT | {"HOME": "/root", "LEGIT_NAME": "x"})

    def test_no_script_that_builds_gives_it_to_cmake(self):
        out = str(self.folder / "out")
        for words in (
            ["test"],
            ["bench", "--quick", "--no-install", "--out", out],
            ["reference", "--quick", "--out", out],
            ["build-cost"],
        ):
            self.found.unlink(missing_ok=True)
            command = [ROOT / "scripts" / words[0], *words[1:]]
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
            self.assertTrue(self.found.exists(), f"{words}: {done.stdout}{done.stderr}")
            self.assertEqual(self.found.read_text(), "GIT_CONFIG_GLOBAL=/dev/null\n", words)

    def test_a_bash_script_whose_output_cannot_be_written_ends_with_2(self):
        for name in ("bench", "test", "reference", "check-headers", "setup", "test-on", "test-aarch64"):
            for redirection, status in ((">/dev/full", 2), (">&-", 0), ("2>/dev/full", 0), ("2>&-", 0), ("| true", 0)):
                script = f"'{ROOT}/scripts/{name}' --help {redirection}; exit ${{PIPESTATUS[0]}}"
                done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
                allowed = {status, 141} if redirection == "| true" else {status}  # the pipe may still be open
                self.assertIn(done.returncode, allowed, f"{name} {redirection}: {done.stderr}")
        with open("/dev/full", "w") as full:  # not only the help: an `echo` on the way
            words = [ROOT / "scripts/bench", "--quick", "--no-install", "--out", self.folder / "out"]
            done = subprocess.run(words, env=self.environment, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse(self.found.exists(), "it ends before it builds")

    def test_what_a_script_measures_ends_with_the_script(self):
        """scripts/reference with a program that never ends by itself."""
        program, marks = self.folder / "connbench", self.folder / "marks"
        program.write_text(
            f'#!/bin/sh\n[ "$1" = run ] || exit 0\necho $$ > {marks}\n'
            f"trap 'echo ended > {marks}; exit 0' TERM\nwhile :; do sleep 0.05; done\n"
        )
        program.chmod(0o755)
        words = [ROOT / "scripts/reference", "--quick", "--out", self.folder / "out", "--program", program]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while not (marks.exists() and marks.read_text()) and process.poll() is None:
                time.sleep(0.01)
            process.terminate()
            process.wait(60)
        for _ in range(6000):
            if marks.read_text() == "ended\n":
                break
            time.sleep(0.01)
        self.assertEqual(marks.read_text(), "ended\n")

    def test_every_script_forgets_it(self):
        """All Python programs by failures.run, all Bash programs by environment.sh, before anything else happens."""
        for path in sorted((ROOT / "scripts").iterdir()):
            if path.is_dir() or path.name.startswith("."):
                continue
            text = path.read_text(encoding="utf-8")
            if "bash" in text.partition("\n")[0]:
                begin = 'cd "$(dirname "${BASH_SOURCE[0]}")/.."\nsource scripts/connbench_tools/environment.sh\n'
                self.assertIn(begin, text, path.name)
            else:
                self.assertIn("failures.run(", text, path.name)
        code = "import os; from connbench_tools import failures; failures.run('x', lambda: print(sorted(os.environ)))"
        own = self.environment | {"PYTHONPATH": str(ROOT / "scripts")}
        done = subprocess.run([sys.executable, "-B", "-c", code], env=own, capture_output=True, text=True)
        self.assertEqual([name for name in eval(done.stdout) if name.startswith("GIT_")], ["GIT_CONFIG_GLOBAL"])

    def test_configuring_forgets_it_before_git_is_asked_for_the_commit(self):
        file = self.folder / "asks.cmake"
        file.write_text(
            f"include({ROOT}/cmake/environment.cmake)\nexecute_process(COMMAND ${{CMAKE_COMMAND}} -E environment)\n"
        )
        own = os.environ | OF_A_HOOK | KEPT
        done = subprocess.run(["cmake", "-P", file], env=own, capture_output=True, text=True, check=True)
        found = [line.partition("=")[0] for line in done.stdout.splitlines() if line.startswith("GIT_")]
        self.assertEqual(found, ["GIT_CONFIG_GLOBAL"])
        text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
        self.assertLess(text.index("include(cmake/environment.cmake)"), text.index("include(cmake/commit.cmake)"))

    def test_an_unusable_script_says_why_in_one_line_whatever_the_reason_contains(self):
        code = (
            "import sys; from connbench_tools import failures\n"
            "def main(): raise failures.Unusable('a\\nb\\x1b[1m\\udcff')\n"
            "sys.exit(failures.run('x', main))"
        )
        own = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([sys.executable, "-B", "-c", code], env=own, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (failures.UNUSABLE, "scripts/x: a b\\x1b[1m\\xff\n"))
