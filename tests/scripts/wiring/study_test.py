"""Each figure in the table and in the chart of a study comes from the column that its heading means, and from the waves
that its row names.

The records are those that make the claims true. A test changes one of their figures, or the waves of one case, and
looks which cells of the table and which values of the chart change with it.
"""

import csv
import json
import tempfile
import unittest
from pathlib import Path

from connbench_tools.study import catalogue
from connbench_tools.study.chart import as_json
from study import forced
from study.made_study import Made

CHART = "the chart"
RATE, CPU, MEMORY, THREADS = "connects_per_s", "cpu_ns", "rss_peak_kib", "threads_peak"
P50, LATE_P50, LATE_P99 = "p50_ns", "overshoot_p50_ns", "overshoot_p99_ns"
COLUMNS = (RATE, CPU, MEMORY, THREADS, P50, "p90_ns", "p99_ns", "max_ns", LATE_P50, LATE_P99, "reaped_overshoot_p50_ns")
# The studies whose figures are columns of summary.csv: which of them each heading depends on.
FIGURES = {
    "fastopen": {"connected after, p50": {P50}, "against the usual way": {P50}, CHART: {P50}},
    "happy-eyeballs-timers": {"connected after, p50": {P50}, CHART: {P50}},
    "io-uring-against-epoll": {"connects": {RATE}, "against epoll": {RATE}, "CPU µs each": {CPU}, CHART: {RATE}},
    "mptcp": {"connects": {RATE}, "CPU µs each": {CPU}, "CPU, against TCP": {CPU}, CHART: {CPU}},
    "runtimes": {
        "connects": {RATE},
        "against the loop": {RATE},
        "CPU µs each": {CPU},
        "memory": {MEMORY},
        "threads": {THREADS},
        CHART: {RATE},
    },
    "select-against-epoll": {
        "healthy connects": {RATE},
        "CPU µs per attempt": {CPU},
        "against epoll (rate; with dead ones: CPU)": {RATE, CPU},
        CHART: {CPU},
    },
    "sharding": {"connects": {RATE}, "against one shard": {RATE}, "CPU µs each": {CPU}, CHART: {RATE}},
    "sndtimeo-granularity": {
        "late, p50": {LATE_P50},
        "p99": {LATE_P99},
        "p50, against poll()": {LATE_P50},
        CHART: {LATE_P50},
    },
    "threads-or-events": {
        "connects/s, or reached": {RATE},
        "against the loop": {RATE},
        "CPU µs each": {CPU},
        "memory": {MEMORY},
        CHART: {RATE},
    },
    "user-timeout-and-syn": {"ended after, p50": {LATE_P50}, "of the timeout": {LATE_P50}, CHART: {LATE_P50}},
}
# The studies whose figures are in run.json, answer.json or exhaustion.csv: which keys or columns of those.
KERNEL = {f"{what}_per_pending" for what in ("slab", "kernel_stack", "page_tables")}
FOUND = {
    "memory-of-a-waiter": {
        "process": {"bytes_per_pending"},
        "kernel": KERNEL,
        "both": KERNEL | {"bytes_per_pending"},
        "process, against the loop": {"bytes_per_pending"},
        CHART: KERNEL | {"bytes_per_pending"},
    },
    "failing-ipv6": {
        "response p50": {"response_p50_ns"},
        "p90": {"response_p90_ns"},
        "p99": {"response_p99_ns"},
        CHART: {"response_p90_ns"},
    },
    "thread-exhaustion": {
        "pending at most": {"most_pending"},
        "healthy hosts reached beside": {"healthy_connected", "healthy_tried"},
        "again after": {"recovery_released_ns"},
        CHART: {"most_pending"},
    },
    "accept-queue-overflow": {
        "connected": {"attempts", "connected"},
        "others": {"reset"},
    },
    "who-believes-zero": {
        "took it for connected": {"zero"},
        "attempts": {"attempts"},
        "per million, 95 %": {"zero", "attempts"},
    },
}
KEYS = set().union(*(columns for found in FOUND.values() for columns in found.values()))


class Page:
    """What a study shows, as {(number of the row or name of the series, heading): value}."""

    def __init__(self, made):
        finished = made.finished()
        table, chart = made.study.table(finished), as_json(made.study.chart(finished))
        self.labels = [line[0] for line in table.lines]
        self.cells = {
            (row, head): cell for row, line in enumerate(table.lines) for head, cell in zip(table.heads, line)
        }
        for label, *values in chart.get("bars", ()):
            self.cells[label, CHART] = values
        for label, points in chart.get("series", {}).items():
            self.cells[label, CHART] = points

    def changed(self, other):
        """The cells that differ in the other page."""
        return {key for key in self.cells.keys() | other.cells.keys() if self.cells.get(key) != other.cells.get(key)}


