"""Each figure of the report's tables and sentences comes from its own column, repetition, load, connector and run."""

import html
import re
from unittest import mock

from made_records import EXHAUSTION, Records, judged, searched
from report.made_report import ReportTest  # first: it skips the tests without numpy

from connbench_tools.records.folders import runs_in
from connbench_tools.report import build, figures, page, sections, verdict
from connbench_tools.report.charts import Material
from connbench_tools.report.comparison import lines_of
from connbench_tools.report.exhaustion import EXHAUSTION_HEAD, exhaustion_table
from connbench_tools.report.regression import regression_html
from connbench_tools.report.table import COLUMNS, table_html
from connbench_tools.units import significant
from connbench_tools.vocabulary import OUTCOMES
from wiring import known

LOADS = {  # what the report calls them
    "accepting (IPv4), 1 in flight, closed loop, timeout 1 s": {"concurrency": 1},
    "refusing (IPv4), 1 in flight, closed loop, timeout 1 s": {"concurrency": 1, "target": "refusing"},
    "accepting (IPv4), 8 in flight, closed loop, timeout 1 s": {"concurrency": 8},
    "accepting (IPv4), 8 in flight, 2 shards, closed loop, timeout 1 s": {"concurrency": 8, "shards": 2},
    "accepting (IPv6), 8 in flight, closed loop, timeout 1 s": {"concurrency": 8, "family": 6},
    "accepting (IPv4), 8 in flight, closed loop, timeout 2 s": {"concurrency": 8, "timeout_ns": 2 * 10**9},
}
NAMES = ("epoll", "pool")
FROM = {  # column of the report: what it shows of which columns of summary.csv
    "rate": ("median", "connects_per_s"),
    "cpu": ("per attempt", "cpu_ns"),
    "syscalls": ("per attempt", "syscalls"),
    "switches": ("per attempt", "voluntary_switches", "involuntary_switches"),
    "flight": ("median", "in_flight_mean"),
    "p50": ("latency", "p50_ns"),
    "p99": ("latency", "p99_ns"),
    "queue": ("latency", "queue_p99_ns"),
    "late": ("median", "overshoot_p50_ns"),
    "late99": ("median", "overshoot_p99_ns"),
    "reaped": ("median", "reaped_overshoot_p50_ns"),
    "reaped99": ("median", "reaped_overshoot_p99_ns"),
    "added": ("latency", "added_p50_ns"),
    "threads": ("median", "threads_peak"),
    "memory": ("median", "rss_peak_kib"),
}


def place_of(run, load, name):
    return 1 + run * 20 + load * 3 + NAMES.index(name)


