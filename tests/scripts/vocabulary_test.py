"""The vocabulary of the scripts, compared with that of the program (CONNBENCH_BUILD) and with the documentation."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from connbench_tools import ROOT, programs, vocabulary
from connbench_tools.failures import Unusable
from connbench_tools.records import waves

CONNBENCH = Path(os.environ.get("CONNBENCH_BUILD", "none")) / "bin/connbench"

if CONNBENCH.exists():
    asked = subprocess.run([CONNBENCH, "list", "--format", "json"], capture_output=True, text=True)
    if asked.returncode != 0 and "--format" in asked.stderr:
        print(f"skipped: {CONNBENCH} does not know `list --format json`")
        sys.exit(77)


class VocabularyTest(unittest.TestCase):
    @unittest.skipUnless(CONNBENCH.exists(), "no build (CONNBENCH_BUILD)")
    def test_is_that_of_the_program(self):
        constants = vocabulary.constant_part(programs.ask(CONNBENCH, "list"))
        self.assertEqual(vocabulary.differences(constants), [], "renew it: scripts/vocabulary BUILD --write")

    def test_is_kept_as_the_tool_writes_it(self):
        text = vocabulary.PATH.read_text(encoding="utf-8")
        self.assertEqual(vocabulary.text_of(json.loads(text)), text)

    def test_names_only_columns_that_are_documented(self):
        documented = set(re.findall(r"`(\w+)`", (ROOT / "results/README.md").read_text(encoding="utf-8")))
        for name, columns in vocabulary.COLUMNS.items():
            self.assertEqual(set(columns) - documented, set(), name)

    def test_lists_each_part_that_differs(self):
        constants = json.loads(vocabulary.PATH.read_text(encoding="utf-8"))
        self.assertEqual(vocabulary.differences(constants), [])
        (line,) = vocabulary.differences(constants | {"outcomes": ["connected"]})
        self.assertTrue(line.startswith('outcomes: the program has ["connected"], vocabulary.json has ["connected", '))

    def test_refuses_an_answer_that_lacks_a_part(self):
        with self.assertRaisesRegex(Unusable, "has no outcomes, columns"):
            vocabulary.constant_part({"schema_version": 1})

    def test_the_name_for_all_targets_of_a_fleet_is_that_of_the_program(self):
        header = (ROOT / "harness/wave/case.h").read_text(encoding="utf-8")
        self.assertEqual(re.search(r'every_target = "(.*)";', header)[1], waves.ALL_TARGETS)
