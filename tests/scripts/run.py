"""Runs the tests in one file: /usr/bin/python3 tests/scripts/run.py gate.judge_test [Class.test]

CONNBENCH_BUILD names a build folder for tests that run our programs, CONNBENCH_COMPILER its compiler.
Exit status: that of unittest, or 77 when the machine lacks what the tests need.
"""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "scripts"))

from connbench_tools.environment import forget_git  # noqa: E402

if __name__ == "__main__":
    forget_git()  # the tests make repositories of their own
    unittest.main(module=sys.argv.pop(1))
