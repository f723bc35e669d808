"""Runs the tests in one file: /usr/bin/python3 tests/scripts/run.py gate.judge_test [Class.test]

CONNBENCH_BUILD names a build folder for tests that run our programs, CONNBENCH_COMPILER its compiler.
Exit status: that of unittest, or 77 when the machine lacks what the tests need.
"""

import signal
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "scripts"))

from connbench_tools.environment import forget_git  # noqa: E402


def as_usual():
    """Tests send signals. Whoever runs them may ignore some (nohup, a shell's "&"), which our programs honour."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    as_usual()
    forget_git()  # the tests make repositories of their own
    unittest.main(module=sys.argv.pop(1))
