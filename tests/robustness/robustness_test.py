#!/usr/bin/python3 -B
"""Runs every command in every condition of the tables beside this file, such as inherited states.

  tests/robustness/robustness_test.py build/release             all
  tests/robustness/robustness_test.py build/release states      one table
  tests/robustness/robustness_test.py build/release --only 'SIGCHLD.*/doctor'

Each command must end, with the expected status; say what is wrong in one line when it fails; leave whole records, and
nothing else. The name of a complaint, "CONDITION/COMMAND", is what --only selects. To see one by hand: enter.py.

Exit status: 0 all of that held, 1 it did not.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import leftovers
from commands import COMMANDS
from execution import PATIENCE, Place, complaints
from tables import TABLES

AT_ONCE = 2 * (os.cpu_count() or 1)  # most of the time they wait


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="a CMake build folder, whose bin/ holds connbench")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} [all]")
    parser.add_argument("--only", default="", metavar="REGEX", help="what to run: CONDITION/COMMAND")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, metavar="S", help="a command that takes longer hangs"
    )
    given = parser.parse_args()
    unknown = set(given.tables) - set(TABLES)
    if unknown:
        parser.error(f"there is no table '{unknown.pop()}'")
    return given


def chosen(given):
    """(condition, command), the longest first; and what cannot be tested here, with the reason."""
    tests, left_out = [], {}
    for table in given.tables or TABLES:
        for condition in TABLES[table]:
            tests += [
                (condition, command)
                for command in condition.commands(COMMANDS)
                if re.search(given.only, f"{condition.name}/{command.name}") and not (reason := condition.needs())
            ]
            if reason := condition.needs():
                left_out[condition.name] = reason
    return sorted(tests, key=lambda test: -test[1].seconds), left_out


def main():
    given = arguments()
    tests, left_out = chosen(given)
    began, wrong = time.monotonic(), 0
    before = leftovers.of_the_machine()
    with tempfile.TemporaryDirectory(prefix="connbench-robustness-") as folder:
        place = Place(given.build.resolve(), Path(folder), given.patience)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for (condition, command), said in zip(tests, pool.map(lambda test: complaints(place, *test), tests)):
                wrong += bool(said)
                for line in said:
                    print(f"{condition.name}/{command.name}: {line}", flush=True)
    for name, reason in left_out.items():
        print(f"not tested here: {name}: {reason}")
    for left in leftovers.that_stay(before):
        wrong += 1
        print(f"left behind: {left}")
    print(f"{len(tests)} commands in {time.monotonic() - began:.0f} s, {wrong} wrong")
    return 1 if wrong or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
