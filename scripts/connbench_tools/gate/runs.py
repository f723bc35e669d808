"""What finished run folders say to the gate, and whether they may be compared at all.

A benchmark is a case of the run: connector, target, load and timeout. Its name has all of what tells it from others.
"""

import csv
import json
import math
import statistics
from pathlib import Path

from connector_records import SCHEMA

HIGHER_IS_BETTER = {"connects_per_s"}  # of all else, less is better
MACHINE = {"processor": ("cpu", "model"), "processors online": ("cpu", "online"), "kernel": ("kernel", "release")}
BUILD = ("compiler", "type", "flags")
# Columns of summary.csv that are read: text, numbers that must be there, and those that a wave may not have.
TEXTS = ("connector", "target", "scenario")
COUNTS = ("concurrency", "timeout_ns", "attempts", "connected")
FIGURES = ("makespan_ns", "connects_per_s", "cpu_ns", "p50_ns", "p90_ns", "overshoot_p50_ns", "overshoot_p90_ns", "added_p50_ns")
SUSTAINED = 0.8  # of the offered rate; below, an open loop's latency is that of a load of its own making


class Unusable(Exception):
    """There is nothing to judge; the message says why, and what to do."""


class Run:
    """One finished run. `waves`: {benchmark: its rows of summary.csv}; `cases`: {benchmark: {metric: [value of each wave]}}."""

    def __init__(self, folder, side):
        self.folder, self.side = Path(folder), side
        try:
            self._read_facts(self._json())
        except KeyError as error:
            raise Unusable(f"{self._named()}: run.json has no {error}; results/README.md says what must be there") from error
        except (TypeError, AttributeError) as error:
            raise Unusable(f"{self._named()}: run.json is not as results/README.md has it: {error}") from error
        self.loads, self.waves, self.cases = {}, {}, {}
        for row in self._summary():
            self.waves.setdefault(benchmark(row), []).append(row)
            self.loads.setdefault(benchmark(row), row["attempts"])
        self.cases = {name: metrics(waves) for name, waves in self.waves.items()}

    def _named(self):
        return f"{self.side} ({self.folder})"

    def _json(self):
        path = self.folder / "run.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Unusable(f"{self._named()} is no run folder: run.json is missing") from None
        except (OSError, ValueError) as error:
            raise Unusable(f"{self._named()}: run.json cannot be read: {error}") from error

    def _read_facts(self, run):
        if run.get("schema_version") != SCHEMA:
            raise Unusable(f"{self._named()} has schema version {run.get('schema_version')}; {SCHEMA} is what is read here. "
                           "Measure both sides with programs of one schema")  # fmt: skip
        if run.get("complete") is not True:
            raise Unusable(f"{self._named()} is not complete (under way, stopped or killed): measure it again")
        self.environment, self.warnings = run["environment"], list(run["warnings"])
        self.machine = {name: self.environment[part][key] for name, (part, key) in MACHINE.items()}
        self.build = {key: self.environment["build"].get(key) for key in BUILD}
        self.skipped = {(skip["connector"], skip["target"]): skip["reason"] for skip in run["skipped"]}
        if run["failures"]:
            failure = run["failures"][0]
            raise Unusable(f"{self._named()}: {len(run['failures'])} waves failed, the first {failure['connector']} on "
                           f"{failure['target']}: {failure['failure']}")  # fmt: skip

    def _summary(self):
        """Rows of summary.csv, in which all that is read later is there."""
        try:
            with open(self.folder / "summary.csv", newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                rows, columns = list(reader), reader.fieldnames or ()
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise Unusable(f"{self._named()}: summary.csv cannot be read: {error}") from error
        lacking = [column for column in (*TEXTS, *COUNTS, *FIGURES) if column not in columns]
        if lacking:
            raise Unusable(f"{self._named()}: summary.csv has no column {', '.join(lacking)}; results/README.md says what must "
                           "be there, with a comma between")  # fmt: skip
        if not rows:
            raise Unusable(f"{self._named()}: no wave was measured")
        for number, row in enumerate(rows, 1):
            damage = _damage(row)
            if damage:
                raise Unusable(f"{self._named()}: row {number} of summary.csv {damage}")
        return rows


def _damage(row):
    """What is wrong with a row of summary.csv; "": nothing is."""
    if None in row or None in row.values():
        return "has another number of fields than its header"
    for column in COUNTS:
        if not (row[column].isascii() and row[column].isdigit()):
            return f"has '{row[column]}' as {column}, which is no number"
    for column in FIGURES:
        if row[column] and not _is_number(row[column]):
            return f"has '{row[column]}' as {column}, which is no number"
    if row["scenario"].startswith("steady") and not _is_number(_offered(row["scenario"])):
        return f"has the scenario '{row['scenario']}', which has no rate"
    return ""


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def benchmark(row):
    """As in benchmark.json, what is usual left out; the timeout never is."""
    name = f"{row['connector']}/{row['target']}/concurrency:{row['concurrency']}/timeout:{_duration(row['timeout_ns'])}"
    for key, usual in (("family", "4"), ("shards", "1"), ("scenario", "burst")):
        if str(row.get(key) or usual) != usual:
            name += f"/{key}:{row[key]}"
    return name


def _duration(nanoseconds):
    value = int(nanoseconds)
    return f"{value // 10**9}s" if value % 10**9 == 0 else f"{value / 1e6:g}ms"


def is_open_loop(scenario):
    """steady:poisson:5000/s, fleet:accepting=90,blackhole=10:uniform:100/s"""
    return scenario.rpartition(":")[0].rpartition(":")[2] in ("poisson", "uniform")


def metrics(waves):
    """By metric the value of each wave. What no wave of a case has is left out; a gap in others stays, as None."""
    open_loop = is_open_loop(waves[0]["scenario"])
    part_of_a_fleet = waves[0]["scenario"].startswith("fleet:") and waves[0]["target"] != "*"
    columns = {"overshoot_p50": "overshoot_p50_ns", "overshoot_p90": "overshoot_p90_ns"}
    latency = {}
    if open_loop or waves[0]["concurrency"] == "1":  # in a closed loop latency is Little's law, not speed
        latency = {"added_p50": "added_p50_ns"}
        if not any(row["added_p50_ns"] for row in waves):  # the kernel was not asked about the handshake
            latency = {"p50": "p50_ns", "p90": "p90_ns"}
    if not open_loop and not part_of_a_fleet:  # there the load decides how long a wave takes, here all parts together
        columns["wall_time"] = "makespan_ns"
    found = {} if part_of_a_fleet else {"cpu_per_attempt": [_ratio(row["cpu_ns"], row["attempts"]) for row in waves]}
    for metric, column in (columns | latency).items():
        if any(row[column] for row in waves):
            found[metric] = [_number(row[column]) for row in waves]
    if not _sustained(waves):
        found |= {metric: [None] * len(waves) for metric in latency if metric in found}
    if not open_loop and any(int(row["connected"]) for row in waves):  # no connection is a rate of nothing
        found["connects_per_s"] = [_number(row["connects_per_s"]) or 0.0 for row in waves]
    return found


def _number(text):
    return float(text) if text else None


def _ratio(text, attempts):
    return float(text) / int(attempts) if text and int(attempts) else None


def _offered(scenario):
    """steady:poisson:5000/s → 5000"""
    return scenario.rpartition(":")[2].removesuffix("/s")


def _sustained(waves):
    """Whether an open loop kept up with its load: the median wave, as any one may be disturbed."""
    if not waves[0]["scenario"].startswith("steady"):
        return True
    offered = float(_offered(waves[0]["scenario"]))
    return statistics.median_low(float(row["connects_per_s"] or 0) for row in waves) >= SUSTAINED * offered


def require_comparable(first, second):
    """Raises Unusable unless both were measured on one machine with one set of benchmarks; returns what to know besides."""
    for name in MACHINE:
        values = [run.machine[name] for run in (first, second)]
        if values[0] != values[1]:
            raise Unusable(f"measured on two machines: {name} {values[0]} ({first.side}), {values[1]} ({second.side}). Only "
                           "runs of one machine can be compared")  # fmt: skip
    for one, other in ((first, second), (second, first)):
        _require_cases(one, other)
    notes = [f"not measured on either side: {connector} on {target}: {reason}"
             for (connector, target), reason in first.skipped.items()]  # fmt: skip
    for key in BUILD:
        builds = [run.build[key] for run in (first, second)]
        if builds[0] != builds[1]:
            notes.append(f"two kinds of build: {key} is '{builds[0]}' on {first.side}, '{builds[1]}' on {second.side}")
    return notes + [f"{run.side}: {warning}" for run in (first, second) for warning in run.warnings]


def _require_cases(one, other):
    missing = [name for name in one.cases if name not in other.cases]
    if missing:
        ways = {name.split("/")[0] for name in missing}
        reasons = sorted({reason for (connector, _), reason in other.skipped.items() if connector in ways})
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise Unusable(f"measured on {one.side} and missing on {other.side}{why}: {', '.join(missing)}")
    for name, metrics in one.cases.items():
        if one.loads[name] != other.loads[name]:
            raise Unusable(f"two loads: {name} has {one.loads[name]} attempts on {one.side}, "
                           f"{other.loads[name]} on {other.side}")  # fmt: skip
        gone = [metric for metric in metrics if metric not in other.cases[name]]
        if gone:
            raise Unusable(f"{name} has {', '.join(gone)} on {one.side} and not on {other.side}: its attempts ended in "
                           "another way (see the outcomes in summary.csv)")  # fmt: skip
