"""Runs experiments, keeps their records, and puts their tables into a document."""

import re
import shlex
from collections import namedtuple
from pathlib import Path

from .. import programs
from ..failures import Unusable, say
from ..output import write_text
from ..records.files import read_text
from ..records.run import Run
from ..units import counted
from . import beliefs, beliefs_tables, grpc_channels, memory, races
from .experiments import EXPERIMENTS

MEASURED = (0, 1)  # exit statuses of connbench; 1: an outcome is not what the target explains
BELIEFS = "beliefs"

# An experiment that is not made of plain runs. `place`: its records, in the folder of all.
Apart = namedtuple("Apart", "question measure table place")
_APART = {
    "memory": Apart(memory.QUESTION, memory.measure, memory.table, "memory.json"),
    "races": Apart(races.QUESTION, races.measure, races.table, "races"),
    "grpc": Apart(grpc_channels.QUESTION, grpc_channels.measure, grpc_channels.table, "grpc"),
    BELIEFS: Apart(beliefs.QUESTION, beliefs.measure, beliefs_tables.tables, BELIEFS),
}
_BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def names():
    """Those of docs/method.md."""
    return [*(name for name in _APART if name != BELIEFS), *_BY_NAME]


def all_names():
    return [*names(), BELIEFS]


def title(name):
    return f"{name}: {(_APART.get(name) or _BY_NAME[name]).question}"


def listing():
    """One line for each experiment."""
    return "\n".join(map(title, all_names()))


def require(wanted):
    """The same names, if all are known."""
    for name in wanted:
        if name not in all_names():
            raise Unusable(f"unknown experiment '{name}': there are {', '.join(all_names())}")
    return wanted


def lacks(name, bin_folder):
    """Why an experiment cannot be made with these programs; None when it can, as far as is known."""
    return grpc_channels.lacks(bin_folder) if name == "grpc" else None


def measure(name, bin_folder, folder, quick):
    """Fills `folder`/NAME, or `folder`/NAME-2 and so on for an experiment of several runs."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in _APART:
        _APART[name].measure(bin_folder, folder / _APART[name].place, quick)
        return
    program = programs.require_program(bin_folder / "connbench", "scripts/test builds it")
    for arguments, out in zip(_BY_NAME[name].runs, _folders(name, folder)):
        words = shlex.split(arguments)
        samples = [] if "--samples" in words else ["--samples", "none"]
        command = [program, "run", *(_quick(words) if quick else words), *samples]
        command += [*programs.cpus_flag(program), "--out", out]
        say("+ " + " ".join(map(str, command)))
        ended = programs.execute(command)
        if ended.status not in MEASURED:
            raise Unusable(f"connbench ended with {ended.status}: {ended.said}")


def _quick(words):
    """The same arguments with few attempts and two repetitions."""
    few = {"--attempts": "64", "--repetitions": "2"}
    return [few.get(before, word) for before, word in zip([None, *words], words)]


def _folders(name, folder):
    runs = len(_BY_NAME[name].runs)
    return [folder / (name if place == 1 else f"{name}-{place}") for place in range(1, runs + 1)]


def table(name, folder):
    """The Markdown of an experiment's records, with where they are from."""
    try:
        return _table(name, folder)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # each table expects what its runs measure
        raise Unusable(f"{folder}: these are not all records of '{name}': measure it again ({error})") from error


def _table(name, folder):
    if name in _APART:
        return _APART[name].table(folder / _APART[name].place)
    runs = [Run(path) for path in _folders(name, folder)]
    for run in runs:
        run.require_complete()
        run.require_waves()
    repetitions = len({row["repetition"] for row in runs[0].rows})
    said = counted(repetitions, "repetition") if repetitions > 1 else counted(len(runs), "run")
    return f"{_BY_NAME[name].table(runs)}\n\n{runs[0].origin()}; {said}."


def write(path, name, text):
    """Replaces what stands between the markers of an experiment in a document."""
    path = Path(path)
    old = read_text(path)
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
    if len(pattern.findall(old)) != 1:
        raise Unusable(f"{path}: needs one {begin}, and one {end} after it")
    write_text(path, pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old))
