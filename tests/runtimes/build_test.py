"""impl/runtimes/build.py says what is missing, and what helps; it never breaks a build for it.

  tests/runtimes/build_test.py [Class.test]
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILDER = Path(__file__).resolve().parent.parent.parent / "impl/runtimes/build.py"


class Builder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "path"
        self.programs = Path(folder.name) / "programs"
        self.work = Path(folder.name) / "work"
        self.path.mkdir()

    def tool(self, name, script):
        tool = self.path / name
        tool.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        tool.chmod(0o755)

    def build(self, *names):
        folders = ["--programs", self.programs, "--work", self.work]
        return subprocess.run(
            [sys.executable, BUILDER, *folders, "--only", ",".join(names)],
            env={**os.environ, "PATH": str(self.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_names_the_version_that_a_missing_toolchain_must_have(self):
        done = self.build("go-dialer", "mio", "erlang", "node")
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("skipped go-dialer: needs Go 1.19 or newer", "skipped mio: needs Rust 1.85 or newer"):
            self.assertIn(words, done.stdout)
        self.assertIn("skipped erlang: needs Erlang/OTP 25 or newer (apt-get install erlang-base", done.stdout)
        self.assertIn("skipped node: needs Node.js 20 or newer", done.stdout)
        self.assertIn("built none", done.stdout)

    def test_names_the_version_that_an_old_toolchain_has(self):
        self.tool("cargo", "echo cargo 1.63.0 '(fd9c4297c 2022-07-01)'")
        self.assertIn(f"needs Rust 1.85 or newer; {self.path}/cargo is 1.63.0", self.build("tokio").stdout)

    def test_takes_the_newest_toolchain_of_several(self):
        self.tool("node", "echo v12.22.12")
        self.tool("node20", "echo v20.1.0")
        self.assertIn("built node", self.build("node").stdout)
        self.assertIn("node20", (self.programs / "node").read_text(encoding="utf-8"))

    def test_skips_what_cannot_be_fetched_and_says_why(self):
        self.tool(
            "cargo",
            """case $1 in
          --version) echo cargo 1.85.0 ;;
          -vV) echo host: x86_64-unknown-linux-gnu ;;
          *) echo error: there is no network >&2; exit 101 ;; esac""",
        )
        done = self.build("mio")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("skipped mio: its crates could not be fetched (error: there is no network)", done.stdout)

    def test_fails_when_a_program_does_not_compile(self):
        self.tool("go", "[ $1 = version ] && echo go version go1.26.8 || { echo main.go:1: nonsense; exit 1; }")
        done = self.build("go-dialer")
        self.assertEqual(done.returncode, 1)
        self.assertIn("main.go:1: nonsense", done.stderr)

    def test_a_program_that_is_skipped_leaves_only_its_reason(self):
        self.tool("node", "echo v20.1.0")
        self.build("node")
        self.assertTrue((self.programs / "node").exists())
        self.tool("node", "echo v12.22.12")
        self.build("node")
        self.assertFalse((self.programs / "node").exists())
        self.assertIn("needs Node.js 20", (self.programs / "node.absent").read_text(encoding="utf-8"))

    def test_refuses_a_name_that_it_does_not_know(self):
        done = self.build("cobol")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no program is called 'cobol'", done.stderr)


if __name__ == "__main__":
    unittest.main()