class ComparisonTest(ReportTest):
    def material_of_two_runs(self):
        for run in (0, 1):
            made = Records(command_line=["connbench", "run", "--connector", ",".join(NAMES)], samples="none")
            for repetition in (1, 2, 3, 4, 5):
                for number, load in enumerate(LOADS.values()):
                    for name in NAMES:
                        made.wave(
                            name, repetition, **(load | known.figures(repetition, place_of(run, number, name)) | load)
                        )
            made.write(self.folder / f"run{run}")
        runs = runs_in([self.folder])
        return Material(runs, lines_of(runs), sections.colour_order(runs), 800)

    def test_shows_every_figure_of_every_line_from_its_own_cells(self):
        material = self.material_of_two_runs()
        _, table = table_html(material)
        rows = re.findall(r"<tr data-load=(\d+) data-c=(\d+)>(.*?)</tr>", table)
        self.assertEqual(len(rows), 2 * len(LOADS) * len(NAMES))
        self.assertEqual([column.identity for column in COLUMNS], list(FROM))
        seen = set()
        for load, colour, row in rows:
            run, number = self.load_of(html.unescape(re.search(r"<td class=load[^>]*>(.*?)</td>", row)[1]))
            name = re.search(r'data-v="(.*?)"', row)[1]
            self.assertEqual(name, material.connectors[int(colour)])
            seen.add((run, number, name))
            self.check(row, place_of(run, number, name), number < 2)
        self.assertEqual(len(seen), len(rows))

    def load_of(self, text):
        run, rest = re.fullmatch(r"run(\d) · (.*)", text).groups()
        return int(run), list(LOADS).index(rest)

    def check(self, row, place, has_latency):
        cells = re.findall(r"<td class=n(?: data-v=([^>]*))?>(.*?)</td>", row)
        for (identity, (kind, *columns)), (value, text) in zip(FROM.items(), cells):
            if kind == "latency" and not has_latency:
                self.assertEqual(value, "", identity)
                continue
            wanted = known.per_attempt(place, *columns) if kind == "per attempt" else known.median(columns[0], place)
            self.assertEqual(value, f"{wanted:g}", identity)
            if identity == "rate":
                least, most = (known.cell("connects_per_s", repetition, place) for repetition in (1, 2))
                self.assertIn(f"<small>{significant(least, 2)}–{significant(most, 2)}<", text)
        outcomes = {name: sum(known.figures(r, place)[name] for r in (1, 2, 3, 4, 5)) for name in OUTCOMES}
        attempts = sum(outcomes.values())
        cut_off = ("never_started", "cancelled")
        texts = (f"{count} {name}" + " (wave limit)" * (name in cut_off) for name, count in outcomes.items())
        listed = ", ".join(texts)
        self.assertIn(f"{listed} <small>of {attempts:,}", row)
        self.assertIn(f"<td class=outcome data-v={attempts - outcomes['connected']}>", row)
        connected, timed_out = (112 * outcomes[name] / attempts for name in ("connected", "deadline_exceeded"))
        self.assertIn(f"<rect class=ok x=0.0 width={connected:.1f}", row)
        self.assertIn(f"<rect class=late x={connected:.1f} width={timed_out:.1f}", row)
        self.assertIn(f"<rect class=bad x={connected + timed_out:.1f}", row)

    def test_marks_exactly_the_lines_that_did_not_keep_up_or_kept_the_server_busy(self):
        run = Records()
        for name, rate, server in (("fine", 900, 500), ("slow", 700, 500), ("busy", 900, 900)):
            figures = {
                "connects_per_s": rate,
                "server_cpu_ns": server * 10**6,
                "makespan_ns": 10**9,
                "cpu_ns": 10**9,
            }
            run.wave(name, scenario="steady:uniform:1000/s", concurrency=64, times=[9], **figures)
        for repetition, rate in ((1, 900), (2, 700), (3, 900)):  # one that did not suffices
            run.wave("once", repetition, "accepting", "steady:uniform:1000/s", 64, times=[9], connects_per_s=rate)
        _, table = table_html(self.material(run))
        marks = {name: re.findall("[†‡]", mark) for name, mark in re.findall(r"</i>(\w+)(.*?)</th>", table)}
        self.assertEqual(marks, {"fine": [], "slow": ["†"], "busy": ["‡"], "once": ["†"]})


class SentencesTest(ReportTest):
    def test_each_figure_of_a_sentence_belongs_to_the_connector_it_names(self):
        run = Records()
        for place, name in enumerate(("epoll", "pool", "ring")):
            for repetition in (1, 2, 3, 4, 5):
                own = {"connects_per_s": 3000 - 1000 * place + repetition, "cpu_ns": 1000 * (3 - place)}
                run.wave(name, repetition, concurrency=64, times=[9], **own)
                late = {"overshoot_p50_ns": 1000 * (place + 1), "overshoot_p99_ns": 70_000 * (place + 1)}
                late["reaped_overshoot_p50_ns"] = 4000 * (place + 1)
                run.wave(
                    name,
                    repetition,
                    "blackhole",
                    timeout_ns=10**8,
                    times=[10**8],
                    outcome="deadline_exceeded",
                    **late,
                )
                kept = {"connects_per_s": 995, "added_p50_ns": 500 * (3 - place), "added_p99_ns": 1}
                run.wave(name, repetition, "delayed:20ms", "steady:uniform:1000/s", 64, times=[9], **kept)
        said = self.said(run)
        self.assertIn("epoll makes 3,000 connections per second, 3.0 times the rate of ring (1,000)", said["Rate"][0])
        cheap = "CPU time per attempt: least ring (1.00 µs), most epoll (3.00 µs)."
        self.assertIn(cheap, said["CPU"][0])
        late = (
            "least late epoll (1.00 µs), latest ring (3.00 µs) (epoll p99 70.0 µs, received by its caller 4.00 µs; "
            "ring p99 210 µs, received by its caller 12.0 µs)."
        )
        self.assertIn(f"timeout 100 ms, given up after the deadline by (p50): {late}", said["Timeouts"][0])
        self.assertIn("added to the handshake (p50): least ring (500 ns), most epoll (1.50 µs).", said["Added"][0])

    def test_the_fleet_compares_the_smallest_with_the_largest_share(self):
        run = Records()
        for dead, p99 in ((10, 2000), (50, 8000), (30, 90_000)):
            fleet = f"fleet:accepting={100 - dead},blackhole={dead}"
            run.wave("epoll", target="accepting", scenario=fleet, concurrency=9, times=[10], p50_ns=7, p99_ns=p99)
            run.wave("epoll", target="blackhole", scenario=fleet, concurrency=9, times=[1], outcome="deadline_exceeded")
        run.samples = []
        (text,) = self.said(run)["Healthy hosts"]
        self.assertIn("With 50 % dead hosts, p99 of accepting: epoll, 8.00 µs; no other connector was measured;", text)
        self.assertIn("; with 10 %: epoll 2.00 µs.", text)

    def test_judgements_and_searches_stay_with_their_names(self):
        run = Records(rates=[searched("epoll", 500, 600), searched("pool", 300, 400), searched("null", 900, 950)])
        run.verdicts = [judged("one", "regressed", 0.1), judged("two", "same", 0.0), judged("three", "improved", -0.1)]
        said = self.said(run)
        wanted = "epoll meets it up to 500/s, the highest rate; pool up to 300/s, the lowest."
        self.assertIn(wanted, said["Highest rate"][0])
        wanted = "Of 3 judged figures, 1 regressed (one connects/s), 1 same, 1 improved (three connects/s)."
        self.assertEqual(said["Change"], [wanted])


