"""Finished runs as the gate judges them, and whether two of them may be compared at all.

A benchmark is one case of a run: connector, target, load and timeout. Its name contains all that distinguishes it.
"""

from ..failures import Unusable
from ..records import waves
from ..records.run import Run

HIGHER_IS_BETTER = {"connects_per_s"}  # for every other metric, lower is better
MACHINE = {
    "processor": "environment.cpu.model",
    "processors online": "environment.cpu.online",
    "kernel": "environment.kernel.release",
}
BUILD = ("compiler", "type", "flags")
COLUMNS = (  # of summary.csv, that must be there
    "makespan_ns connects_per_s cpu_ns p50_ns p90_ns overshoot_p50_ns overshoot_p90_ns added_p50_ns".split()
)


class JudgedRun:
    """One finished run. `waves`: {benchmark: its rows of summary.csv}; `cases`: {benchmark: {metric: [value per
    wave]}}."""

    def __init__(self, folder, side):
        self.side = side
        run = Run(folder, f"{side} ({folder})")
        run.require_complete()
        run.require_current()
        run.require_no_failures()
        self.machine = {name: run.need(path) for name, path in MACHINE.items()}
        self.build = {key: (run.need("environment.build") or {}).get(key) for key in BUILD}
        self.machine_text, self.commit = run.machine(), run.commit()
        self.warnings = run.facts["warnings"]
        self.skipped = {(skip["connector"], skip["target"]): skip["reason"] for skip in run.skips()}
        self.loads, self.waves = {}, {}
        for row in run.require_waves(COLUMNS):
            self.waves.setdefault(benchmark(row), []).append(row)
            self.loads.setdefault(benchmark(row), row["attempts"])
        self.cases = {name: metrics(rows) for name, rows in self.waves.items()}


def benchmark(row):
    """The name, as in benchmark.json: usual values are left out, but never the timeout."""
    name = f"{row['connector']}/{row['target']}/concurrency:{row['concurrency']}/timeout:{_duration(row['timeout_ns'])}"
    for key, usual in (("family", "4"), ("shards", "1"), ("scenario", "burst")):
        if (row[key] or usual) != usual:
            name += f"/{key}:{row[key]}"
    return name


def _duration(nanoseconds):
    value = int(nanoseconds)
    return f"{value // 10**9}s" if value % 10**9 == 0 else f"{value / 1e6:g}ms"


def metrics(rows):
    """{metric: [value per wave]}. A metric that no wave has is left out; a gap in the others stays, as None."""
    scenario = rows[0]["scenario"]
    open_loop = waves.is_open_loop(scenario)
    part_of_a_fleet = waves.in_fleet(scenario) and not waves.is_fleet(rows[0]["target"])
    columns = {"overshoot_p50": "overshoot_p50_ns", "overshoot_p90": "overshoot_p90_ns"}
    latency = _latency_columns(rows) if open_loop or rows[0]["concurrency"] == "1" else {}
    if not open_loop and not part_of_a_fleet:  # else the load decides how long a wave takes, or all parts do together
        columns["wall_time"] = "makespan_ns"
    found = {} if part_of_a_fleet else {"cpu_per_attempt": [_ratio(row["cpu_ns"], row["attempts"]) for row in rows]}
    for metric, column in (columns | latency).items():
        if any(row[column] for row in rows):
            found[metric] = [float(row[column]) if row[column] else None for row in rows]
    if not waves.mostly_sustained(rows):
        found |= {metric: [None] * len(rows) for metric in latency if metric in found}
    if not open_loop and any(int(row["connected"]) for row in rows):  # without a connection there is no rate
        found["connects_per_s"] = [waves.rate_of(row) for row in rows]
    return found


def _latency_columns(rows):
    """For loads that have a latency of their own: in a closed loop with several in flight it follows from the rate."""
    if any(row["added_p50_ns"] for row in rows):
        return {"added_p50": "added_p50_ns"}
    return {"p50": "p50_ns", "p90": "p90_ns"}  # the handshake was not measured


def _ratio(text, attempts):
    return float(text) / int(attempts) if text and int(attempts) else None


def differing_machines(first, second):
    """What tells the machines of two runs apart: {name: (value of the first, of the second)}."""
    both = {name: (first.machine[name], second.machine[name]) for name in MACHINE}
    return {name: values for name, values in both.items() if values[0] != values[1]}


def require_comparable(first, second, across=False):
    """Raises Unusable unless both runs measured the same benchmarks, and on one machine unless `across` is true.
    Returns notes for the reader."""
    for name, values in differing_machines(first, second).items() if not across else ():
        raise Unusable(
            f"measured on two machines: {name} {values[0]} ({first.side}), {values[1]} ({second.side}). Only runs "
            "of one machine can be compared (to compare the machines: connbench compare --across)"
        )
    for one, other in ((first, second), (second, first)):
        _require_cases(one, other)
    notes = [
        f"not measured on either side: {connector} on {target}: {reason}"
        for (connector, target), reason in first.skipped.items()
    ]
    for key in BUILD:
        builds = [run.build[key] for run in (first, second)]
        if builds[0] != builds[1]:
            notes.append(f"two kinds of build: {key} is '{builds[0]}' on {first.side}, '{builds[1]}' on {second.side}")
    return notes + [f"{run.side}: {warning}" for run in (first, second) for warning in run.warnings]


def _require_cases(one, other):
    missing = [name for name in one.cases if name not in other.cases]
    if missing:
        connectors = {name.split("/")[0] for name in missing}
        reasons = sorted({reason for (connector, _), reason in other.skipped.items() if connector in connectors})
        why = f" ({'; '.join(reasons)})" if reasons else ""
        raise Unusable(f"measured on {one.side} and missing on {other.side}{why}: {', '.join(missing)}")
    for name, measured in one.cases.items():
        if one.loads[name] != other.loads[name]:
            raise Unusable(
                f"two loads: {name} has {one.loads[name]} attempts on {one.side}, {other.loads[name]} on {other.side}"
            )
        gone = [metric for metric in measured if metric not in other.cases[name]]
        if gone:
            raise Unusable(
                f"{name} has {', '.join(gone)} on {one.side} but not on {other.side}: its attempts ended in another "
                "way (see the outcomes in summary.csv)"
            )
