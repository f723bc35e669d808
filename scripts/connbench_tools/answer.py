"""The first answer of scripts/bench: what four connectors did in four situations, in sentences.

The folder has one run for each situation: loopback, far, fleet and timeout. Figures are medians over the repetitions.
Two connectors count as different only when chance would hardly make equal ones look so (records/repetitions.py).
"""

from pathlib import Path

from .failures import Unusable
from .records.repetitions import by_repetition, differ
from .records.run import Run
from .records.waves import is_fleet, is_harness, median, rate_of
from .units import duration, exact_duration, significant

SITUATIONS = ("loopback", "far", "fleet", "timeout")
HEALTHY = "accepting"
ALL_BUT_NOISE = 0.999  # of the healthy hosts: a connector that reaches fewer does not count as reaching all


class Figures:
    """One figure per repetition, for each connector, in one situation."""

    def __init__(self, rows, figure):
        names = dict.fromkeys(row["connector"] for row in rows if not is_harness(row["connector"]))
        known = {name: by_repetition([row for row in rows if row["connector"] == name], figure) for name in names}
        self.by_connector = {name: figures for name, figures in known.items() if figures}

    def median(self, connector):
        return median(self.by_connector[connector].values())

    def ranked(self, best=max):
        """Groups of connectors, best first. None of a group can be told apart from its first."""
        order = sorted(self.by_connector, key=self.median, reverse=best is max)
        groups = []
        for connector in order:
            if groups and not differ(self.by_connector[groups[-1][0]], self.by_connector[connector]):
                groups[-1].append(connector)
            else:
                groups.append([connector])
        return groups


def sentences(folder):
    """The answer, one paragraph per string: first which connector to use, then the figures of each situation. Each
    names the runs that it comes from."""
    runs = {name: _run(Path(folder) / name) for name in SITUATIONS}
    rates = {name: Figures(runs[name].rows, rate_of) for name in ("loopback", "far")}
    healthy = Figures(_healthy(runs["fleet"]), lambda row: int(row["connected"]) / int(row["attempts"]))
    late = Figures(runs["timeout"].rows, lambda row: float(row["overshoot_p50_ns"] or "nan") if _gave_up(row) else None)
    return [
        f"{_conclusion(healthy, late, rates['far'])} (runs: fleet, timeout, far)",
        f"{_on_loopback(runs['loopback'], rates['loopback'])} (run: loopback)",
        f"{_far_away(runs['far'], rates['far'])} (run: far)",
        f"{_in_a_fleet(runs['fleet'], healthy)} (run: fleet)",
        f"{_with_a_timeout(runs['timeout'], late)} (run: timeout)",
        *(f"Not fit to measure ({name}): {reason}" for name, run in runs.items() for reason in run.unfit()),
        *(f"Warning ({name}): {warning}" for name, run in runs.items() for warning in run.facts["warnings"]),
    ]


def _run(folder):
    if not (folder / "run.json").exists():
        raise Unusable(f"{folder} is no run. `scripts/bench --quick` makes the runs that this reads")
    run = Run(folder)
    if not run.rows:
        reasons = "; ".join(sorted({skip["reason"] for skip in run.skips()})) or "nothing was measured"
        raise Unusable(f"{folder}: {reasons}. `connbench doctor` says what this machine lacks")
    return run


def _healthy(run):
    return [row for row in run.rows if row["target"].startswith(HEALTHY)]


def _gave_up(row):
    return int(row["deadline_exceeded"]) > 0 and bool(row["overshoot_p50_ns"])


def _named(group):
    return group[0] if len(group) == 1 else ", ".join(group[:-1]) + " and " + group[-1]


def _ranking(figures, text, best=max):
    """ "a 40,000/s; b and c (not distinguishable) 30,000 and 29,000/s": best first."""
    parts = []
    for group in figures.ranked(best):
        values = [text(figures.median(connector)) for connector in group]
        if len(group) > 1 and len(set(values)) == 1:
            parts.append(f"{_named(group)} {values[0]} each")
        else:
            parts.append(f"{_named(group)} {_named(values)}{' (too close to tell apart)' if len(group) > 1 else ''}")
    return "; ".join(parts)


def _per_second(value):
    return f"{significant(value)}/s"


def _load(run):
    row = run.rows[0]
    return f"at most {row['concurrency']} in flight"


def _threads(run):
    """ "257 threads for blocking-threads, 65 for poll-pool, 1 for epoll and io-uring"."""
    counts = {}
    for connector in Figures(run.rows, rate_of).by_connector:
        peak = median(row["threads_peak"] for row in run.rows if row["connector"] == connector)
        if peak is not None:
            counts.setdefault(int(peak), []).append(connector)
    return "; ".join(f"{_named(counts[count])} {count:,}" for count in sorted(counts, reverse=True))


def _on_loopback(run, rates):
    return f"A host on this machine, {_load(run)}. Connects per second: {_ranking(rates, _per_second)}."


def _far_away(run, rates):
    return (
        f"A host 20 ms away, {_load(run)}. Connects per second: {_ranking(rates, _per_second)}. "
        f"Threads used: {_threads(run)}."
    )


def _in_a_fleet(run, healthy):
    share = Figures(run.rows, lambda row: int(row["attempts"]) if is_fleet(row["target"]) else None)
    attempts = int(next(iter(next(iter(share.by_connector.values())).values()))) if share.by_connector else 0
    reached = _ranking(healthy, lambda value: f"{100 * value:.4g} %")
    stuck = [name for name in healthy.by_connector if healthy.median(name) < ALL_BUT_NOISE]
    text = (
        f"1,000 connects per second, 20 % of the hosts dead ({attempts:,} attempts). Healthy hosts reached: {reached}."
    )
    if stuck:
        text += f" {_named(stuck)}: the dead hosts held up the others."
    return text


def _with_a_timeout(run, late):
    timeout = exact_duration(int(run.rows[0]["timeout_ns"]))
    text = f"A host that never answers, timeout {timeout}. Given up late by (p50): {_ranking(late, duration, min)}."
    never = [row["connector"] for row in run.rows if not _gave_up(row) and not is_harness(row["connector"])]
    if never:
        text += f" {_named(sorted(set(never)))} has no timeout of its own and waited until the measurement was stopped."
    return text


def _conclusion(healthy, late, far):
    """The connectors that reached all healthy hosts and kept a timeout; of those, the fastest to a far host."""
    safe = [
        name for name in healthy.by_connector if healthy.median(name) >= ALL_BUT_NOISE and name in late.by_connector
    ]
    if not safe:
        return "No connector reached all healthy hosts and kept the timeout."
    best = next(group for group in far.ranked() if set(group) & set(safe))
    best = [name for name in best if name in safe]
    others = [name for name in safe if name not in best]
    text = f"If hosts may be dead, use {' or '.join(best)}."
    if others:
        text += f" {_named(others)} also reached all healthy hosts here, but connected to the far host more slowly."
    return text
