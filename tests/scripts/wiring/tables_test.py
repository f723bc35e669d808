"""Each figure of scripts/table, answer and history comes from its own column, repetition, load, connector and file."""

import json
import re

from connbench_tools.answer import sentences
from connbench_tools.history.row import row_of
from connbench_tools.table import markdown
from connbench_tools.table.cells import figure, microseconds, whole
from connbench_tools.table.portrait import portrait
from connbench_tools.table.rows import Records
from connbench_tools.units import significant
from made_runs import ENVIRONMENT, RunsTest, wave
from wiring import known

NAMES = ("epoll", "pool")
ATTEMPTS = 500
FIRST = known.SUMMARY.index("makespan_ns")
LOADS = {  # each load has a place of its own
    0: {"target": "accepting"},
    2: {"target": "delayed:20ms"},
    4: {"target": "delayed:20ms", "scenario": "steady:uniform:1/s"},
    6: {"target": "blackhole", "timeout_ns": 10**7},
    8: {"target": "blackhole", "timeout_ns": 10**9},
    10: {"target": "accepting", "close": "+close:rst"},
    12: {"target": "accepting", "close": "+close:fin"},
}


def scaled(column, repetition, place):
    """A figure that differs from all others in its first three digits."""
    return 1000 * (1 + place) * known.cell(column, repetition, 0)


def rows_of(place, name, start=1, **load):
    """Five repetitions in which no two cells are alike."""
    close = load.pop("close", "")
    rows = []
    for repetition in (1, 2, 3, 4, 5):
        own = {column: scaled(column, repetition, place) for column in known.SUMMARY[FIRST:]}
        more = known.figures(repetition, place) | own | {"attempts": ATTEMPTS}
        rows.append(wave(name + close, start + repetition, repetition=repetition, **(load | more)))
    return rows


def shown(place, *columns, text=whole, each=1):
    """Median and range of a figure, as a cell shows them."""
    values = sorted(
        sum(scaled(column, repetition, place) for column in columns) / each for repetition in (1, 2, 3, 4, 5)
    )
    return f"{text(values[2])} ({text(values[0])}–{text(values[-1])})"


def middle(place, *columns, text=figure):
    """Median of a figure per attempt."""
    return text(sum(scaled(column, 3, place) for column in columns) / ATTEMPTS)


def over_all(place, column):
    """The mean over all repetitions per attempt."""
    return microseconds(sum(scaled(column, repetition, place) for repetition in (1, 2, 3, 4, 5)) / 5 / ATTEMPTS)


MARKS = r"( #\d+(–\d+)?)?( [§†])?$"  # behind a figure: the places of its row, and footnotes


