"""Each figure that the gates judge comes from its own column, repetition, load and side, and keeps its place in the
table, in Markdown and in verdicts.csv."""

import contextlib
import csv
import io
import json
import statistics
from pathlib import Path
from unittest import mock

from gate.pretended import PretendedBuilds
from made_runs import RunsTest, script, wave

from connbench_tools.exact import baseline, gate
from connbench_tools.exact.counts import ALLOCATIONS, BYTES, THREADS, per_attempt
from connbench_tools.gate import compare, judge, pairs, suite, thresholds, verdicts
from connbench_tools.gate.runs import JudgedRun
from connbench_tools.records import pending
from wiring import known

COMPARE, REGRESS = script("compare"), script("regress")
NOISE = {"cpu_per_attempt": 0.25, "wall_time": 0.5, "connects_per_s": 0.75}
BEST_HIGH = {"connects_per_s"}
COLUMNS = {
    "connects_per_s": "connects_per_s",
    "wall_time": "makespan_ns",
    "overshoot_p50": "overshoot_p50_ns",
    "overshoot_p90": "overshoot_p90_ns",
    "p50": "p50_ns",
    "p90": "p90_ns",
    "added_p50": "added_p50_ns",
}
CLOSED = {"cpu_per_attempt", "connects_per_s", "wall_time", "overshoot_p50", "overshoot_p90"}
LOADS = {  # name: columns of its rows, and what is judged
    "epoll/accepting/concurrency:8/timeout:1s": ({"concurrency": 8}, CLOSED),
    "epoll/accepting/concurrency:1/timeout:1s": ({"concurrency": 1}, CLOSED | {"added_p50"}),
    "epoll/accepting/concurrency:8/timeout:7ms": ({"timeout_ns": 7_000_000}, CLOSED),
    "pool/accepting/concurrency:8/timeout:1s/family:6/shards:2": (
        {"connector": "pool", "family": 6, "shards": 2},
        CLOSED,
    ),
    "epoll/far/concurrency:8/timeout:1s/scenario:steady:uniform:1/s": (
        {"target": "far", "scenario": "steady:uniform:1/s"},
        {"cpu_per_attempt", "overshoot_p50", "overshoot_p90", "added_p50"},
    ),
}