class OtherTablesTest(ReportTest):
    def test_every_cell_of_a_regression_is_its_own(self):
        row = {"benchmark": "b", "metric": "m", "pairs": "28", "effect": "0.11", "ci_low": "0.05", "ci_high": "0.21"}
        row |= {"p_value": "0.003", "threshold": "0.07", "verdict": "unstable"}
        text = regression_html([row])
        body = text.partition("<tbody>")[2]
        heads = re.findall(r"<th scope=col[^>]*>([^<]*)", text)
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", body)]
        wanted = ["b", "m", "unstable", "+11.00%", " +5.00% … +21.00%", "7.0%", "0.003", "28"]
        self.assertEqual(dict(zip(heads, cells)), dict(zip(heads, wanted)))
        self.assertEqual(heads, ["benchmark", "metric", "verdict", "effect", "interval", "threshold", "p", "pairs"])
        low, centre, high = (80 * (1 + value / 0.21 * 0.95) for value in (0.05, 0.11, 0.21))
        self.assertIn(f"<line x1={low:.1f} x2={high:.1f} y1=7", body)
        self.assertIn(f"<circle cx={centre:.1f}", body)

    def exhausted(self):
        """Two connectors with two ramps of three steps each, in which no two cells are alike."""
        run = Records(command_line=["connbench", "exhaust", "threads", "--connector", "epoll,pool"])
        for place, name in enumerate(("epoll", "pool")):
            for repetition in (1, 2):
                for step in range(3):
                    base = 1000 * (1 + place) + 100 * repetition
                    row = {column: base * 1000 + 77_000 * number + step for number, column in enumerate(EXHAUSTION)}
                    row |= {"connector": name, "resource": "threads", "limit_kind": "kind", "limit": 512}
                    row |= {"repetition": repetition, "step": step, "pending": step * base}
                    row |= {"os_error": "", "stopped_call": ""}
                    row |= {"rss_kib": 100_000 + 2 * step * base, "kernel_kib": 900_000 + 5 * step * base}
                    row |= {"threads": step * base + 1, "elapsed_ns": step * base * 11 + 1}
                    run.exhaustion.append(row)
                row |= {"stopped_call": f"call{place}{repetition}", "os_error": 11}
        return run

    def test_every_cell_of_the_table_of_ramps_is_its_own(self):
        rows = exhaustion_table(self.material(self.exhausted()))
        self.assertEqual([row[0] for row in rows], ["epoll (1)", "epoll (2)", "pool (1)", "pool (2)"])
        for row, (place, repetition) in zip(rows, ((0, 1), (0, 2), (1, 1), (1, 2))):
            base = 1000 * (1 + place) + 100 * repetition
            at = {name: base * 1000 + 77_000 * number + 2 for number, name in enumerate(EXHAUSTION)}
            cells = dict(zip(EXHAUSTION_HEAD, row))
            self.assertEqual(cells["exhausted"], "threads, limit 512")
            self.assertEqual(cells["pending"], str(2 * base))
            self.assertEqual(cells["stopped by"], f"call{place}{repetition}: EAGAIN")
            self.assertEqual(cells["threads"], str(2 * base + 1))
            self.assertEqual(cells["memory per pending attempt, process + kernel"], "2.00 KiB + 5.00 KiB")
            healthy = [f"{at[name] / 1e6:.2f} ms" for name in ("healthy_p50_ns", "healthy_p99_ns")]
            self.assertEqual(cells["healthy connects meanwhile, p50 / p99"], " / ".join(healthy))
            self.assertEqual(cells["recovery while pending"], f"{at['recovery_pending_ns'] / 1e6:.2f} ms")
            self.assertEqual(cells["recovery after release"], f"{at['recovery_released_ns'] / 1e6:.2f} ms")

    def test_the_curves_of_a_ramp_are_those_of_its_first_repetition(self):
        run = self.exhausted()
        section = self.section("exhaustion", run)
        for place in (0, 1):
            rows = [row for row in run.exhaustion if row["connector"] == NAMES[place] and row["repetition"] == 1]
            later = rows[1:]  # nothing is pending before the first step
            self.assertEqual(
                {name: self.curves(section, name)[place]["y"] for name in ("ramp", "ramp-start", "ramp-memory")},
                {
                    "ramp": [row["pending"] for row in later],
                    "ramp-start": [row["start_p99_ns"] for row in later],
                    "ramp-memory": [7 * row["pending"] for row in later],
                },
            )
            self.assertEqual(self.curves(section, "ramp")[place]["x"], [row["elapsed_ns"] for row in later])
            for name in ("ramp-start", "ramp-memory"):
                self.assertEqual(self.curves(section, name)[place]["x"], [row["pending"] for row in later])
            for name in ("ramp", "ramp-start", "ramp-memory"):
                self.assertEqual(self.curves(section, name)[place]["marks"], [[1, f"call{place}1: EAGAIN"]])
        texts = [sentence.text for sentence in verdict.ramp_sentences(self.material(run))]
        self.assertIn("epoll had 2,200 attempts pending with 2,201 threads, stopped by call01: EAGAIN", texts[0])
        self.assertIn("pool had 4,200 attempts pending with 4,201 threads, stopped by call11: EAGAIN", texts[1])


