"""Tests for scripts/setup, with a package manager that installs nothing."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class SetupTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.installed = self.folder / "installed"
        self.lists = self.folder / "lists"  # what apt-cache knows; apt-get update fills it
        self.program("dpkg-query", f'grep -qx "$4" {self.installed} && printf installed')
        self.program(
            "apt-cache", f'grep -q some {self.lists} && ! grep -qx "$2" {self.folder}/withdrawn && echo "$2 | 1"'
        )
        self.program("apt-get", f'echo "$*" >>{self.folder}/calls; [ "$1" = install ] || echo some >{self.lists}')
        self.program("sudo", '[ "$1" = -n ] && shift; exec "$@"')
        self.installed.write_text("")
        self.lists.write_text("")
        (self.folder / "withdrawn").write_text("libst-dev\n")

    def program(self, name, text):
        (self.folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.folder / name).chmod(0o755)

    def setup(self, *words):
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            [ROOT / "scripts/setup", *words], env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_leaves_out_a_library_that_the_release_lacks_and_says_so(self):
        out = self.setup()
        self.assertIn("Not in this release, so that their connectors are left out: libst-dev\n", out)
        update, install = (self.folder / "calls").read_text().splitlines()
        self.assertEqual(update, "update -q")
        self.assertIn(" libsystemd-dev ", install)
        self.assertNotIn("libst-dev", install)

    def test_misses_no_library_that_the_release_lacks(self):
        self.assertIn(
            " libst-dev ", self.setup("--list"), "before the first apt-get update, nothing is known to be absent"
        )
        self.setup()
        self.assertNotIn("libst-dev", self.setup("--list"))
        self.installed.write_text("\n".join(self.setup("--list").split()) + "\n")
        (self.folder / "calls").unlink()
        self.assertEqual(self.setup(), "")
        self.assertFalse((self.folder / "calls").exists())

    def test_a_package_that_is_needed_is_never_left_out(self):
        (self.folder / "withdrawn").write_text("libfmt-dev\n")
        self.setup()
        self.assertIn(" libfmt-dev ", (self.folder / "calls").read_text())


if __name__ == "__main__":
    unittest.main()
