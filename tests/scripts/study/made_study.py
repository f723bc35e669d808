"""Records of studies that nobody measured: what the rules say of figures that a test chooses."""

import json
from pathlib import Path

from connbench_tools.study import catalogue
from connbench_tools.study.finished import Finished
from connbench_tools.study.plan import Lacking
from connbench_tools.study.verdicts import UNTESTABLE
from made_records import Records

MS, SECOND = 10**6, 10**9


def spread(value, repetition):
    """The value as repetition after repetition would have it: 2 % around it."""
    return value * (1 + 0.005 * ((repetition * 7) % 5 - 2))


class Made:
    """A study, and the steps that a test has made for it; the others count as not measured."""

    def __init__(self, name, folder):
        self.module, self.folder, self._entries = catalogue.module(name), Path(folder), []
        self.study = self.module.STUDY

    def waves(self, run, connector, repetitions, target="accepting", attempts=400, outcomes=None, **figures):
        """Adds waves of one case. `outcomes`: counts other than `connected`; figures: columns of summary.csv."""
        where = {key: figures.pop(key) for key in ("scenario", "concurrency", "timeout_ns") if key in figures}
        for repetition in range(1, repetitions + 1):
            counts = dict(outcomes or {})
            counts.setdefault("connected", attempts - sum(counts.values()))
            values = {column: spread(value, repetition) for column, value in figures.items()}
            run.wave(connector, repetition, target, **where, attempts=attempts, **counts, **values)

    def write(self, step, *runs):
        """The runs of a step; several are its rounds."""
        for place, run in enumerate(runs, 1):
            folder = step if len(runs) == 1 else f"{step}-{place}"
            run.write(self.folder / folder)
            self._entries.append({"name": step, "folder": folder, "command": "run", "why_not": None})

    def answer(self, step, file, value):
        (self.folder / step).mkdir(parents=True)
        (self.folder / step / file).write_text(json.dumps(value))
        self._entries.append({"name": step, "folder": step, "command": "program", "why_not": None})

    def entries(self):
        made = {entry["name"] for entry in self._entries}
        missing = [step for step in self.study.steps if step.name not in made]
        lacking = {"command": "run", "why_not": "the test made none"}
        return self._entries + [{"name": step.name, "folder": step.name} | lacking for step in missing]

    def finished(self):
        return Finished(self.folder, self.entries())

    def words(self):
        """The verdict on each claim."""
        return [self._word(claim) for claim in self.study.claims]

    def _word(self, claim):
        try:
            return claim.judge(self.finished()).word
        except Lacking:
            return UNTESTABLE


def run_of(**facts):
    return Records(**facts)


def times_run(connector, times, target="accepting", **where):
    """A run of one wave with samples: an attempt for each time, in ns."""
    return Records().wave(connector, 1, target, times=[int(time) for time in times], **where)


def ramp_rows(connector, repetition, pending, user_kib, kernel_kib, stopped="", again=None):
    """The first and the last reading of a ramp."""
    rows = [
        {"connector": connector, "repetition": repetition, "step": step, "pending": held, "resource": "threads"}
        | {"rss_kib": round(5_000 + user_kib * held), "kernel_kib": round(90_000 + kernel_kib * held)}
        for step, held in enumerate((0, pending))
    ]
    rows[1] |= {"stopped_call": stopped, "recovery_released_ns": "" if again is None else again}
    return rows


def ramps_run(ramps):
    """A run of `connbench exhaust`. `ramps`: (connector, rows, healthy_tried, healthy_connected)"""
    run = Records(command_line=["connbench", "exhaust", "threads"])
    entries = []
    for connector, rows, tried, reached in ramps:
        run.exhaustion += rows
        entry = {"connector": connector, "repetition": rows[0]["repetition"], "most_pending": rows[-1]["pending"]}
        entries.append(entry | {"healthy_tried": tried, "healthy_connected": reached})
    run.facts["exhaustion"] = {"limit_kind": "pids_max", "ramps": entries}
    return run
