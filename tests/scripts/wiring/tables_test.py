"""Each figure of scripts/table, answer and history comes from its own column, repetition, load, connector and file."""

import json

from connbench_tools.answer import sentences
from connbench_tools.history.row import row_of
from connbench_tools.table import markdown
from connbench_tools.table.markdown import duration, number
from connbench_tools.table.portrait import portrait
from connbench_tools.table.rows import Records
from connbench_tools.units import significant
from made_runs import ENVIRONMENT, RunsTest, wave
from wiring import known

NAMES = ("epoll", "pool")
ROLES = {  # each load has a place of its own
    0: {"target": "accepting"},
    2: {"target": "delayed:20ms", "scenario": "steady:uniform:1/s"},
    4: {"target": "blackhole", "timeout_ns": 10**7},
    6: {"target": "blackhole", "timeout_ns": 10**9},
}


def rows_of(place, name, start=1, **load):
    """Five repetitions in which no two cells are alike."""
    return [
        wave(name, start + repetition, **(load | known.figures(repetition, place) | {"attempts": 500}))
        for repetition in (1, 2, 3, 4, 5)
    ]


class TableTest(RunsTest):
    def test_every_cell_of_the_table_of_connectors_is_its_own(self):
        rows = []
        for base, load in ROLES.items():
            for place, name in enumerate(NAMES, base):
                rows += rows_of(place, name, 1000 * place, **load)
        self.run_of("a", rows)
        entries = [
            {
                "name": f"floor/pending_bytes/{name}/iterations:1",
                "bytes_per_pending": 1000 + place,
                "pending": 500 + place,
            }
            for place, name in enumerate(NAMES)
        ]
        (self.folder / "pending.json").write_text(json.dumps({"benchmarks": entries}))
        text = markdown.table(Records([self.folder]))
        lines = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
        for place, name in enumerate(NAMES):
            (cells,) = [dict(zip(lines[0], line)) for line in lines if line[0] == f"`{name}`"]
            pairs = {
                "added µs": (place + 2, "added_p50_ns", "added_p99_ns"),
                "late after 10 ms, µs": (place + 4, "overshoot_p50_ns", "overshoot_p99_ns"),
                "late after 1 s, µs": (place + 6, "overshoot_p50_ns", "overshoot_p99_ns"),
            }
            wanted = {head: self.pair(*of) for head, of in pairs.items()}
            switches = "voluntary_switches", "involuntary_switches"
            wanted |= {
                "connector": f"`{name}`",
                "connects/s": number(known.median("connects_per_s", place)),
                "CPU µs": number(known.median("cpu_ns", place) / 500 / 1e3),
                "system calls": number(known.median("syscalls", place) / 500),
                "switches": number(sum(known.median(column, place) for column in switches) / 500),
                "threads": str(known.cell("threads_peak", 2, place)),  # the highest
                "bytes": f"{1000 + place}",
            }
            self.assertEqual(cells, wanted)
        self.assertIn("500–501 pending", text)

    @staticmethod
    def pair(place, p50, p99):
        return " / ".join(duration(known.median(column, place)) for column in (p50, p99))

    def test_every_cell_of_the_portrait_is_its_own(self):
        mix = "fleet:accepting=75,blackhole=25:poisson:1000/s"
        for base, name in ((0, "scaling"), (10, "scaling-far"), (20, "overshoot")):
            rows = []
            for place, connector in enumerate(NAMES, base):
                rows += rows_of(place, connector, 1000 * place, concurrency=1024, timeout_ns=10**8)
                if name != "overshoot":
                    rows += rows_of(place + 5, connector, 1000 * place + 500, concurrency=64)
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
        for place, name in enumerate(NAMES):
            late = [significant(known.median(f"overshoot_{p}_ns", 20 + place) / 1000) for p in ("p50", "p99")]
            cells = [
                f"`{name}`",
                significant(known.median("connects_per_s", place)),
                significant(known.median("connects_per_s", 10 + place)),
                f"{known.median('threads_peak', 10 + place):,}",
                f"{50 + place} %",
                " / ".join(late),
            ]
            self.assertIn(f"| {' | '.join(cells)} |", text)
        self.assertIn("lateness of a 100 ms timeout", text)
        self.assertIn("timeout 200 ms", text)


class AnswerTest(RunsTest):
    def test_every_figure_belongs_to_its_situation_and_its_connector(self):
        for base, name in ((0, "loopback"), (10, "far")):
            rows = []
            for place, connector in enumerate(NAMES):
                for repetition in (1, 2, 3):
                    own = {"connects_per_s": 1000 * (1 + base + place) + (7, 1, 4)[repetition - 1]}
                    own |= {"threads_peak": 50 + base + 10 * place + repetition, "concurrency": 30 + base}
                    rows.append(wave(connector, repetition, **own))
            self.run_of(name, rows)
        fleet = [
            wave(connector, 1, target, scenario="fleet:a=80,b=20", attempts=attempts, connected=connected)
            for place, connector in enumerate(NAMES)
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
            for repetition, late in ((1, 70), (2, 10), (3, 40))
        ]
        self.run_of("timeout", late)
        near, far, dead, lateness, *_ = sentences(self.folder)
        self.assertIn("at most 30 in flight. Connects per second: pool 2,000/s; epoll 1,000/s.", near)
        self.assertIn("at most 40 in flight. Connects per second: pool 12,000/s; epoll 11,000/s.", far)
        self.assertIn("Threads used: pool 72; epoll 62.", far)
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
