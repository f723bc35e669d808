"""The self-test on pairs with a known difference, and the file that keeps pairs."""

import contextlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from made_runs import RunsTest
from connbench_tools.failures import Unusable
from connbench_tools.gate import pairs as pairs_file
from connbench_tools.gate import collect, resampling, self_test, suite
from connbench_tools.gate.pairs import Pair
from connbench_tools.gate.resampling import SAME
from gate.statistics_test import drifting, numpy

RATE, CPU = (("epoll/accepting/concurrency:64/timeout:5s", metric) for metric in self_test.AIMED)
LATE = ("epoll/backlog-full/concurrency:64/timeout:10ms/scenario:steady:poisson:4000/s", "overshoot_p50")
SECONDS = {("command/rate", "wall_time"): 1e9, ("command/late", "wall_time"): 5e8, ("command/added", "wall_time"): 5e8}


def quietly(*_):
    pass


class ResamplingTest(RunsTest):
    def setUp(self):
        super().setUp()
        self.generator = numpy.random.default_rng(8)

    def pairs(self, count, delay=0.0, spread=0.05, loads=("rate", "late", "added")):
        """Pairs as in a collection, with a head that is slower by a log delay."""
        keys = {RATE: -delay, CPU: delay, LATE: 0.0} | dict.fromkeys(SECONDS, 0.0)
        keys = {key: effect for key, effect in keys.items() if suite.load_of(key[0]) in loads}
        noise = {key: numpy.exp(drifting(self.generator, 2 * count, spread=spread)).reshape(count, 2) for key in keys}
        sizes = {key: SECONDS.get(key, 100.0) for key in keys}
        return [
            Pair(
                "AB",
                {
                    key: (
                        float(sizes[key] * noise[key][i, 0]),
                        float(sizes[key] * noise[key][i, 1] * numpy.exp(effect)),
                    )
                    for key, effect in keys.items()
                },
            )
            for i in range(count)
        ]

    def judged(self, groups, comparisons=20):
        given = SimpleNamespace(comparisons=comparisons, budget=180.0, pairs_file="pairs.csv")
        return resampling.judge_gate(groups, given, 3, quietly)

    def power(self, result, delay, key):
        (row,) = [row for row in result["power"] if row["delay"] == delay and (row["benchmark"], row["metric"]) == key]
        return row

    def test_sees_a_slowdown_of_20_percent_and_raises_no_false_alarm(self):
        groups = {SAME: self.pairs(60), "+20%": self.pairs(40, delay=0.182, loads=["rate"])}
        result = self.judged(groups)
        self.assertEqual((result["false_alarms"]["hits"], result["false_alarms"]["trials"]), (0, 20))
        self.assertAlmostEqual(result["false_alarms"]["ci_high"], 1 - 0.025 ** (1 / 20), places=4)
        for key in (RATE, CPU):
            self.assertEqual(self.power(result, 0.2, key)["share"], 1.0)
        self.assertAlmostEqual(self.power(result, 0.2, CPU)["effect"], 0.2, delta=0.03)
        self.assertEqual(self.power(result, 0.2, ("command/rate", "wall_time"))["share"], 0.0)

    def test_counts_the_budget_in_the_measured_seconds_of_the_pairs(self):
        seconds = resampling.seconds_by_load(self.pairs(60))
        self.assertAlmostEqual(seconds["rate"], 2.0, delta=0.1)
        self.assertAlmostEqual(seconds["late"], 1.0, delta=0.1)
        groups = {load: (self.pairs(20), True) for load in suite.LOADS}
        source = resampling.Drawn(
            groups,
            {"rate": 2.0, "late": 1.0, "added": 1.0},
            100.0,
            mock.Mock(random=lambda: 0.0, randrange=lambda _: 0),
        )
        source.take(20, ["rate", "late", "added"])
        self.assertTrue(source.time_for(4, ["rate", "late"], 4, ["rate"]))
        self.assertFalse(source.time_for(4, ["rate", "late"], 5, ["rate"]))

    def test_measuring_counts_the_seconds_of_the_loads_that_it_measures(self):
        bench = mock.Mock(seconds={"rate": 2.0, "late": 1.0, "added": 50.0})
        with mock.patch("time.monotonic", lambda: 100.0):
            source = pairs_file.LiveSource(bench, ("rate", "late", "added"), None, 20.0, None)
            self.assertTrue(source.time_for(4, ["rate", "late"], 4, ["rate"]))
            self.assertFalse(source.time_for(4, ["rate", "late"], 5, ["rate"]))

    def test_a_coin_decides_which_side_is_the_head_only_where_both_are_the_same(self):
        pairs = self.pairs(40, delay=0.5)
        for same, expected in ((False, {True}), (True, {True, False})):
            groups = {load: (pairs, same) for load in suite.LOADS}
            source = resampling.Drawn(groups, dict.fromkeys(suite.LOADS, 1.0), 100.0, resampling.random.Random(1))
            self.assertEqual(
                {pair.values[CPU][1] > pair.values[CPU][0] for pair in source.take(20, ["rate"])}, expected
            )

    def test_blocks_stay_together(self):
        pairs = self.pairs(40)
        groups = {load: (pairs, False) for load in suite.LOADS}
        source = resampling.Drawn(groups, dict.fromkeys(suite.LOADS, 1.0), 1e9, resampling.random.Random(1))
        drawn = [
            next(i for i, pair in enumerate(pairs) if pair.values[CPU] == own.values[CPU])
            for own in source.take(20, ["rate"])
        ]
        for start in range(0, 20, resampling.BLOCK):
            block = drawn[start : start + resampling.BLOCK]
            self.assertEqual(block, list(range(block[0], block[0] + resampling.BLOCK)))

    def test_noise_grows_with_the_spread_of_a_build_against_itself(self):
        calm, loud = (resampling.noise_of(self.pairs(60, spread=spread), self.generator) for spread in (0.05, 0.5))
        self.assertLess(calm[CPU], 0.05)
        self.assertGreater(loud[CPU], 3 * calm[CPU])

    def test_refuses_too_few_pairs(self):
        with self.assertRaisesRegex(Unusable, "30 pairs of A against A; at least 40"):
            self.judged({SAME: self.pairs(30)})

    def test_reads_back_a_file_of_pairs_without_a_torn_last_row(self):
        path = self.folder / "pairs.csv"
        whole = Pair("AB", {CPU: (1.5, 2.5), LATE: (None, 3.0)})
        pairs_file.PairsFile(path).append(SAME, whole)
        pairs_file.PairsFile(path).append("+2%", Pair("BA", {CPU: (4.0, 5.0)}))
        with open(path, "a") as file:
            file.write("same,AB,7")
        groups = pairs_file.read(path)
        self.assertEqual([pair.values for pair in groups[SAME]], [whole.values])
        self.assertEqual([(pair.order, pair.values) for pair in groups["+2%"]], [("BA", {CPU: (4.0, 5.0)})])

    def test_refuses_a_damaged_file_of_pairs_and_names_the_damage(self):
        path = self.folder / "pairs.csv"
        pairs_file.PairsFile(path).append(SAME, Pair("AB", {CPU: (1.5, 2.5)}))
        good = path.read_bytes()
        for data, said in (
            (good.replace(b",2.5", b""), "row 1 has 3 fields, the header has 4"),
            (good.replace(b"2.5", b"2.5,7"), "row 1 has 5 fields, the header has 4"),
            (good.replace(b"2.5", b"more"), "more"),
            (b"\xff" + good, "utf-8"),
            (b"a;b\r\n1;2\r\n", "group"),
            (good + b'"' + b"x" * 200_000 + b'"\r\n', "field larger"),
        ):
            path.write_bytes(data)
            with self.assertRaisesRegex(Unusable, f"pairs.csv is not a file of pairs: .*{said}"):
                pairs_file.read(path)

    def test_refuses_pairs_without_a_load_or_of_another_suite(self):
        late = ("command/late", "wall_time")
        for key, said in (
            (("command/later", "wall_time"), "command/later belongs to no load"),
            (("epoll/nowhere", "p50"), "epoll/nowhere belongs to"),
            (("epoll", "p50"), "epoll belongs to no load"),
        ):
            with self.assertRaisesRegex(Unusable, said):
                suite.load_of(key[0])
        with self.assertRaisesRegex(Unusable, "no time for the load late"):
            self.judged(
                {SAME: [Pair("AB", {k: v for k, v in pair.values.items() if k != late}) for pair in self.pairs(60)]}
            )
        with self.assertRaisesRegex(Unusable, "no time for command/late"):
            self.judged({SAME: [Pair("AB", pair.values | {late: (None, 1.0)}) for pair in self.pairs(60)]})

    def test_refuses_a_collection_without_its_origin_before_drawing_comparisons(self):
        path = self.folder / "pairs.csv"
        for pair in self.pairs(1):
            pairs_file.PairsFile(path).append(SAME, pair)
        given = SimpleNamespace(collect=False, real=None, pairs_file=path, seed=1, comparisons=4, budget=180.0)
        for text, said in (
            ("{}", "is damaged: it has no machine, commit, what, broken, minutes"),
            ("[]", "is damaged: it is not an object"),
            ("{", "cannot be read"),
        ):
            path.with_name("collection.json").write_text(text)
            with self.assertRaisesRegex(Unusable, f"collection.json {said}"):
                self_test.run(given, quietly, quietly)

    def test_both_sides_of_a_delayed_pair_load_the_shim_and_only_the_head_waits(self):
        asked = []

        def sides(*environments):
            asked.append(environments)
            return [mock.Mock(program="p") for _ in environments]

        with mock.patch.object(collect.programs, "cpus_flag", return_value=[]):
            for delay in (None, 7):
                collect._bench(sides, delay, Path("/f"))
        shim = {"LD_PRELOAD": "/f/slow_connect.so"}
        delayed = (shim | {"SLOW_CONNECT_NS": "0"}, shim | {"SLOW_CONNECT_NS": "7"})
        self.assertEqual(asked, [({}, {}), delayed])

    def test_does_not_append_to_the_file_of_another_suite(self):
        path = self.folder / "pairs.csv"
        pairs_file.PairsFile(path).append(SAME, Pair("AB", {CPU: (1.0, 1.0)}))
        with self.assertRaisesRegex(Unusable, "another suite"):
            pairs_file.PairsFile(path).append(SAME, Pair("AB", {LATE: (1.0, 1.0)}))

    def test_keeps_its_result_from_which_the_gate_takes_its_thresholds(self):
        path = self.folder / "pairs.csv"
        file = pairs_file.PairsFile(path)
        for pair in self.pairs(40):
            file.append(SAME, pair)
        for pair in self.pairs(20, delay=0.182, loads=["rate"]):
            file.append("+20%", pair)
        facts = {
            "machine": "2 × Abacus, Linux 6.1",
            "commit": "abc",
            "minutes": 3.0,
            "broken": [],
            "what": "a connect",
            "delays_ns": {},
        }
        path.with_name("collection.json").write_text(json.dumps(facts))
        given = SimpleNamespace(collect=False, real=None, pairs_file=path, seed=1, comparisons=4, budget=180.0)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(self_test.run(given, quietly, quietly), 0)
        self.assertIn("io_uring connects inside the kernel, which the delay does not reach", out.getvalue())
        self.assertIn("false alarms (exit 1)        0.0% (0 of 4; 95 %: 0.0% to 60.2%)", out.getvalue())
        self.assertIn("+20%  epoll/accepting/concurrency:64/timeout:5s connects_per_s: 100.0% (4 of 4", out.getvalue())
        noise, notes = self_test.kept_noise(self.folder)
        self.assertEqual(noise.keys(), {RATE, CPU, LATE, *SECONDS})
        self.assertIn("2 × Abacus", notes[0])

    def test_says_that_all_thresholds_are_5_percent_without_a_self_test(self):
        noise, notes = self_test.kept_noise(self.folder)
        self.assertEqual(noise, {})
        self.assertIn("all thresholds are 5 %", notes[0])
