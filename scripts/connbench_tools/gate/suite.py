"""What the gate measures: a few short loads, and how one side runs them.

A pair of our suite takes about 4 s, so that twenty of them, and sixteen more for a confirmation, fit into three
minutes. The loads (loads.py):
  rate   closed loop on loopback: the cost of a connect
  late   a full queue, in open loop: how late an attempt times out, with deadlines 0.25 ms apart on average
  added  a host 2 ms away, in open loop: what is added to the handshake
Arrivals are random, because evenly spaced ones would keep step with timeouts and round trips of whole milliseconds.
A turn is one `connbench run`. The machine's speed drifts within a second. Short turns in an order that cancels drift
therefore measure better than long ones: in the time of A B B A with three waves each, twelve turns of one wave have two
thirds of the noise.
"""

import os
import shutil
import signal
import statistics
import time
from pathlib import Path

from .. import programs
from ..failures import Unusable
from . import loads
from .runs import JudgedRun, metrics

LOADS = {name: load.words() for name, load in loads.OURS.items()}  # the arguments of one turn
# The turns of a pair; A is the side that starts. The side that had less goes next (the Thue-Morse sequence), so that
# both sides get the same share of any drift.
TURNS = {"rate": "ABBABAAB", "late": "ABBABAAB", "added": "ABBA"}
POOLED = {
    "connects_per_s": statistics.harmonic_mean,
    "cpu_per_attempt": statistics.fmean,
    "wall_time": statistics.fmean,
}
NOT_JUDGED = {"overshoot_p90"}  # of 64 attempts: in one of four comparisons of A with A it was too noisy to judge
LACKS = 3  # exit status of connbench when the machine allows nothing of what was asked
MEANING = {
    1: "attempts ended in a way that the target does not explain, or a wave's process failed",
    2: "it does not know these arguments: it is too old, or too new, for this gate",
    5: "the run broke",
}
LONGEST = 120.0  # s for a run that takes one


class Suite:
    """Which loads are measured. `of_loads`: {name: loads.Load}; each has targets of its own, by which the load of a
    benchmark is known. `required`: connectors that must have a figure."""

    def __init__(self, of_loads, required=()):
        self.of_loads, self.required = of_loads, list(required)
        self.words = {name: load.words() for name, load in of_loads.items()}
        self._load_of = {}
        for name, load in of_loads.items():
            for target in load.targets:
                if self._load_of.setdefault(target, name) != name:
                    raise Unusable(f"the target {target} is in two loads, {self._load_of[target]} and {name}")

    @property
    def connectors(self):
        return list(dict.fromkeys(name for load in self.of_loads.values() for name in load.connectors))

    def load_of(self, benchmark):
        """The load that a benchmark belongs to."""
        first, second = [*benchmark.split("/"), ""][:2]
        found = second if first == "command" else self._load_of.get(second)
        if found not in self.of_loads:
            raise Unusable(f"{benchmark} belongs to no load of this gate: these may be the pairs of another suite")
        return found


OURS = Suite(loads.OURS)


class Side:
    """One of the two builds. `environment`: variables that its processes get in addition."""

    def __init__(self, name, bin_folder, environment=None, file="connbench", suite=OURS):
        self.name, self.suite = name, suite
        self.environment = dict(os.environ, **(environment or {}))
        self.program = Path(bin_folder) / file
        if not os.access(self.program, os.X_OK) or self.program.is_dir():
            raise Unusable(
                f"{name}: {self.program} is not there, or is not a program. Build it first"
                + (": cmake --build DIR --target connbench" if suite is OURS else "")
            )

    def execute(self, arguments, folder):
        return programs.execute([self.program, *arguments], self.environment, folder, LONGEST)


class Measured:
    """The results of one side in its turns of a pair: the runs, and how long they took."""

    def __init__(self):
        self.runs, self._waves, self._seconds = [], {}, {}

    def add(self, load, run, seconds):
        self.runs.append(run)
        self._seconds[load] = self._seconds.get(load, 0.0) + seconds
        for name, rows in run.waves.items():
            self._waves.setdefault(name, []).extend(rows)

    def values(self):
        """{(benchmark, metric): value} over the waves of all turns."""
        values = {(f"command/{load}", "wall_time"): 1e9 * seconds for load, seconds in self._seconds.items()}
        for name, rows in self._waves.items():
            figures = {metric: found for metric, found in metrics(rows).items() if metric not in NOT_JUDGED}
            values |= {(name, metric): of_all(metric, found) for metric, found in figures.items()}
        return values


load_of = OURS.load_of


def of_all(metric, values):
    """One value for all waves. Amounts are added up; for percentiles it is the median (of an even number the lower of
    the middle two, because a percentile is a value that occurred). None when a wave has no value."""
    if any(value is None for value in values):
        return None
    return POOLED.get(metric, statistics.median_low)(values)


def lacking(side, folder):
    """{load: reason} for the loads that this machine does not allow, found by a dry run each."""
    reasons = {}
    for load, words in side.suite.words.items():
        ended = side.execute(["run", *words, "--dry-run"], folder)
        if ended.status == LACKS:
            reasons[load] = ended.said
        elif ended.status != 0:
            raise Unusable(_failure(side, load, ended))
    return reasons


def measure(side, load, more, folder):
    """One turn: (run, seconds). The seconds include the start of the process, of its servers, and its end. The folder
    of a run that cannot be used stays, and is named."""
    out = Path(folder) / f"{side.name}-{load}"
    shutil.rmtree(out, ignore_errors=True)
    began = time.monotonic()
    ended = side.execute(
        ["run", *side.suite.words[load], *more, "--samples", "none", "--syscalls", "off", "--out", str(out)], folder
    )
    seconds = time.monotonic() - began
    if ended.status != 0:
        raise Unusable(_failure(side, load, ended) + (f". Its records: {out}" if out.exists() else ""))
    run = JudgedRun(out, side.name)
    shutil.rmtree(out)
    return run, seconds


def _failure(side, load, ended):
    if ended.status is None:
        how = f"did not end within {LONGEST:.0f} s"
    elif ended.status < 0:
        how = f"was killed by {signal.Signals(-ended.status).name}"
    else:
        how = f"ended with {ended.status}" + (f" ({MEANING[ended.status]})" if ended.status in MEANING else "")
    return f"{side.name}: {side.program} {how} on the load '{load}'" + (f": {ended.said}" if ended.said else "")
