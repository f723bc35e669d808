"""What scripts/lint-workflows finds."""

import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = """name: good
on:
  push:
permissions:
  contents: read
defaults:
  run:
    shell: bash
jobs:
  one:
    runs-on: ubuntu-24.04
    container:
      image: debian:12
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683  # v4.2.2
      - run: scripts/test -R "$WHAT"
        env:
          WHAT: ${{ github.head_ref }}
"""
FAULTS = (
    ("  contents: read", "  contents: write", "permissions"),
    ("permissions:\n  contents: read\n", "", "permissions"),
    ("    timeout-minutes: 5\n", "", "timeout-minutes"),
    ("ubuntu-24.04", "ubuntu-latest", "names no version"),
    ("debian:12", "debian", "names no version"),
    ("@11bd71901bbe5b1630ceea73d27597364c9af683  # v4.2.2", "@v4", "not pinned"),
    ("  # v4.2.2", "", "which version"),
    ("defaults:\n  run:\n    shell: bash\n", "", "shell"),
    ('"$WHAT"', "$WHAT", "SC2086"),
    ('"$WHAT"', "${{ github.head_ref }}", "expression in a script"),
    ("scripts/test", "scripts/tset", "scripts/tset does not exist"),
    ("    steps:", "    stepz: 1\n    steps:", "stepz"),
    ("    steps:", "    steps: ", "trailing"),
)


class Lint(unittest.TestCase):
    def lint(self, *texts):
        """The exit status, and the findings for each text."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{i}.github/workflows/some.yml" for i in range(len(texts))]
            for path, text in zip(paths, texts):
                path.parent.mkdir(parents=True)
                path.write_text(text)
            ended = subprocess.run([ROOT / "scripts/lint-workflows", *paths], capture_output=True, text=True)
            if "is missing" in ended.stderr or "has no yaml" in ended.stderr:
                self.skipTest(ended.stderr.strip())
            said = [
                [line for line in ended.stdout.split(folder) if line.startswith(f"/{i}.github")]
                for i in range(len(texts))
            ]
        return ended.returncode, ["".join(lines) for lines in said]

    def test_finds_nothing_in_a_good_workflow(self):
        self.assertEqual(self.lint(GOOD), (0, [""]))

    def test_finds_each_fault(self):
        status, every = self.lint(*(GOOD.replace(was, fault) for was, fault, _ in FAULTS))
        self.assertEqual(status, 1)
        for (was, fault, expected), said in zip(FAULTS, every):
            with self.subTest(fault or f"without {was}"):
                self.assertIn(was, GOOD)
                self.assertIn(expected, said)