class Studies(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def made(self, name):
        made = Made(name, self.folder / name)
        getattr(forced, name.replace("-", "_"))(made, True)
        return made

    def cases(self, made):
        """(step, connector, target, concurrency, timeout) of all waves. The rounds of a step count as one step."""
        found = {}
        for path in sorted(made.folder.glob("*/summary.csv")):
            for row in _rows(path):
                found[_case(path, row)] = None
        return list(found)

    def page_with(self, made, columns, case=None):
        """The page of records in which these columns are three times what they were, in all cases or in one."""
        kept = {path: path.read_bytes() for path in made.folder.glob("*/summary.csv")}
        for path in kept:
            rows = _rows(path)
            for row in rows:
                if case in (None, _case(path, row)):
                    row |= {column: str(3 * float(row[column])) for column in columns if row[column]}
            _write(path, rows)
        page = Page(made)
        for path, text in kept.items():
            path.write_bytes(text)
        return page

    def page_with_other(self, made, key):
        """The page of records in which this key of JSON, or this column of exhaustion.csv, has another number."""
        kept = {
            path: path.read_bytes() for name in ("*.json", "exhaustion.csv") for path in made.folder.glob(f"*/{name}")
        }
        for path in kept:
            if path.suffix == ".json":
                path.write_text(json.dumps(_with_other(json.loads(path.read_text()), key)))
                continue
            rows = _rows(path)
            for row in rows:
                row |= {key: str(3 * int(row[key]) + 1000)} if row.get(key) else {}
            _write(path, rows)
        page = Page(made)
        for path, text in kept.items():
            path.write_bytes(text)
        return page

    def test_each_heading_shows_its_key(self):
        for name, expected in FOUND.items():
            made = self.made(name)
            before, found = Page(made), {}
            for key in KEYS:
                for _, head in before.changed(self.page_with_other(made, key)):
                    found.setdefault(head, set()).add(key)
            self.assertEqual({head: found.get(head) for head in expected}, expected, name)

    def test_each_heading_shows_its_column(self):
        for name, expected in FIGURES.items():
            made = self.made(name)
            before, found = Page(made), {}
            for column in COLUMNS:
                for _, head in before.changed(self.page_with(made, [column])):
                    found.setdefault(head, set()).add(column)
            # A ratio does not change with both of its sides.
            whole = {head: columns for head, columns in expected.items() if "against" not in head}
            self.assertEqual({head: found.get(head) for head in whole}, whole, name)
            self.assertLessEqual(found.keys(), expected.keys(), name)

    def test_each_ratio_compares_its_column(self):
        for name, expected in FIGURES.items():
            made = self.made(name)
            before, found = Page(made), {}
            for column in set().union(*expected.values()):
                for case in self.cases(made):
                    for _, head in before.changed(self.page_with(made, [column], case)):
                        found.setdefault(head, set()).add(column)
            self.assertEqual(found, expected, name)

    def test_each_row_shows_the_waves_of_its_own_case(self):
        for name in FIGURES:
            made = self.made(name)
            before, rows = Page(made), {}
            titles = getattr(made.module, "WAYS", {})
            titles = titles if isinstance(titles, dict) else {}
            for case in self.cases(made):
                step, connector, _, concurrency, timeout = case
                changed = before.changed(self.page_with(made, COLUMNS, case))
                own = {row for row, head in changed if head != CHART and "against" not in head}
                self.assertLessEqual(len(own), 1, f"{name}: {case} changes the rows {own}")
                for row in own:
                    label = before.labels[row]
                    named = f"`{connector}`" in label or titles.get(connector, label) == label
                    self.assertTrue(named, f"{name}: the row “{label}” shows {connector}")
                    rows.setdefault(row, set()).add((step, connector, concurrency, timeout))
            mixed = {before.labels[row]: cases for row, cases in rows.items() if len(cases) > 1}
            self.assertEqual(mixed, {}, name)
            self.assertEqual(sorted(rows), list(range(len(before.labels))), f"{name}: a row that shows no waves")


def _rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _with_other(value, key):
    if isinstance(value, list):
        return [_with_other(one, key) for one in value]
    if not isinstance(value, dict):
        return value
    numbers = {k: 3 * v + 1000 for k, v in value.items() if k == key and isinstance(v, (int, float))}
    return {k: numbers.get(k, _with_other(v, key)) for k, v in value.items()}


def _case(path, row):
    step, _, round_number = path.parent.name.rpartition("-")
    if not step or not round_number.isdigit() or path.parent.name in steps_of(path.parent.parent.name):
        step = path.parent.name
    return step, row["connector"], row["target"], row["concurrency"], row["timeout_ns"]


def steps_of(name):
    return [step.name for step in catalogue.module(name).STUDY.steps]


if __name__ == "__main__":
    unittest.main()