class PageTest(ReportTest):
    def test_the_heading_has_the_first_moment_and_all_attempts(self):
        for name, began, attempts in (("a", 1_700_000_000, 3), ("b", 1_600_000_000, 40)):
            run = Records(origin={"realtime_ns": began * 10**9}).wave("epoll", times=[9] * attempts)
            run.wave("epoll", target="*", scenario="fleet:accepting=100", attempts=attempts)  # counts nobody twice
            run.write(self.folder / name)
        self.assertEqual(page.subtitle(runs_in([self.folder])), "2020-09-13 12:26 UTC · 2 runs: b, a · 43 attempts")

    def test_the_page_opens_with_the_connectors_but_not_the_harness(self):
        run = Records().wave("epoll", times=[9]).wave("null", times=[9])
        self.assertEqual(page.payload(self.material(run), [])["first"], ["epoll"])

    def test_verdicts_come_from_the_file_that_is_named(self):
        run = Records().wave("epoll", times=[9])
        run.verdicts = [judged("of the folder", "same", 0)]
        folder = run.write(self.folder / "run")
        run.verdicts = [judged("of the file", "same", 0)]
        run.write(self.folder / "other")
        (path,) = build.build([folder], self.folder / "other/verdicts.csv")
        text = path.read_text(encoding="utf-8")
        self.assertIn("<th scope=row>of the file</th>", text)
        self.assertNotIn("of the folder", text)

    def test_the_harness_is_never_the_cheapest(self):
        run = Records()
        for name, cpu in (("null", 10), ("epoll", 1000), ("pool", 2000)):
            run.wave(name, concurrency=64, times=[9], connects_per_s=5, cpu_ns=cpu)
        self.assertIn(
            "CPU time per attempt: medians from 1.00 µs (epoll) to 2.00 µs (pool); fewer", self.said(run)["CPU"][0]
        )

    def test_a_figure_draws_the_range_from_the_lowest_to_the_highest(self):
        axes = mock.Mock()
        curve = {"c": 0, "x": [1, 2], "y": [20, 30], "low": [10, 15], "high": [40, 50], "marks": [[1, "here"]]}
        figures._line(axes, "epoll", curve, curve["x"], curve["y"])
        self.assertEqual(axes.vlines.call_args.args, ([1, 2], [10, 15], [40, 50]))
        self.assertEqual(axes.plot.call_args_list[0].args, ([1, 2], [20, 30]))
        self.assertEqual(axes.annotate.call_args.args, ("here", (2, 30)))