def thresholds_in(file):
    with open(file, newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return {(row["benchmark"], row["metric"]): round(float(row["threshold"]), 6) for row in rows}


def rows_of(side):
    """The rows of one side: five repetitions of each load, all different."""
    rows = []
    for place, (load, _) in enumerate(LOADS.values()):
        for repetition in (1, 2, 3, 4, 5):
            row = wave("epoll", repetition, **known.figures(repetition, 10 * side + place)) | load
            rows.append(row | {"repetition": repetition, "wave": len(rows) + 1})
    return rows


def values_of(metric, side, place):
    found = [known.figures(repetition, 10 * side + place) for repetition in (1, 2, 3, 4, 5)]
    if metric == "cpu_per_attempt":
        return [row["cpu_ns"] / row["attempts"] for row in found]
    return [row[COLUMNS[metric]] for row in found]


class JudgedRunTest(RunsTest):
    def test_every_metric_of_every_load_has_the_values_of_its_own_cells(self):
        for side in (0, 1):
            cases = JudgedRun(self.run_of(f"side{side}", rows_of(side)), "AB"[side]).cases
            self.assertEqual(cases.keys(), LOADS.keys())
            for place, (name, (_, judged)) in enumerate(LOADS.items()):
                self.assertEqual(cases[name].keys(), judged, name)
                for metric, values in cases[name].items():
                    self.assertEqual(values, values_of(metric, side, place), f"{name} {metric}")

    def test_a_change_is_reported_for_the_metric_the_load_and_the_side_that_changed(self):
        """Each metric in turn is a third higher on one side."""
        base = {
            "cpu_ns": 1000,
            "makespan_ns": 2000,
            "connects_per_s": 3000,
            "overshoot_p50_ns": 4,
            "overshoot_p90_ns": 50,
        }
        columns = {metric: column for metric, column in COLUMNS.items() if column in base} | {
            "cpu_per_attempt": "cpu_ns"
        }
        for metric, column in columns.items():
            for changed in (0, 1):
                sides = []
                for side in (0, 1):
                    rows = []
                    for load in ({"concurrency": 8}, {"concurrency": 9}):
                        factor = 4 / 3 if side == changed and load["concurrency"] == 9 else 1
                        for n in range(1, 10):
                            own = {name: value * (1 + n / 1000) for name, value in base.items()}
                            own[column] *= factor
                            rows.append(wave("epoll", n, wave=len(rows) + 1, **load, **own))
                    sides.append(self.run_of(f"{metric}{changed}{side}", rows))
                self.check(metric, changed, *sides)

    def check(self, metric, changed, first, second):
        file = self.folder / "verdicts.csv"
        words = [first, second, "--csv", file, "--markdown", self.folder / "table.md"]
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = COMPARE.run([str(word) for word in words])
        worse = (metric in BEST_HIGH) == (changed == 0)
        self.assertEqual(status, 1 if worse else 0, f"{metric} {changed}")
        with open(file, newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
        found = {(row["benchmark"], row["metric"]): row for row in rows if row["verdict"] != "same"}
        name = "epoll/accepting/concurrency:9/timeout:1s"
        self.assertEqual(list(found), [(name, metric)])
        row = found[name, metric]
        effect = 1 / 3 if changed else -1 / 4
        self.assertAlmostEqual(float(row["effect"]), effect, delta=0.01)
        self.assertLess(float(row["ci_low"]), float(row["ci_high"]))
        self.assertEqual((row["pairs"], row["verdict"]), ("9", "regressed" if worse else "improved"))
        (line,) = [
            line.split() for line in out.getvalue().splitlines() if line.endswith(row["verdict"]) and name in line
        ]
        self.assertEqual(line[:3], [name, metric, "9"])
        self.assertEqual(line[3], f"{float(row['effect']):+.1%}")


class ThresholdTest(RunsTest):
    def test_thresholds_come_from_the_noise_of_the_same_row_in_the_self_test(self):
        rows = [wave("epoll", n, cpu_ns=10, makespan_ns=20, connects_per_s=30) for n in range(1, 6)]
        folder = self.run_of("run", rows)
        name = "epoll/accepting/concurrency:8/timeout:1s"
        noise = [{"benchmark": name, "metric": metric, "noise": value} for metric, value in NOISE.items()]
        (self.folder / "result.json").write_text(json.dumps({"machine": "x", "noise": noise}))
        file = self.folder / "v.csv"
        with mock.patch.object(compare, "SELF_TEST", self.folder), contextlib.redirect_stdout(io.StringIO()):
            COMPARE.run([str(folder), str(folder), "--csv", str(file)])
        self.assertEqual(thresholds_in(file), {(name, metric): 1.5 * value for metric, value in NOISE.items()})


class RegressTest(PretendedBuilds):
    def test_thresholds_of_the_gate_come_from_there_too(self):
        builds = [self.program(side) for side in ("base", "head")]
        name = "epoll/accepting/concurrency:8/timeout:1s"
        noise = {(name, metric): value for metric, value in NOISE.items()}
        words = ["--base-build", builds[0], "--head-build", builds[1], "--pairs", "2", "--no-exact", "--out"]
        words.append(self.folder / "out")
        streams = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO())
        with mock.patch.object(thresholds, "of", return_value=(noise, [])), streams[0], streams[1]:
            REGRESS.run([str(word) for word in words])
        found = thresholds_in(self.folder / "out/verdicts.csv")
        self.assertEqual({key: found[key] for key in noise}, {key: 1.5 * value for key, value in noise.items()})


class VerdictsTest(RunsTest):
    def row(self):
        row = judge.Row("bench", "connects_per_s", 0.07)
        row.pairs, row.effect, row.low, row.high, row.p, row.verdict = 21, -0.13, -0.29, -0.05, 0.0043, judge.UNSTABLE
        return row

    def test_every_figure_of_a_verdict_stands_below_its_heading(self):
        cells = ["bench", "connects_per_s", "21", "-13.0%", "-29.0% to -5.0%", "0.004", "7.0%", "unstable"]
        self.assertEqual(dict(zip(verdicts.HEADS, verdicts._cells(self.row()))), dict(zip(verdicts.HEADS, cells)))
        heads = ("benchmark", "metric", "pairs", "effect", "95 % interval", "p", "threshold", "verdict")
        self.assertEqual(verdicts.HEADS, heads)
        verdicts.write_csv(self.folder / "v.csv", [self.row()])
        with open(self.folder / "v.csv", newline="", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        wanted = {"benchmark": "bench", "metric": "connects_per_s", "pairs": "21", "effect": "-0.13", "ci_low": "-0.29"}
        wanted |= {"ci_high": "-0.05", "p_value": "0.0043", "threshold": "0.07", "verdict": "unstable"}
        self.assertEqual(row, wanted)

    def test_only_a_regression_fails_and_only_a_worse_change_is_one(self):
        for metric, effect, verdict in (
            ("connects_per_s", -0.2, judge.REGRESSED),
            ("connects_per_s", 0.2, judge.IMPROVED),
            ("cpu_per_attempt", 0.2, judge.REGRESSED),
            ("cpu_per_attempt", -0.2, judge.IMPROVED),
            ("cpu_per_attempt", 0.01, judge.SAME),
        ):
            row = judge.Row("b", metric, 0.05)
            row.effect, row.low, row.high = effect, effect - 0.01, effect + 0.01
            row.judge(0.001)
            self.assertEqual(row.verdict, verdict)
            self.assertEqual(verdicts.status([row]), 1 if verdict == judge.REGRESSED else 0)


class PairsTest(RunsTest):
    """A bench whose turns return known runs."""

    def pair(self, order):
        taken = []

        def measured(side, load, _more, _folder):
            taken.append((side.name, load))
            turn = taken.count((side.name, load))
            place = 100 * (side.name == "head") + 10 * list(suite.LOADS).index(load)
            target = {"rate": "accepting", "late": "backlog-full", "added": "delayed:2ms"}[load]
            figures = {
                "connects_per_s": 1000 + place + turn,
                "cpu_ns": 10 * (place + turn),
                "makespan_ns": 7 + place + turn,
            }
            figures |= {"overshoot_p50_ns": 500 + place + turn, "attempts": 10}
            run = JudgedRun(
                self.run_of(f"{side.name}{load}{turn}{order}", [wave("epoll", 1, target, **figures)]), side.name
            )
            return run, 0.001 * (place + turn)

        sides = [mock.Mock() for _ in "AB"]
        sides[0].name, sides[1].name = "base", "head"
        bench = pairs.Bench(*sides, self.folder, 1)
        bench.coin = mock.Mock(choice=lambda _: order)
        with mock.patch.object(suite, "measure", measured):
            return bench.pair(list(suite.LOADS)), bench, taken

    def test_base_and_head_keep_their_own_measurements_whoever_starts(self):
        for order in ("AB", "BA"):
            pair, bench, taken = self.pair(order)
            self.assertEqual(taken[0][0], "base" if order == "AB" else "head")
            for number, load in enumerate(suite.LOADS):
                turns = suite.TURNS[load].count("A")
                for side in (0, 1):
                    place = 100 * side + 10 * number
                    own = [place + turn for turn in range(1, turns + 1)]
                    self.assertAlmostEqual(pair.values[f"command/{load}", "wall_time"][side] / 1e6, sum(own))
                    name = {0: "accepting", 1: "backlog-full", 2: "delayed:2ms"}[number]
                    name = f"epoll/{name}/concurrency:8/timeout:1s"
                    values = {metric: value[side] for (bench_, metric), value in pair.values.items() if bench_ == name}
                    self.assertAlmostEqual(values["cpu_per_attempt"], statistics.fmean(own))
                    self.assertAlmostEqual(
                        values["connects_per_s"], statistics.harmonic_mean([1000 + one for one in own])
                    )
                    self.assertAlmostEqual(values["wall_time"], statistics.fmean(7 + one for one in own))
                    self.assertEqual(values["overshoot_p50"], statistics.median_low(500 + one for one in own))
                every = sum(1e6 * (100 * side + 10 * number + turn) for side in (0, 1) for turn in range(1, turns + 1))
                self.assertAlmostEqual(bench.seconds[load], every / 1e9)

    def test_a_file_of_pairs_gives_back_what_was_put_in(self):
        path = self.folder / "pairs.csv"
        file = pairs.PairsFile(path)
        kept = {("a", "x"): (1.0, 2.0), ("a", "y"): (3.0, None), ("b", "x"): (5.0, 6.0)}
        file.append("one", pairs.Pair("AB", kept))
        file.append("two", pairs.Pair("BA", {("b", "x"): (7.0, 8.0)}))
        found = pairs.read(path)
        self.assertEqual([(p.order, p.values) for p in found["one"]], [("AB", kept)])
        self.assertEqual([(p.order, p.values) for p in found["two"]], [("BA", {("b", "x"): (7.0, 8.0)})])
        with open(path, newline="", encoding="utf-8") as opened:
            row = next(csv.DictReader(opened))
        self.assertEqual((row["a x base"], row["a x head"], row["a y head"]), ("1", "2", pairs.NONE))

    def test_the_ratio_is_that_of_the_head_to_the_base(self):
        (ratio,) = judge.ratios([pairs.Pair("AB", {("a", "x"): (2.0, 3.0)})], ("a", "x"))[0]
        self.assertAlmostEqual(judge.statistics.relative(ratio), 0.5)


class ExactTest(RunsTest):
    def test_calls_are_divided_by_their_own_attempts_and_named_after_their_target(self):
        cases = [
            {"calls": {"close": 8, "clone": 3, "clone3": 5, "poll": 99, "exit": 7}, "attempts": 4},
            {"calls": {"close": 8, "socket": 2}, "attempts": 16},
        ]
        self.assertEqual(per_attempt(cases[0], "accepting"), {"accepting/close": 2, "accepting/clone": 2})
        self.assertEqual(per_attempt(cases[1], "refusing"), {"refusing/close": 0.5, "refusing/socket": 0.125})

    def test_threads_and_bytes_of_floor_bench_stay_with_their_connector(self):
        entries = [
            {"name": f"floor/pending_bytes/{name}/x", "pending": 10 + n, "threads": 20 + n, "bytes_per_pending": 30 + n}
            | {"slab_per_pending": 100 + n, "kernel_stack_per_pending": 2000 + n, "page_tables_per_pending": 70_000 + n}
            for n, name in enumerate(("epoll", "pool"))
        ]
        path = Path(self.folder / "pending.json")
        path.write_text(json.dumps({"benchmarks": entries}))
        self.assertEqual(
            pending.read(path), [("epoll", None, 10, 20, 30.0, 72_100.0), ("pool", None, 11, 21, 31.0, 72_103.0)]
        )

    def test_a_difference_names_its_connector_its_figure_and_both_values(self):
        was = {"epoll": {"accepting/close": 1, THREADS: 3, BYTES: 100, ALLOCATIONS: 0}, "pool": {"accepting/close": 2}}
        now = {"epoll": {"accepting/close": 1, THREADS: 4, BYTES: 500, ALLOCATIONS: 2}, "pool": {"accepting/close": 7}}
        rows = baseline.differences(was, now, lambda name, value: 50)
        wanted = [("epoll", ALLOCATIONS, 0, 2), ("epoll", BYTES, 100, 500), ("epoll", THREADS, 3, 4)]
        wanted.append(("pool", "accepting/close", 2, 7))
        self.assertEqual(rows, wanted)
        lines = baseline.table(rows).splitlines()
        self.assertEqual(lines[0], "| connector | what | was | is |")
        self.assertEqual(lines[2], "| `epoll` | allocations per attempt | 0 | 2 |")
        self.assertEqual(lines[3], "| `epoll` | bytes per pending attempt | 100 | 500 |")
        self.assertEqual(lines[4], "| `epoll` | threads while pending | 3 | 4 |")
        self.assertEqual(lines[5], "| `pool` | close() per attempt, accepting | 2 | 7 |")

    def test_only_what_every_further_measurement_shows_again_is_a_difference(self):
        wanted = {"epoll": {"accepting/close": 1, "accepting/socket": 1}}
        first = [("epoll", "accepting/close", 1, 2), ("epoll", "accepting/socket", 1, 2)]
        again = [{"epoll": {"accepting/close": 2, "accepting/socket": 1}}] * gate.CONFIRMATIONS
        again[-1] = {"epoll": again[-1]["epoll"] | {"accepting/bind": 1}}  # seen only by the last
        build = mock.Mock(measure=mock.Mock(side_effect=again), pending={}, connectors={})
        with contextlib.redirect_stderr(io.StringIO()):
            found = gate.confirmed(build, wanted, first)
        self.assertEqual(found, [("epoll", "accepting/close", 1, 2)])
        self.assertEqual(build.measure.call_count, gate.CONFIRMATIONS)

    def test_a_baseline_that_is_accepted_in_part_counts_its_fewest_measurements(self):
        facts = dict.fromkeys("build_type commit compiler glibc kernel machine".split(), "abc") | {"libraries": {}}
        kept = {"epoll": {"accepting/close": 1}, "pool": {"accepting/close": 2}}
        build = mock.Mock(facts=facts, skipped={}, measure=lambda *_: {"epoll": {"accepting/close": 1}})
        for chosen, runs, measured in ((["epoll"], 2, 2), (["epoll"], 9, 3), (None, 9, 9)):
            path = self.folder / "baseline.json"
            baseline.write(path, {"version": 1, "made_with": facts, "measurements": 3, "connectors": kept})
            given = mock.Mock(baseline=path, connector=chosen, what=gate.KINDS, runs=runs)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                gate.accept(given, build)
            self.assertEqual(json.loads(path.read_text())["measurements"], measured)

    def test_a_connector_with_another_library_is_not_compared(self):
        made_with = dict.fromkeys("build_type commit compiler glibc kernel machine".split(), "abc")
        kept = {"asio": {"accepting/close": 1}, "epoll": {"accepting/close": 1}}
        path = self.folder / "baseline.json"
        document = {"version": 1, "made_with": made_with | {"libraries": {"asio": "1"}}, "connectors": kept}
        baseline.write(path, document)
        facts = made_with | {"libraries": {"asio": "2"}}
        figures = {name: {"accepting/close": 7 if name == "asio" else 1} for name in kept}
        build = mock.Mock(facts=facts, skipped={}, pending={}, connectors=kept, measure=lambda *_: figures)
        given = mock.Mock(baseline=path, connector=None, what=gate.KINDS)
        rows, others, _, compared = gate.compare(given, build)
        self.assertEqual((rows, list(others), compared), ([], ["asio"], 1))
