#!/usr/bin/python3 -B
"""Damages records in random ways, and gives them to the scripts that read records.

  tests/fuzz/records_fuzz.py --seconds 600          until the time is over, or something is found
  tests/fuzz/records_fuzz.py --seed 7 --cases 1     one case again; --keep DIR leaves its files there

A case is one kind of records with one to three damages, and one script. It must end with a result or with one line on
stderr and status 2; with status 1 only if it printed a regression; without half a page, a control character on the
terminal, a hang or a gigabyte of memory. Exit status: 0 nothing found, 1 something was, 77 numpy or scipy is missing.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path[1:1] = [str(HERE), str(HERE.parent / "scripts"), str(HERE.parent.parent / "scripts")]

try:
    import numpy  # noqa: F401
    import scipy  # noqa: F401
except ImportError as missing:
    print(f"skipped: {sys.executable} has no {missing.name} (scripts/setup installs it)")
    sys.exit(77)

import damage  # noqa: E402
import seeds  # noqa: E402

from connbench_tools import failures  # noqa: E402
from made_runs import script  # noqa: E402

PATIENCE = 120  # s for one case that usually takes 0.1 s
MEMORY = 2 << 30  # bytes beyond what the interpreter has at the beginning
ENCODINGS = ("utf-8", "latin-1", "ascii")


class Finding(Exception):
    """What a script must not do."""


class Hang(BaseException):
    """A case that takes too long. Not an Exception, so that no script takes it for an error of its own."""


def words_of(name, folder):
    """The command line of a script for the records in a folder."""
    run, gate, out = folder / "run", folder / "gate", folder / "out"
    return {
        "report": [run, gate, "--out", out],
        "report --figures": [run, "--out", out, "--figures", folder / "figures", "--only", "latency,ramp,fleet-p99"],
        "compare": [folder / "first", folder / "second", "--csv", folder / "csv", "--markdown", out],
        "compare slower": [folder / "first", folder / "slower", "--seed", "3"],
        "history": [folder / "first", "--file", folder / "history/all.csv", "--branch", "main"],
        "table": ["--from", folder / "table"],
        "table --portrait": ["--portrait", folder / "portrait"],
        "answer": [folder / "answer"],
        "method": ["stack", "arrivals", "memory", "--from", folder / "method"],
        "readers": [folder],
    }[name]


SCRIPTS = (
    "report",
    "report --figures",
    "compare",
    "compare slower",
    "history",
    "table",
    "table --portrait",
    "answer",
    "method",
    "readers",
)
WEIGHTS = (6, 1, 4, 2, 4, 3, 2, 3, 2, 3)
STATUSES = dict.fromkeys(("compare", "compare slower"), (0, 1, 2, 4))  # the others: 0 or 2


def called(name, folder, encoding):
    """(status, stdout, stderr) of a script in this process."""
    program = name.split()[0]
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, newline="\n", write_through=True) for _ in range(2)]
    argv, sys.argv = sys.argv, [f"scripts/{program}", *map(str, words_of(name, folder))]
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            status = failures.run(program, MAINS[program])
    except SystemExit as ended:  # argparse refuses a folder in place of the history
        status = ended.code
    finally:
        sys.argv = argv
    return status, *(stream.buffer.getvalue().decode(encoding) for stream in streams)


def compare_main():
    return COMPARE.compare.compare(COMPARE.arguments(sys.argv[1:]))


COMPARE = script("compare")
MAINS = {name: script(name).main for name in ("report", "history", "table", "answer", "method")}
MAINS |= {"compare": compare_main, "readers": lambda: seeds.read_the_rest(Path(sys.argv[1]))}


def judge(name, folder, status, out, err):
    """Raises Finding when the script did what it must not do."""
    program = name.split()[0]
    if "Traceback" in err or "internal error" in err or "memory does not suffice" in err:
        raise Finding(f"no proper end:\n{err}")
    if status not in STATUSES.get(name, (0, 2)):
        raise Finding(f"status {status}")
    why = rf"scripts/{program}: [^\n]+\n|usage: (.*\n)+scripts/{program}: error: .*\n"
    if status == 2 and not re.fullmatch(why, err):
        raise Finding(f"status 2 without one line that says why: {err!r}")
    if status == 1 and not re.search(r" regressed$", out, re.M):
        raise Finding("status 1 without a regression in the table")
    if found := re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", out + err):
        raise Finding(f"a control character was printed: {found[0]!r}")
    if name == "report" and status == 0:
        judge_page((folder / "out").read_text(encoding="utf-8"))


def judge_page(page):
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    json.loads(data[1], parse_constant=lambda constant: (_ for _ in ()).throw(Finding(f"{constant} in the page")))
    if page.count("<script") != 2 or "<img" in page:
        raise Finding("a label became markup")


def run_case(seed, folder, verbose=False):
    """One case. Returns the name of the script and its status."""
    chance = random.Random(seed)
    (name,) = chance.choices(SCRIPTS, WEIGHTS)
    seeds.copy(words_of(name, folder), folder)
    done = [damage.damage(chance, folder) for _ in range(chance.choice((1, 1, 2, 3)))]
    if verbose:
        print(name, *done, sep="\n  ", flush=True)
    signal.alarm(PATIENCE)
    try:
        status, out, err = called(name, folder, chance.choice(ENCODINGS))
        if verbose:
            print(f"status {status}\n{out}{err}", end="")
        judge(name, folder, status, out, err)
    except Hang:
        raise Finding(f"no end after {PATIENCE} s") from None
    finally:
        signal.alarm(0)
    return name, status


def hang(*_):
    raise Hang


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the first case; the next one has the next seed")
    parser.add_argument("--cases", type=int, help="how many [until --seconds are over]")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="leave the files of the last case there")
    parser.add_argument("--all", action="store_true", help="go on after a finding, and count them")
    return parser.parse_args()


def main():
    given = arguments()
    signal.signal(signal.SIGALRM, hang)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    resource.setrlimit(
        resource.RLIMIT_AS, (int(Path("/proc/self/statm").read_text().split()[0]) * 4096 + 2 * MEMORY, -1)
    )
    counts, ends, seed = {}, time.monotonic() + given.seconds, given.seed
    while seed < given.seed + given.cases if given.cases else time.monotonic() < ends:
        with tempfile.TemporaryDirectory() as folder:
            place = given.keep or Path(folder)
            if given.keep:
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
            try:
                name, status = run_case(seed, place, given.cases == 1)
                if (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - used > MEMORY:
                    raise Finding(f"more than {MEMORY >> 30} GiB of memory")
            except Finding as finding:
                print(f"seed {seed}: {finding}\n\nAgain: {__file__} --seed {seed} --cases 1 --keep DIR", flush=True)
                if not given.all:
                    return 1
                name, status = str(finding).strip().splitlines()[-2:][0], "found"
        counts[name, status] = counts.get((name, status), 0) + 1
        seed += 1
    print(f"{seed - given.seed} cases, nothing found")
    for (name, status), count in sorted(counts.items(), key=str):
        print(f"{count:7}  {name}: status {status}")
    return 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