class TableTest(RunsTest):
    def tables(self):
        """{title: {first cell: {heading: cell}}}, without the places."""
        rows = []
        for base, load in LOADS.items():
            for place, name in enumerate(NAMES, base):
                rows += rows_of(place, name, len(rows), **load)
        self.run_of("a", rows)
        entries = [
            {
                "name": f"floor/pending_bytes/{name}/iterations:1",
                "pending": 500 + n,
                "bytes_per_pending": 1000 * (1 + n),
            }
            | {"slab_per_pending": 100 + n, "kernel_stack_per_pending": 20 + n, "page_tables_per_pending": 3 + n}
            for n, name in enumerate(NAMES)
        ]
        (self.folder / "pending.json").write_text(json.dumps({"benchmarks": entries}))
        found = {}
        for part in markdown.table(Records([self.folder])).split("### ")[1:]:
            lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
            rows = [[re.sub(MARKS, "", cell) for cell in line] for line in lines[2:]]
            found[part.partition("\n")[0]] = {row[0]: list(zip(lines[0], row))[1:] for row in rows}
        return found

    def test_every_cell_of_the_tables_of_connectors_is_its_own(self):
        tables = self.tables()
        for n, name in enumerate(NAMES):
            added = [shown(4 + n, f"{p}_ns", text=microseconds) for p in ("added_p50", "added_p99", "queue_p50")]
            self.assertEqual(
                tables["How fast they connect"][f"`{name}`"],
                [
                    ("connects/s on loopback", shown(n, "connects_per_s")),
                    ("connects/s, 20 ms away", shown(2 + n, "connects_per_s")),
                    ("added µs, p50", added[0]),
                    ("added µs, p99", added[1]),
                    ("before it, µs, p50", added[2]),
                ],
            )
            kernel = 123 + 3 * n
            self.assertEqual(
                tables["What they cost"][f"`{name}`"],
                [
                    ("CPU µs: client", shown(n, "cpu_ns", text=microseconds, each=ATTEMPTS)),
                    ("softirq, its processors", over_all(n, "client_softirq_ns")),
                    ("CPU µs: server", shown(n, "server_cpu_ns", text=microseconds, each=ATTEMPTS)),
                    ("system calls", middle(n, "syscalls")),
                    ("switches", shown(n, "voluntary_switches", "involuntary_switches", text=figure, each=ATTEMPTS)),
                    ("threads", str(scaled("threads_peak", 2, n))),  # the highest
                    ("bytes: process", whole(1000 * (1 + n))),
                    ("bytes: kernel", whole(kernel)),
                    ("bytes: both", whole(1000 * (1 + n) + kernel)),
                ],
            )
            late = []
            for base, timeout in ((6, "10 ms"), (8, "1 s")):
                for p in ("p50", "p99"):
                    cell = shown(base + n, f"overshoot_{p}_ns", text=microseconds)
                    late.append((f"after {timeout}, µs: {p}", cell))
            cells = [(head, re.sub("[ ‡†]*$", "", cell)) for head, cell in tables["How late they give up"][f"`{name}`"]]
            self.assertEqual([cell for cell in cells if "reaped" not in cell[0]], late)

    def test_every_cell_of_the_table_of_programs_is_its_own(self):
        rows = []
        loads = {0: LOADS[0], 2: LOADS[2], 4: {"target": "blackhole", "timeout_ns": 10**7}}
        loads[6] = {"target": "blackhole", "timeout_ns": 10**8}
        for base, load in loads.items():
            for place, name in enumerate(NAMES, base):
                rows += rows_of(place, name, len(rows), **load)
        programs = {
            name: {"program": {"language": "Go", "version": f"1.{n}", "libraries": []}} for n, name in enumerate(NAMES)
        }
        self.run_of("a", rows, connectors=programs)
        (table,) = re.findall(r"### In other languages\n\n((?:\|.*\n)+)", markdown.table(Records([self.folder])) + "\n")
        lines = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
        for n, (name, line) in enumerate(zip(NAMES, lines[2:], strict=True)):
            found = dict(zip(lines[0], (re.sub(MARKS, "", cell) for cell in line)))
            memory = figure(scaled("rss_peak_kib", 3, n) / 1024)
            self.assertEqual(
                list(found.items()),
                [
                    ("connector", f"`{name}`"),
                    ("versions", f"Go 1.{n}"),
                    ("connects/s on loopback", shown(n, "connects_per_s")),
                    ("connects/s, 20 ms away", shown(2 + n, "connects_per_s")),
                    ("CPU µs: client", shown(n, "cpu_ns", text=microseconds, each=ATTEMPTS)),
                    ("late, µs, p50", shown(6 + n, "overshoot_p50_ns", text=microseconds)),
                    ("late, µs, p99", shown(6 + n, "overshoot_p99_ns", text=microseconds)),
                    ("system calls", middle(n, "syscalls")),
                    ("threads", whole(scaled("threads_peak", 2, n))),  # the highest
                    ("memory, MiB", memory),
                ],
            )

    def test_every_cell_of_the_table_of_closing_is_its_own(self):
        table = self.tables()["What closing with FIN costs"]
        for n, name in enumerate(NAMES):
            reset, fin = 10 + n, 12 + n
            ratio = f"{(1 + fin) / (1 + reset):.2f}"
            cpu = {"text": microseconds, "each": ATTEMPTS}
            wanted = [
                ("connects/s, RST", shown(reset, "connects_per_s")),
                ("connects/s, FIN", shown(fin, "connects_per_s")),
                ("ratio", f"equal ({ratio}–{ratio})"),
                ("CPU µs, RST", shown(reset, "cpu_ns", **cpu)),
                ("CPU µs, FIN", shown(fin, "cpu_ns", **cpu)),
                ("ratio", f"equal ({ratio}–{ratio})"),
                ("softirq µs, RST", over_all(reset, "client_softirq_ns")),
                ("softirq µs, FIN", over_all(fin, "client_softirq_ns")),
            ]
            self.assertEqual(table[f"`{name}`"], wanted)

    def test_every_cell_of_the_portrait_is_its_own(self):
        mix = "fleet:accepting=75,blackhole=25:poisson:1000/s"
        for base, name in ((0, "scaling"), (10, "scaling-far"), (20, "overshoot")):
            rows = []
            for place, connector in enumerate(NAMES, base):
                size = 128 if name == "scaling-far" else 1024
                rows += rows_of(place, connector, 1000 * place, concurrency=size, timeout_ns=10**8)
                if name != "overshoot":
                    rows += rows_of(place + 5, connector, 1000 * place + 500, concurrency=64)
                    rows += rows_of(place + 5, connector, 1000 * place + 700, concurrency=2048)
            self.run_of(name, rows)
        fleet = []
        for place, connector in enumerate(NAMES):
            for target, connected in (("accepting", 50 + place), ("blackhole", 5), ("*", 7)):
                fleet.append(
                    wave(connector, 1, target, scenario=mix, attempts=100, connected=connected, timeout_ns=2 * 10**8)
                )
            fleet.append(wave(connector, 1, scenario=mix.replace("75", "50").replace("=25", "=50"), connected=1))
        self.run_of("fleet", fleet)
        text = portrait(self.folder)
        lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
        for place, name in enumerate(NAMES):
            late = [
                shown(20 + place, f"overshoot_{p}_ns", text=lambda value: significant(value / 1000))
                for p in ("p50", "p99")
            ]
            (row,) = [[re.sub(MARKS, "", cell) for cell in line] for line in lines if line[0] == f"`{name}`"]
            cells = [
                f"`{name}`",
                shown(place, "connects_per_s", text=significant),
                shown(10 + place, "connects_per_s", text=significant),
                f"{scaled('threads_peak', 3, 10 + place):,}",
                f"{50 + place} %",
                *late,
            ]
            self.assertEqual(row, cells)
        heads = ["connector", "loopback, connects/s", "20 ms away, connects/s", "threads for that"]
        heads += ["healthy hosts reached, 25 % dead", "lateness of a 100 ms timeout, µs, p50", "p99"]
        self.assertEqual(lines[0], heads)
        self.assertIn("timeout 200 ms", text)


