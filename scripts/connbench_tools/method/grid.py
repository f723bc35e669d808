"""Tables of an experiment: rows are cases of one run, cells the medians and ranges of their repetitions."""

from ..records.repetitions import by_repetition, number
from ..records.waves import each_per_attempt, per_attempt, rate_of
from ..table.cells import NOTHING, Column, figure, microseconds, relation, table_text, whole
from ..table.parts import known, softirq_per_attempt

# A figure of a wave: its heading, how it is found in a row of summary.csv, how it is written, and which is better.
RATE = ("connects/s", lambda row: rate_of(row) if row["makespan_ns"] else None, whole, max)
CPU = ("client CPU µs", lambda row: next(iter(each_per_attempt([row], "cpu_ns")), None), microseconds, min)
SERVER = ("server CPU µs", lambda row: next(iter(each_per_attempt([row], "server_cpu_ns")), None), microseconds, min)
IN_FLIGHT = ("in flight", number("in_flight_mean"), figure, max)


def percentile(column, head):
    return head, number(column), microseconds, min


class Grid:
    """The rows of a run by case. `key` names the case of a row; the first case in the run's order is the base."""

    def __init__(self, run, key=lambda row: row["connector"], only=lambda row: True):
        self.run, self.cases = run, {}
        connectors, targets = run.connectors_in_order(), run.targets_in_order()

        def place(row):
            return connectors.index(row["connector"]), targets.index(row["target"]), row["family"]

        for row in sorted(filter(only, run.rows), key=place):
            self.cases.setdefault(key(row), []).append(row)

    def figures(self, figure_of):
        return {case: by_repetition(rows, figure_of) for case, rows in self.cases.items()}

    def table(self, columns, head="connector", against_first=True, more=()):
        """One column for each figure, and its ratio to the first case; `more`: (heading, text of a case's rows)."""
        heads, cells = [head], {case: [f"`{case}`"] for case in self.cases}
        for title, figure_of, text, best in columns:
            column = Column(self.figures(figure_of), text, best)
            column.places = {}
            heads += [title, "ratio to the first row"] if against_first else [title]
            base = next(iter(column.rows.values()), {})
            for place, (case, line) in enumerate(cells.items()):
                line.append(column.cell(case))
                if against_first:
                    line.append(relation(column.rows[case], base) if place else NOTHING)
        for title, text_of in more:
            heads.append(title)
            for case, line in cells.items():
                line.append(text_of(self.cases[case]))
        return table_text(heads, cells.values())


def softirq(rows):
    return known(softirq_per_attempt(rows), microseconds)


def calls_of(run, case, name):
    """System calls of one name per attempt, as text."""
    entry = next((entry for entry in run.facts["syscalls"] if entry.get("connector") == case), None)
    if entry is None or not entry.get("attempts"):
        return NOTHING
    return figure((entry.get("calls") or {}).get(name, 0) / entry["attempts"])


def switches(rows):
    return known(per_attempt(rows, "voluntary_switches", "involuntary_switches"), figure)
