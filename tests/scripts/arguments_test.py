"""Numbers on the command lines of the scripts: read exactly, or refused with their range."""

import argparse
import random
import re
import subprocess
import unittest
from decimal import Decimal
from pathlib import Path

import forked
from connbench_tools import ROOT, SUBCOMMANDS, arguments, described

TRIES = 5_000
PIECES = [
    *"0 1 5 9 00 10 18446744073709551616 . , - + _ e3 nan inf s min ms % 0x ٣ ²".split(),
    " ",
    "\n",
    "\0",
    "9" * 500,
]
KINDS = {
    "whole": (arguments.whole(3, 1000), "from 3 to 1000"),
    "decimal": (arguments.decimal(0.5, 90), "from 0.5 to 90"),
    "duration": (arguments.duration(1, 600), "from 1s to 10min"),
    "increasing": (arguments.increasing(2, 100), "expected"),
    "seed": (arguments.seed, "from 0 to 18446744073709551615"),
}


def any_text(source):
    return "".join(source.choice(PIECES) for _ in range(source.randrange(6)))


class Completions(unittest.TestCase):
    def test_offer_the_flags_that_were_not_given(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--out", help="a folder")
        parser.add_argument("--over", action="store_true", help="once more")
        for words, expected in ((["--o"], ["--out", "--over"]), (["--over", "--o"], ["--out"])):
            kind, *lines = described.completions(parser, words)
            self.assertEqual((kind, [line.partition("\t")[0] for line in lines]), ("words", expected))


class Conversions(unittest.TestCase):
    def test_any_text_is_read_exactly_or_refused_with_the_range(self):
        source = random.Random(1)
        for name, (read, expected) in KINDS.items():
            valid = 0
            for _ in range(TRIES):
                text = any_text(source)
                try:
                    value = read(text)
                except argparse.ArgumentTypeError as error:
                    self.assertIn("is not valid: expected", str(error))
                    self.assertIn(expected if "," not in text else "expected", str(error))
                    continue
                valid += 1
                if name != "increasing":
                    number = Decimal(re.match(r"[0-9.]+", text)[0]) * (60 if text.endswith("min") else 1)
                    self.assertEqual(Decimal(value), Decimal(float(number)), text)
            self.assertGreater(valid, 0, f"{name}: no text was valid, so the test tests nothing")

    def test_bounds_are_included(self):
        whole = arguments.whole(3, 5)
        self.assertEqual([whole("3"), whole("5")], [3, 5])
        self.assertEqual(arguments.duration(1, 600)("10min"), 600.0)
        self.assertEqual(arguments.duration(1, 600)("1.5min"), 90.0)
        self.assertEqual(arguments.seed("18446744073709551615"), 2**64 - 1)
        for read, text in ((whole, "2"), (whole, "6"), (arguments.seed, "18446744073709551616")):
            with self.assertRaises(argparse.ArgumentTypeError):
                read(text)

    def test_no_name_and_no_path_is_empty(self):
        self.assertEqual(arguments.names("a,b"), ["a", "b"])
        self.assertEqual(arguments.path("a"), Path("a"))
        for read, text in (
            (arguments.names, ""),
            (arguments.names, "a,"),
            (arguments.path, ""),
            (arguments.path, "\0"),
        ):
            with self.assertRaises(argparse.ArgumentTypeError):
                read(text)


class Scripts(unittest.TestCase):
    """Every option of every script that takes a number, a list or a file."""

    NUMBERS = ("", "nan", "010")  # what else is no number: Conversions
    OPTIONS = {
        "regress": (["HEAD"], ["--budget", "--pairs", "--seed", "--minutes", "--comparisons"]),
        "compare": (["a", "b"], ["--seed"]),
        "exact": (["build"], ["--runs"]),
        "report": (["run"], ["--max-bytes"]),
        "export": (["run", "--format", "csv"], ["--percentiles"]),
        "build-cost": ([], ["--at-most"]),
    }
    EMPTY = {
        "regress": (
            ["HEAD"],
            "--markdown --out --pairs-file --build --head-build --base-program --head-program --program --connector "
            "--target --load --baseline".split(),
        ),
        "compare": (["a", "b"], ["--markdown", "--csv"]),
        "exact": (["build"], ["--baseline", "--connector", "--what", "--program"]),
        "export": (["run", "--format", "csv"], ["--figure", "--out", "--percentiles"]),
        "report": (["run"], ["--verdicts", "--out", "--only", "--figures"]),
        "table": ([], ["--from", "--portrait", "--write", "--out", "--bin"]),
        "history": (["run"], ["--file"]),
        "method": ([], ["--write", "--from", "--out", "--bin"]),
        "build-cost": ([], ["--log"]),
        "study": (["all"], ["--out", "--bin", "--records", "--document"]),
    }

    def test_that_are_commands_of_connbench_are_listed_alike_everywhere(self):
        listed = {
            "bench/companions.cpp": re.findall(r'^    \{"(\w+)", "', (ROOT / "bench/companions.cpp").read_text(), re.M),
            "cmake/install.cmake": re.search(r"foreach\(program (.*?)\)", (ROOT / "cmake/install.cmake").read_text())[
                1
            ].split(),
        }
        for file, names in listed.items():
            self.assertEqual(sorted(names), sorted(SUBCOMMANDS), file)

    def refused(self, script, words, option, text):
        with self.subTest(script, option=option, text=text):
            ended = forked.run([script, *words, f"{option}={text}"])
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(f"argument {option}", ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)

    def test_refuse_what_is_no_number(self):
        for script, (words, options) in self.OPTIONS.items():
            for option in options:
                for text in self.NUMBERS:
                    self.refused(script, words, option, text)

    def test_refuse_an_empty_value(self):
        for script, (words, options) in self.EMPTY.items():
            for option in options:
                self.refused(script, words, option, "")

    def test_written_for_bash_refuse_an_empty_value_too(self):
        for command in (["bench", "--out", ""], ["bench", "--out="], ["bench", "--out"], ["reference", "--out", ""]):
            with self.subTest(command=command):
                ended = subprocess.run([ROOT / "scripts" / command[0], *command[1:]], capture_output=True, text=True)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn("--out needs a", ended.stderr)
