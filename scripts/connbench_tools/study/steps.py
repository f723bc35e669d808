"""Runs the steps of a study: which commands, in which order, and what became of each."""

import functools
import struct
import subprocess
import time
from collections import namedtuple

from .. import programs
from ..failures import Unusable, say
from .catalogue import STUDIES
from .plan import LEFT_OUT

MEASURED = (0, 1)  # exit statuses of connbench; 1: an outcome is not what the target explains
UNKNOWN, LACKS = 2, 3
LONGEST = 900  # seconds for one command: no step comes near it
LONGEST_REASON = 120  # characters: a list of all known targets is no reason
TRACE, ANSWER = "trace.json", "answer.json"
# What a run records unless its step says otherwise: the rules need summaries, and counting system calls takes time.
USUAL = {"--samples": "none", "--syscalls": "off"}

# One command to run. `folder`: of its records, relative to that of the study.
Job = namedtuple("Job", "step folder command")


def jobs_of(study, is_quick):
    """Lists of jobs that are begun together, as (step, folder), in the order in which they are run."""
    together, turns = [], []
    for step in study.steps:
        if is_quick and step.quick == LEFT_OUT:
            continue
        rounds = step.rounds_of(is_quick)
        if rounds > 1:
            turns += [(number, [(step, f"{step.name}-{number}")]) for number in range(1, rounds + 1)]
            continue
        together += _in_turns(turns)
        turns = []
        if step.beside and together:
            together[-1].append((step, step.name))
        else:
            together.append([(step, step.name)])
    return together + _in_turns(turns)


def _in_turns(turns):
    """One round after the other, every second one in the opposite order: what is run first in each round could be the
    faster or the slower one for that reason alone, and the sign test needs an order that favours nobody."""
    rounds = {}
    for number, jobs in turns:
        rounds.setdefault(number, []).append(jobs)
    return [jobs for number, round_ in sorted(rounds.items()) for jobs in (round_ if number % 2 else round_[::-1])]


class Bench:
    """The connbench that measures, and what it knows."""

    def __init__(self, bin_folder):
        self.folder = bin_folder
        self.program = programs.require_program(bin_folder / "connbench", "scripts/test builds it")
        listed = programs.ask(self.program, "list")
        self._options = {entry["name"]: set(entry.get("options") or ()) for entry in listed.get("connectors", ())}
        self._values = {entry["name"]: entry.get("values") for entry in listed.get("options", ())}
        self._cpus = programs.cpus_flag(self.program)

    def knows(self, connector):
        """Whether it is a connector, with options and values that there are."""
        base, *options = connector.split("+")
        known = self._options.get(base)
        return known is not None and all(self._knows_option(known, *option.partition(":")[::2]) for option in options)

    def _knows_option(self, known, name, value):
        values = self._values.get(name)
        return name in known and (not value or not values or value in values)

    def command(self, step, words, folder, out):
        """(the command, names that this connbench does not know). Raises LookupError with a reason when nothing is
        left to run. `folder`: of the study, `out`: of the step."""
        words, unknown = self._known([word.replace("{folder}", str(folder)) for word in words])
        if words[0] == "program":
            return [self._own_program(words[1]), *words[2:]], unknown
        if words[0] == "trace":
            return [self.program, *words, "--format", "json", "--out", out / TRACE], unknown
        if words[0] == "run":
            words += step.if_known.split() if self._has_flag(step.if_known) else []
            words += [word for flag, value in USUAL.items() if flag not in words for word in (flag, value)]
            words += [] if "--cpus" in words or "--shards" in words else self._cpus
        quiet = ["--quiet"] if words[0] in ("run", "exhaust") else []
        return [self.program, *words, *quiet, "--out", out], unknown

    @functools.cached_property
    def _help(self):
        return programs.execute([self.program, "run", "--help"]).output

    def _has_flag(self, words):
        return bool(words) and words.split()[0] in self._help

    def _known(self, words):
        if "--connector" not in words:
            return words, []
        place = words.index("--connector") + 1
        wanted = words[place].split(",")
        known = [name for name in wanted if self.knows(name)]
        unknown = [name for name in wanted if name not in known]
        if not known:
            raise LookupError(f"this connbench has no {' and no '.join(unknown)}")
        return [*words[:place], ",".join(known), *words[place + 1 :]], unknown

    def _own_program(self, name):
        for path in (self.folder / "studies" / name, STUDIES / name, self.folder / name):
            if path.is_file():
                return path
        raise LookupError(f"the program {name} was not built (scripts/test builds it)")


def run_together(bench, folder, jobs, is_quick):
    """Runs jobs, and returns an entry for each: what was run, and why there are no records if there are none."""
    entries, processes = [], []
    try:
        for step, name in jobs:
            entry = {"name": step.name, "folder": name, "why_not": None, "broke": False, "unknown": []}
            entries.append(entry)
            out = folder / name
            try:
                command, entry["unknown"] = bench.command(step, step.words(is_quick), folder, out)
            except LookupError as error:
                entry |= {"why_not": error.args[0], "command": step.command}
                processes.append(None)
                continue
            entry["command"] = shown(command, folder)
            say(f"+ {entry['command']}")
            if not str(command[0]).endswith("connbench") or command[1] == "trace":
                out.mkdir()
            processes.append(_begin(command))
        for (step, name), entry, process in zip(jobs, entries, processes):
            if process:
                _end(entry, process, step, folder / name)
    finally:
        for process in filter(None, processes):
            programs.end(process)
    return entries


def shown(command, folder):
    """A command as a reader would type it."""
    words = [str(word).replace(f"{folder}/", "") for word in command]
    words[0] = "connbench" if words[0].endswith("/connbench") else words[0].rpartition("/")[2]
    return " ".join(f"'{word}'" if set(word) & set(" *?[]{}();&|<>~") else word for word in words if word != "--quiet")


def _begin(command):
    return subprocess.Popen(
        [str(word) for word in command],
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _end(entry, process, step, out):
    try:
        output, errors = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        entry |= {"why_not": f"it had not ended after {LONGEST} s", "broke": True}
        return
    said = ((errors.strip() or output.strip()).splitlines() or [""])[-1]
    said = said if len(said) <= LONGEST_REASON else f"{said[:LONGEST_REASON]}…"
    if process.returncode in MEASURED:
        if step.command.startswith("program "):
            (out / ANSWER).write_text(output, encoding="utf-8")
        if step.then:
            _then(entry, step, out)
    elif process.returncode == LACKS:
        entry["why_not"] = said
    elif process.returncode == UNKNOWN:
        entry["why_not"] = f"this connbench cannot do it ({said})"
    elif process.returncode == 130:
        raise KeyboardInterrupt
    else:
        entry |= {"why_not": f"it ended with status {process.returncode}: {said}", "broke": True}


def _then(entry, step, out):
    """What a step leaves may be odd, or missing: that is the end of this step, and not of the other studies."""
    try:
        step.then(out)
    except (ArithmeticError, LookupError, OSError, TypeError, ValueError, struct.error) as error:
        entry |= {"why_not": f"its records cannot be used: {error!r}", "broke": True}


def measure(bench, study, folder, is_quick):
    """Runs all steps of a study and returns their entries."""
    entries, began = [], time.monotonic()
    for jobs in jobs_of(study, is_quick):
        entries += run_together(bench, folder, jobs, is_quick)
    if not entries:
        raise Unusable("this study has no steps")
    return entries, time.monotonic() - began
