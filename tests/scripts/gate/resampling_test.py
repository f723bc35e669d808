"""The self-test on pairs with a known truth, and the file that keeps them: python3 tests/scripts/gate_resampling_test.py"""

import contextlib
import io
import json
import unittest
from types import SimpleNamespace
from unittest import mock

from made_runs import RunsTest
from gate_statistics_test import drifting, numpy

import gate_pairs
import gate_resampling
import gate_self_test
from gate_pairs import Pair
from gate_resampling import SAME
from gate_runs import Unusable

RATE, CPU = gate_self_test.AIMED
LATE = ("epoll/backlog-full/concurrency:64/timeout:10ms/scenario:steady:uniform:4000/s", "overshoot_p50")
SECONDS = {("command/rate", "wall_time"): 1e9, ("command/late", "wall_time"): 5e8, ("command/added", "wall_time"): 5e8}


def quietly(*_):
    pass


class ResamplingTest(RunsTest):
    def setUp(self):
        super().setUp()
        self.generator = numpy.random.default_rng(8)

    def pairs(self, count, delay=0.0, spread=0.05, loads=("rate", "late", "added")):
        """What a collection would have kept, of a head that is slower by a log delay."""
        keys = {RATE: -delay, CPU: delay, LATE: 0.0} | dict.fromkeys(SECONDS, 0.0)
        keys = {key: effect for key, effect in keys.items() if gate_resampling.load_of(key[0]) in loads}
        noise = {key: numpy.exp(drifting(self.generator, 2 * count, spread=spread)).reshape(count, 2) for key in keys}
        sizes = {key: SECONDS.get(key, 100.0) for key in keys}
        return [Pair("AB", {key: (float(sizes[key] * noise[key][i, 0]), float(sizes[key] * noise[key][i, 1] * numpy.exp(effect)))
                            for key, effect in keys.items()}) for i in range(count)]  # fmt: skip

    def judged(self, groups, comparisons=20):
        given = SimpleNamespace(comparisons=comparisons, budget=180.0, pairs_file="pairs.csv")
        return gate_resampling.judge_gate(groups, given, 3, quietly)

    def power(self, result, delay, key):
        (row,) = [row for row in result["power"] if row["delay"] == delay and (row["benchmark"], row["metric"]) == key]
        return row

    def test_sees_a_fifth_and_nothing_where_there_is_nothing(self):
        groups = {SAME: self.pairs(60), "+20%": self.pairs(40, delay=0.182, loads=["rate"])}
        result = self.judged(groups)
        self.assertEqual((result["false_alarms"]["hits"], result["false_alarms"]["trials"]), (0, 20))
        self.assertAlmostEqual(result["false_alarms"]["ci_high"], 1 - 0.025 ** (1 / 20), places=4)
        for key in (RATE, CPU):
            self.assertEqual(self.power(result, 0.2, key)["share"], 1.0)
        self.assertAlmostEqual(self.power(result, 0.2, CPU)["effect"], 0.2, delta=0.03)
        self.assertEqual(self.power(result, 0.2, ("command/rate", "wall_time"))["share"], 0.0)

    def test_the_budget_is_counted_in_the_seconds_that_the_pairs_really_took(self):
        seconds = gate_resampling.seconds_by_load(self.pairs(60))
        self.assertAlmostEqual(seconds["rate"], 2.0, delta=0.1)
        self.assertAlmostEqual(seconds["late"], 1.0, delta=0.1)
        groups = {load: (self.pairs(20), True) for load in gate_resampling.LOADS}
        source = gate_resampling.Drawn(groups, {"rate": 2.0, "late": 1.0, "added": 1.0}, 100.0, mock.Mock(random=lambda: 0.0,
                                       randrange=lambda _: 0))  # fmt: skip
        source.take(20, ["rate", "late", "added"])
        self.assertTrue(source.time_for(4, ["rate", "late"], 4, ["rate"]))
        self.assertFalse(source.time_for(4, ["rate", "late"], 5, ["rate"]))

    def test_a_coin_decides_which_side_is_the_head_only_where_both_are_the_same(self):
        pairs = self.pairs(40, delay=0.5)
        for same, expected in ((False, {True}), (True, {True, False})):
            groups = {load: (pairs, same) for load in gate_resampling.LOADS}
            source = gate_resampling.Drawn(groups, dict.fromkeys(gate_resampling.LOADS, 1.0), 100.0, gate_resampling.random.Random(1))
            self.assertEqual({pair.values[CPU][1] > pair.values[CPU][0] for pair in source.take(20, ["rate"])}, expected)

    def test_blocks_stay_together(self):
        pairs = self.pairs(40)
        groups = {load: (pairs, False) for load in gate_resampling.LOADS}
        source = gate_resampling.Drawn(groups, dict.fromkeys(gate_resampling.LOADS, 1.0), 1e9, gate_resampling.random.Random(1))
        drawn = [next(i for i, pair in enumerate(pairs) if pair.values[CPU] == own.values[CPU]) for own in source.take(20, ["rate"])]
        for start in range(0, 20, gate_resampling.BLOCK):
            block = drawn[start : start + gate_resampling.BLOCK]
            self.assertEqual(block, list(range(block[0], block[0] + gate_resampling.BLOCK)))

    def test_noise_is_what_one_build_shows_against_itself_and_grows_with_it(self):
        calm, loud = (gate_resampling.noise_of(self.pairs(60, spread=spread), self.generator) for spread in (0.05, 0.5))
        self.assertLess(calm[CPU], 0.05)
        self.assertGreater(loud[CPU], 3 * calm[CPU])

    def test_too_few_pairs_are_refused(self):
        with self.assertRaisesRegex(Unusable, "30 pairs of A against A; at least 40"):
            self.judged({SAME: self.pairs(30)})

    def test_the_file_gives_back_what_was_put_in_and_leaves_out_a_row_that_is_not_whole(self):
        path = self.folder / "pairs.csv"
        whole = Pair("AB", {CPU: (1.5, 2.5), LATE: (None, 3.0)})
        gate_pairs.PairsFile(path).append(SAME, whole)
        gate_pairs.PairsFile(path).append("+2%", Pair("BA", {CPU: (4.0, 5.0)}))
        with open(path, "a") as file:
            file.write("same,AB,7")
        groups = gate_pairs.read(path)
        self.assertEqual([pair.values for pair in groups[SAME]], [whole.values])
        self.assertEqual([(pair.order, pair.values) for pair in groups["+2%"]], [("BA", {CPU: (4.0, 5.0)})])

    def test_a_file_that_is_broken_is_refused_with_what_is_wrong(self):
        path = self.folder / "pairs.csv"
        gate_pairs.PairsFile(path).append(SAME, Pair("AB", {CPU: (1.5, 2.5)}))
        good = path.read_bytes()
        for data, told in ((good.replace(b",2.5", b""), "another number of fields"), (good.replace(b"2.5", b"2.5,7"), "another number"),
                           (good.replace(b"2.5", b"more"), "more"), (b"\xff" + good, "utf-8"), (b"a;b\r\n1;2\r\n", "group"),
                           (good + b'"' + b"x" * 200_000 + b'"\r\n', "field larger")):  # fmt: skip
            path.write_bytes(data)
            with self.assertRaisesRegex(Unusable, f"pairs.csv is not a file of pairs: .*{told}"):
                gate_pairs.read(path)

    def test_pairs_without_a_load_or_of_another_suite_are_refused(self):
        late = ("command/late", "wall_time")
        for key, told in ((("command/later", "wall_time"), "command/later is of no load"), (("epoll/nowhere", "p50"), "epoll/nowhere is of"),
                          (("epoll", "p50"), "epoll is of no load")):  # fmt: skip
            with self.assertRaisesRegex(Unusable, told):
                gate_resampling.load_of(key[0])
        with self.assertRaisesRegex(Unusable, "no time of the load late"):
            self.judged({SAME: [Pair("AB", {k: v for k, v in pair.values.items() if k != late}) for pair in self.pairs(60)]})
        with self.assertRaisesRegex(Unusable, "no time of command/late"):
            self.judged({SAME: [Pair("AB", pair.values | {late: (None, 1.0)}) for pair in self.pairs(60)]})

    def test_a_collection_that_does_not_say_where_it_was_made_is_refused_before_the_minutes_that_drawing_takes(self):
        path = self.folder / "pairs.csv"
        for pair in self.pairs(1):
            gate_pairs.PairsFile(path).append(SAME, pair)
        given = SimpleNamespace(collect=False, pairs_file=path, seed=1, comparisons=4, budget=180.0)
        for text, told in (("{}", "has no machine, commit, what, broken, minutes"), ("[]", "has no machine"), ("{", "cannot be read")):
            path.with_name("collection.json").write_text(text)
            with self.assertRaisesRegex(Unusable, f"collection.json {told}"):
                gate_self_test.run(given, quietly, quietly)

    def test_the_file_of_another_suite_is_not_appended_to(self):
        path = self.folder / "pairs.csv"
        gate_pairs.PairsFile(path).append(SAME, Pair("AB", {CPU: (1.0, 1.0)}))
        with self.assertRaisesRegex(Unusable, "another suite"):
            gate_pairs.PairsFile(path).append(SAME, Pair("AB", {LATE: (1.0, 1.0)}))

    def test_keeps_its_result_and_the_gate_takes_its_thresholds_from_it(self):
        path = self.folder / "pairs.csv"
        file = gate_pairs.PairsFile(path)
        for pair in self.pairs(40):
            file.append(SAME, pair)
        for pair in self.pairs(20, delay=0.182, loads=["rate"]):
            file.append("+20%", pair)
        facts = {"machine": "2 × Abacus, Linux 6.1", "commit": "abc", "minutes": 3.0, "broken": [], "what": "a connect", "delays_ns": {}}
        path.with_name("collection.json").write_text(json.dumps(facts))
        given = SimpleNamespace(collect=False, pairs_file=path, seed=1, comparisons=4, budget=180.0)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(gate_self_test.run(given, quietly, quietly), 0)
        self.assertIn("io_uring connects inside the kernel, where the delay is not", out.getvalue())
        self.assertIn("false alarms (exit 1)        0.0% (0 of 4; 95 %: 0.0% to 60.2%)", out.getvalue())
        self.assertIn("+20%  epoll/accepting/concurrency:64/timeout:5s connects_per_s: 100.0% (4 of 4", out.getvalue())
        noise, notes = gate_self_test.kept_noise(self.folder)
        self.assertEqual(noise.keys(), {RATE, CPU, LATE, *SECONDS})
        self.assertIn("2 × Abacus", notes[0])

    def test_without_a_self_test_the_gate_says_that_its_thresholds_are_bare(self):
        noise, notes = gate_self_test.kept_noise(self.folder)
        self.assertEqual(noise, {})
        self.assertIn("thresholds are 5 % throughout", notes[0])


if __name__ == "__main__":
    unittest.main()