class AnswerTest(RunsTest):
    def test_every_figure_belongs_to_its_situation_and_its_connector(self):
        for base, name in ((0, "loopback"), (10, "far")):
            rows = []
            for place, connector in enumerate(NAMES):
                for repetition in (1, 2, 3, 4, 5):
                    own = {"connects_per_s": 1000 * (1 + base + place) + (7, 1, 4, 8, 2)[repetition - 1]}
                    own |= {"threads_peak": 50 + base + 10 * place + repetition, "concurrency": 30 + base}
                    rows.append(wave(connector, repetition, **own))
            self.run_of(name, rows)
        fleet = [
            wave(connector, n, target, scenario="fleet:a=80,b=20", attempts=attempts, connected=connected)
            for place, connector in enumerate(NAMES)
            for n in (1, 2, 3, 4, 5)
            for target, attempts, connected in (
                ("accepting", 80, 40 + 10 * place),
                ("blackhole", 20, 3),
                ("*", 300, 70),
            )
        ]
        self.run_of("fleet", fleet)
        late = [
            wave(connector, repetition, timeout_ns=10**8, deadline_exceeded=9, overshoot_p50_ns=1000 * place + late)
            for place, connector in enumerate(NAMES, 1)
            for repetition, late in ((1, 70), (2, 10), (3, 40), (4, 90), (5, 20))
        ]
        self.run_of("timeout", late)
        _, near, far, dead, lateness, *_ = sentences(self.folder)
        self.assertIn("at most 30 in flight. Connects per second: pool 2,000/s; epoll 1,000/s.", near)
        self.assertIn("at most 40 in flight. Connects per second: pool 12,000/s; epoll 11,000/s.", far)
        self.assertIn("Threads used: pool 73; epoll 63.", far)
        self.assertIn("(300 attempts). Healthy hosts reached: pool 62.5 %; epoll 50 %.", dead)
        self.assertIn("timeout 100 ms. Given up late by (p50): epoll 1.04 µs; pool 2.04 µs.", lateness)


class HistoryTest(RunsTest):
    def test_every_column_has_the_value_of_its_own_name(self):
        environment = ENVIRONMENT | {"build": {"git_commit": "c1"}, "cpu": {"model": "Abacus", "online": [0, 1, 2]}}
        run = self.run_of(
            "run", [], environment=environment, origin={"monotonic_ns": 5, "realtime_ns": 1_700_000_000_000_007_000}
        )
        names = {
            f"connect/{connector}/{target}/concurrency:{size}/{figure}": f"{connector}{column}_{figure}_us"
            for connector in NAMES
            for target, size, column in (
                ("accepting", 64, ""),
                ("accepting", 8, "_concurrency_8"),
                ("refusing", 64, "_refusing"),
            )
            for figure in ("p50", "p99", "time_per_connect")
        }
        entries = [
            {"name": name, "real_time": 1000 * place, "cpu_time": 7, "iterations": 9}
            for place, name in enumerate(names, 1)
        ]
        (run / "benchmark-aggregate.json").write_text(json.dumps({"benchmarks": entries}))
        wanted = {column: str(place) for place, column in enumerate(names.values(), 1)}
        wanted |= {"time": "2023-11-14T22:13:20.000007+00:00", "commit": "c1", "machine": "3 × Abacus"}
        self.assertEqual(row_of(run), wanted)
