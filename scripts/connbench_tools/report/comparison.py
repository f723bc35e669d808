"""One line for each way to connect under each load: what the table shows, and what the verdict is computed from."""

from connector_table import median, per_attempt, sustained

from .runs import OUTCOMES
from .units import exact_duration, family_text

EVERY_TARGET = "*"  # of a fleet: all its targets together
HARNESS = "null"  # does nothing: what it costs is the harness, and it is no way to connect


class Line:
    """The repetitions of one connector under one load. Figures are medians over them; None: not known."""

    def __init__(self, load, connector, rows):
        self.load, self.connector, self.rows = load, connector, rows
        self.attempts = sum(int(row["attempts"]) for row in rows)
        self.outcomes = {name: sum(int(row[name]) for row in rows) for name in OUTCOMES}
        self.sustained = all(sustained(row) for row in rows)

    def of(self, column):
        return median(row[column] for row in self.rows)

    def rates(self):
        """connects/s of each repetition; 0 where nothing connected."""
        return sorted(float(row["connects_per_s"] or 0) for row in self.rows if row["makespan_ns"])

    def rate(self):
        return median(self.rates()) if any(self.rates()) else None

    def cpu_ns(self):
        return per_attempt(self.rows, "cpu_ns")

    def syscalls(self):
        return per_attempt(self.rows, "syscalls")

    def switches(self):
        return per_attempt(self.rows, "voluntary_switches", "involuntary_switches")

    def latency(self, column):
        return self.of(column) if latency_is_comparable(self.load) else None

    def outcome_text(self):
        there = [(name, count) for name, count in self.outcomes.items() if count]
        if len(there) == 1:
            return f"all {there[0][0]}"
        return ", ".join(f"{count} {name}" for name, count in there) or "no attempts"

    def server_bound(self):
        """Whether the target's server used more than 80 % of a processor: then it is what was measured."""
        return any(
            row["server_cpu_ns"] and row["makespan_ns"] and int(row["server_cpu_ns"]) > 0.8 * int(row["makespan_ns"])
            for row in self.rows
        )


def lines_of(runs):
    """All lines, loads in the order in which the runs have them, connectors in the order in which they were given."""
    lines = []
    for run in runs:
        cases = {}
        for row in run.rows:
            cases.setdefault((run.load_of(row), row["connector"]), []).append(row)
        order, targets = run.connectors_in_order(), run.targets_in_order()
        loads = sorted({load for load, _ in cases}, key=lambda load: _place(load, targets))
        for load in loads:
            mine = [connector for other, connector in cases if other == load]
            lines += [Line(load, name, cases[load, name]) for name in sorted(mine, key=order.index)]
    return lines


def _place(load, targets):
    return load.target == EVERY_TARGET, load.scenario, targets.index(load.target), load.family, *load[4:]


def latency_is_comparable(load):
    """In closed loop with several in flight, latency is in flight / rate (Little's law), and says nothing of its own."""
    return load.concurrency == 1 or is_open_loop(load)


def is_open_loop(load):
    return load.scenario.startswith("steady:")


def is_fleet(load):
    return load.scenario.startswith("fleet")


def arrival_text(load):
    return "closed loop" if load.scenario == "burst" else load.scenario


def load_text(load, with_run=False, without=()):
    target = "all targets" if load.target == EVERY_TARGET else load.target
    parts = [f"{target} ({family_text(load.family)})" if load.family else target]
    if "concurrency" not in without:
        parts.append(f"{'at most ' if is_open_loop(load) else ''}{load.concurrency} in flight")
    parts += [f"{load.shards} shards"] if load.shards != 1 and "shards" not in without else []
    parts += [arrival_text(load), f"timeout {exact_duration(load.timeout_ns)}"]
    return (f"{load.run} · " if with_run else "") + ", ".join(parts)
