#!/usr/bin/python3 -EsSB
"""Executes a command in a condition of one of the tables beside this file, to see by hand what a test complains about.

  tests/robustness/enter.py "SIGCHLD is ignored" build/release/bin/connbench doctor
"""

import os
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tables import CONDITIONS  # noqa: E402  (the folder must be known first)


def become(name, command):
    """Replaces this process."""
    condition = CONDITIONS[name]
    command = [*condition.wrap, *command]
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)  # Python and the shell of who runs the tests ignore some
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    environment = dict(os.environ)
    for name, value in condition.environment.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    program = shutil.which(command[0])  # by the PATH of the tests
    condition.enter()
    os.execve(program, command, environment)


def main():
    if len(sys.argv) < 3:
        sys.exit(f"{__doc__}\nConditions:\n  " + "\n  ".join(CONDITIONS))
    become(sys.argv[1], sys.argv[2:])


if __name__ == "__main__":
    main()
