"""Runs one command in one condition, and says what is wrong with how it ended."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import leftovers
from starter import Starter

HERE = Path(__file__).resolve().parent
PATIENCE = 240.0  # s; no test bounds a time more tightly
# What no output may contain: an exception that nobody caught, and other ways to say "this is a bug".
NEVER = re.compile(r"Traceback|terminate called|Assertion|runtime error:|internal error|Sanitizer")
A_LINE = re.compile(r"(connbench|scripts/[\w-]+|[\w-]+: error): .+")  # how a failure is said
# Of this process alone, because limits such as RLIMIT_NPROC are those of a user, and other tests run beside it.
ORDINARY_USER = 60_000 + os.getpid() % 5_000
OUTCOMES = "connected refused reset unreachable peer_timeout deadline_exceeded never_started cancelled exhausted"
OUTCOMES = [*OUTCOMES.split(), "not_permitted", "self_connected", "unexpected"]


@dataclass(frozen=True)
class Ended:
    status: int | None  # -N: killed by signal N; None: it did not end
    out: str
    err: str
    records: Path  # the folder, if the command made it

    def run_json(self):
        return json.loads((self.records / "run.json").read_text(encoding="utf-8"))


class Place:
    """Folders for the commands, and what some of them read: the records of a small run."""

    def __init__(self, build, folder, patience=PATIENCE):
        self.build, self.folder, self.patience = build, folder, patience
        self._numbers, self._lock, self.starter = count(), threading.Lock(), Starter()
        folder.chmod(0o755)
        self.bin, self.user_bin = build / "bin", folder / "bin"
        self.user_bin.mkdir()
        shutil.copy(self.bin / "connbench", self.user_bin)  # an ordinary user may not see the build
        runs = folder / "runs"
        words = "run --connector epoll --attempts 8 --timeout 1min --repetitions 1 --syscalls off --out".split()
        subprocess.run([self.bin / "connbench", *words, runs / "run"], check=True, capture_output=True)

    def new_folder(self, as_user):
        with self._lock:
            folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        if as_user and os.geteuid() == 0:
            os.chown(folder, ORDINARY_USER, ORDINARY_USER)
        return folder


def execute(place, condition, command):
    folder = place.new_folder(condition.as_user)
    work = folder / "work"  # a command finds it empty, and its own output elsewhere
    work.mkdir()
    names = {
        "bin": place.user_bin if condition.as_user else place.bin,
        "scripts": HERE.parent.parent / "scripts",
        "runs": place.folder / "runs",
        "out": work / "out",
    }
    words = [word.format(**names) for word in shlex.split(command.words)]
    if condition.as_user and os.geteuid() == 0:
        os.chown(work, ORDINARY_USER, ORDINARY_USER)
        user = str(ORDINARY_USER)
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *words]
    environment = {**os.environ, leftovers.MARK: folder.name + str(os.getpid())}
    with open(folder / "stdout", "w+b") as out, open(folder / "stderr", "w+b") as err:
        process = place.starter.start(condition.name, words, work, environment, out, err)
    status = process.wait(place.patience)
    if status is None:
        end_all(environment[leftovers.MARK])
        process.wait()
    process.close()
    left = leftovers.processes_that_stay(environment[leftovers.MARK])  # what passes output on may end a moment later
    texts = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
    if left:
        end_all(environment[leftovers.MARK])
    return Ended(status, *texts, names["out"]), left


def end_all(mark):
    for pid, _ in leftovers.processes_with(mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def complaints(place, condition, command):
    """Sentences; none when all is well."""
    ended, left = execute(place, condition, command)
    if ended.status is None:
        return [f"it did not end within {place.patience:.0f} s"]
    said = []
    if ended.status not in condition.status(command):
        said.append(f"it ended with {ended.status} instead of {condition.status(command)}: {last_line(ended)}")
    else:
        said += wrong_words(condition, command, ended)
        said += condition.check(command, ended)
    if command.records and ended.records.exists():
        said += wrong_records(ended)
    said += [f"it left process {pid} behind ({name})" for pid, name in left]
    return said


def last_line(ended):
    return next(iter(reversed((ended.err.strip() or ended.out.strip()).splitlines())), "(it said nothing)")


def wrong_words(condition, command, ended):
    said = [f"it said: {line}" for line in (ended.out + ended.err).splitlines() if NEVER.search(line)]
    if ended.status == command.status and command.says not in ended.out:
        said.append(f"it did not print '{command.says}', but:\n{ended.out}{ended.err}")
    failed = ended.status >= 2 and ended.status != command.status or ended.status == 2
    if failed and not condition.silent and not A_LINE.fullmatch(last_line(ended)):
        said.append(f"its failure is not said in a line of its own: {last_line(ended)}")
    return said


def wrong_records(ended):
    """What results/README.md promises, whatever happened."""
    try:
        run = ended.run_json()
    except (OSError, ValueError) as error:
        return [f"its run.json cannot be read: {error}"]
    if run["complete"] != (ended.status in (0, 1)):
        return [f"it ended with {ended.status}, and run.json says \"complete\": {run['complete']}"]
    said = []
    for file in sorted(ended.records.glob("*.csv")):
        if run["complete"] and not file.read_bytes().endswith(b"\n"):
            said.append(f"the last row of {file.name} is cut off")
    summary = ended.records / "summary.csv"
    if not summary.exists():
        return said
    with open(summary, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    attempts = sum(int(row["attempts"]) for row in rows)
    if any(int(row["attempts"]) != sum(int(row[outcome]) for outcome in OUTCOMES) for row in rows):
        said.append("the outcomes of a wave do not add up to its attempts")
    with open(ended.records / "samples.csv", newline="", encoding="utf-8") as file:
        samples = sum(1 for _ in csv.DictReader(file))
    if run["complete"] and samples != attempts:
        said.append(f"samples.csv has {samples} rows, and summary.csv {attempts} attempts")
    return said
