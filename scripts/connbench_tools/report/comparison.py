"""One line for each connector under each load: what the table shows, and what the verdict is computed from."""

from collections import namedtuple

from ..records import waves
from ..units import exact_duration, family_text
from ..vocabulary import OUTCOMES

CUT_OFF = {  # outcomes that the wave limit makes
    "cancelled": "were cut off by the wave limit",
    "never_started": "had not begun when the wave limit ended the wave",
}

# The conditions under which connectors are compared. A load never spans two runs.
Load = namedtuple("Load", "run scenario target family concurrency shards timeout_ns")


class Line:
    """The repetitions of one connector under one load. Figures are medians over them, or None when they are not
    known."""

    def __init__(self, load, connector, rows):
        self.load, self.connector, self.rows = load, connector, rows
        self.attempts = sum(int(row["attempts"]) for row in rows)
        self.outcomes = {name: sum(int(row[name]) for row in rows) for name in OUTCOMES}
        self.sustained = all(waves.sustained(row) for row in rows)

    def of(self, column):
        return waves.median(row[column] for row in self.rows)

    def rates(self):
        """Connects per second of each repetition, sorted; 0 when nothing connected."""
        return waves.rates(self.rows)

    def rate(self):
        return waves.median(self.rates()) if any(self.rates()) else None

    def cpu_ns(self):
        return waves.per_attempt(self.rows, "cpu_ns")

    def syscalls(self):
        return waves.per_attempt(self.rows, "syscalls")

    def switches(self):
        return waves.per_attempt(self.rows, "voluntary_switches", "involuntary_switches")

    def latency(self, column):
        return self.of(column) if latency_is_comparable(self.load) else None

    def outcome_text(self):
        there = [(name, count) for name, count in self.outcomes.items() if count]
        by_limit = {name: " (wave limit)" if name in CUT_OFF else "" for name, _ in there}
        if len(there) == 1:
            return f"all {there[0][0]}{by_limit[there[0][0]]}"
        return ", ".join(f"{count} {name}{by_limit[name]}" for name, count in there) or "no attempts"

    def server_bound(self):
        """Whether the target's server limited the rate, so that the server was measured rather than the connector."""
        return any(map(waves.server_bound, self.rows))


def lines_of(runs):
    """All lines: loads in the order of the runs, connectors in the order in which they were given."""
    lines = []
    for run in runs:
        cases = {}
        for row in run.rows:
            cases.setdefault((load_of(run, row), row["connector"]), []).append(row)
        order, targets = run.connectors_in_order(), run.targets_in_order()
        loads = sorted({load for load, _ in cases}, key=lambda load: _place(load, targets))
        for load in loads:
            mine = [connector for other, connector in cases if other == load]
            lines += [Line(load, name, cases[load, name]) for name in sorted(mine, key=order.index)]
    return lines


def load_of(run, row):
    sizes = int(row["concurrency"]), int(row["shards"] or 1), int(row["timeout_ns"])
    return Load(run.name, row["scenario"], row["target"], row["family"], *sizes)


def _place(load, targets):
    return waves.is_fleet(load.target), load.scenario, targets.index(load.target), load.family, *load[4:]


def latency_is_comparable(load):
    """In closed loop with several in flight, latency is in flight / rate (Little's law), and adds no information."""
    return load.concurrency == 1 or is_steady(load)


def is_steady(load):
    """Whether attempts go to one target by a schedule."""
    return waves.is_open_loop(load.scenario) and not in_fleet(load)


def in_fleet(load):
    return waves.in_fleet(load.scenario)


def arrival_text(load):
    return "closed loop" if load.scenario == "burst" else load.scenario


def load_text(load, with_run=False, without=()):
    target = "all targets" if waves.is_fleet(load.target) else load.target
    parts = [f"{target} ({family_text(load.family)})" if load.family else target]
    if "concurrency" not in without:
        parts.append(f"{'at most ' if is_steady(load) else ''}{load.concurrency} in flight")
    parts += [f"{load.shards} shards"] if load.shards != 1 and "shards" not in without else []
    parts += [arrival_text(load), f"timeout {exact_duration(load.timeout_ns)}"]
    return (f"{load.run} · " if with_run else "") + ", ".join(parts)
