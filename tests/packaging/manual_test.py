"""The manual pages: they say what --help says, and groff has nothing to complain of.

Usage: manual_test.py FOLDER_OF_CONNBENCH FOLDER_OF_PAGES
"""

import gzip
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

PROGRAMS, PAGES = map(pathlib.Path, sys.argv[1:3])


def said_by(*command, **how):
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, **how)


def flags_in(text):
    """The flags that have a line of their own."""
    return set(re.findall(r"^ *(?:-\w, )?(--[\w-]+)", text, re.MULTILINE))


def markup(name):
    return gzip.decompress((PAGES / f"{name}.1.gz").read_bytes()).decode()


class ManualTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        text = said_by(PROGRAMS / "connbench", "--help").stdout
        cls.commands = re.findall(r"^  ([a-z]+) ", text, re.MULTILINE)

    def test_every_command_has_a_page(self):
        self.assertIn("run", self.commands)
        self.assertIn("regress", self.commands)
        pages = {path.name.removesuffix(".1.gz") for path in PAGES.glob("*.1.gz")}
        self.assertEqual(pages, {"connbench", *(f"connbench-{name}" for name in self.commands)})

    def test_a_page_has_the_flags_of_its_command(self):
        for name in self.commands:
            asked = flags_in(said_by(PROGRAMS / "connbench", name, "--help").stdout)
            written = re.sub(r"\\f.|\\&", "", markup(f"connbench-{name}")).replace(r"\-", "-")
            self.assertEqual(flags_in(written), asked, name)

    def test_a_page_says_what_the_exit_status_means(self):
        for name in self.commands:
            if "Exit status:" in said_by(PROGRAMS / "connbench", name, "--help").stdout:
                self.assertIn(".SH EXIT STATUS", markup(f"connbench-{name}"), name)

    def test_no_page_names_a_program_or_folder_of_the_checkout(self):
        for path in PAGES.glob("*.1.gz"):
            text = gzip.decompress(path.read_bytes()).decode().replace(r"\-", "-")
            self.assertIsNone(
                re.search(r"scripts/(report|compare|regress|exact|history|table|study|export)\b", text), path
            )
            self.assertNotIn(str(PROGRAMS.parent), text)

    @unittest.skipUnless(shutil.which("man"), "there is no man here: apt-get install man-db")
    def test_man_shows_them_without_a_complaint(self):
        environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""}
        for path in sorted(PAGES.glob("*.1.gz")):
            shown = said_by("man", "--warnings", "-E", "UTF-8", "-l", path, env=environment)
            self.assertEqual(shown.stderr, "", path)
            self.assertIn("NAME", shown.stdout)
        self.assertIn("--connector LIST", said_by("man", "-l", PAGES / "connbench-run.1.gz", env=environment).stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
