"""The gate's procedure on pairs with a known difference."""

import unittest
from unittest import mock

from connbench_tools.gate import judge, statistics
from connbench_tools.gate.judge import IMPROVED, REGRESSED, SAME, UNSTABLE, Gate
from connbench_tools.gate.pairs import Pair
from gate.statistics_test import drifting, numpy

CPU, RATE, LATE = ("a/one", "cpu_per_attempt"), ("a/one", "connects_per_s"), ("b/two", "overshoot_p50")

NOISY = {CPU: 0.02, LATE: 0.5}  # the second is too noisy to judge


class Simulated:
    """Pairs of two builds that differ by known log effects, measured in random order on a machine that drifts.
    `effects`: {key: log effect, or a function of the number of pairs so far}. Remembers the requests."""

    def __init__(self, effects, generator, budget=10**9, spread=0.05):
        self.effects, self.generator, self.budget, self.spread = effects, generator, budget, spread
        self.loads, self.asked = sorted({self.load_of(key) for key in effects}), []

    @staticmethod
    def load_of(key):
        return key[0][0]

    def take(self, count, loads):
        self.asked.append((count, loads))
        self.budget -= count
        spread = {
            key: self.spread.get(key, 0.0) if isinstance(self.spread, dict) else self.spread for key in self.effects
        }
        noise = {key: drifting(self.generator, 2 * count, spread=spread[key]) for key in self.effects}
        pairs = []
        for number in range(count):
            first = int(self.generator.random() < 0.5)
            values = {}
            for key, effect in self.effects.items():
                if self.load_of(key) in loads:
                    effect = effect(len(self.asked)) if callable(effect) else effect
                    turn = noise[key][2 * number : 2 * number + 2]
                    values[key] = (float(numpy.exp(turn[first])), float(numpy.exp(turn[1 - first] + effect)))
            pairs.append(Pair("AB", values))
        return pairs

    def time_for(self, more, loads, again, loads_again):
        return self.budget >= more + again * bool(loads_again)


class GateTest(unittest.TestCase):
    def setUp(self):
        self.generator = numpy.random.default_rng(6)

    def judge(self, effects, noise=None, **source):
        self.source = Simulated(effects, self.generator, **source)
        return {row.key: row for row in Gate(self.source, noise or {}, self.generator).run()}

    def verdicts(self, *arguments, **more):
        return {key: row.verdict for key, row in self.judge(*arguments, **more).items()}

    def test_a_build_against_itself_is_the_same_at_the_first_look(self):
        self.assertEqual(self.verdicts({CPU: 0.0, RATE: 0.0}, spread=0.02), {CPU: SAME, RATE: SAME})
        self.assertEqual(self.source.asked, [(20, ["a"])])

    def test_a_slowdown_is_a_regression_once_it_is_confirmed(self):
        row = self.judge({CPU: 0.2, LATE: 0.0}, spread=0.02)[CPU]
        self.assertEqual(row.verdict, REGRESSED)
        self.assertIn("confirmed by 16 further pairs: +2", row.note)
        self.assertLess(row.low, row.effect)
        self.assertAlmostEqual(row.effect, 0.2214, delta=0.03)
        self.assertLessEqual(row.p, judge.ALPHA)
        self.assertEqual(self.source.asked, [(20, ["a", "b"]), (16, ["a"])], "only suspects are measured again")

    def test_a_lower_rate_is_worse_and_lower_costs_are_better(self):
        self.assertEqual(self.verdicts({RATE: -0.2, CPU: -0.2}, spread=0.02), {RATE: REGRESSED, CPU: IMPROVED})
        self.assertEqual(self.verdicts({RATE: 0.2}, spread=0.02), {RATE: IMPROVED})
        self.assertEqual(len(self.source.asked), 1, "an improvement needs no confirmation")

    def test_an_unconfirmed_change_is_unstable(self):
        row = self.judge({CPU: lambda turn: 0.2 if turn == 1 else 0.0}, spread=0.02)[CPU]
        self.assertEqual(row.verdict, UNSTABLE)
        self.assertIn("not confirmed by 16 further pairs", row.note)

    def test_a_change_below_the_threshold_does_not_confirm_however_certain_it_is(self):
        row = self.judge({CPU: lambda turn: 0.2 if turn == 1 else 0.03}, spread=0.005)[CPU]
        self.assertEqual(row.verdict, UNSTABLE)
        self.assertIn("not confirmed by 16 further pairs: +3", row.note)

    def test_a_change_in_the_other_direction_does_not_confirm(self):
        self.assertEqual(self.verdicts({CPU: lambda turn: 0.2 if turn == 1 else -0.2}, spread=0.02), {CPU: UNSTABLE})

    def test_a_certain_change_below_the_threshold_is_the_same(self):
        row = self.judge({CPU: 0.02}, spread=0.005)[CPU]
        self.assertEqual(row.verdict, SAME)
        self.assertGreater(row.low, 0.0)

    def test_the_threshold_is_one_and_a_half_times_the_noise(self):
        row = self.judge({CPU: 0.2}, {CPU: 0.4}, spread=0.02)[CPU]
        self.assertEqual(row.verdict, SAME)
        self.assertAlmostEqual(row.threshold, 0.6)
        self.assertEqual(self.judge({CPU: 0.0}, {CPU: 0.001}, spread=0.02)[CPU].threshold, 0.05)

    def test_a_row_without_a_record_is_as_noisy_as_the_noisiest_of_its_metric(self):
        noise = {("other", CPU[1]): 0.04, ("another", CPU[1]): 0.08, LATE: 0.9}
        rows = self.judge({CPU: 0.0, RATE: 0.0}, noise, spread=0.02)
        self.assertAlmostEqual(rows[CPU].threshold, judge.MARGIN * 0.08)
        self.assertAlmostEqual(rows[RATE].threshold, judge.LEAST)

    def test_measures_undecided_rows_at_every_look_then_calls_them_unstable(self):
        self.assertEqual(self.verdicts({CPU: 0.0, LATE: 0.0}, spread=NOISY)[LATE], UNSTABLE)
        self.assertEqual(self.source.asked, [(20, ["a", "b"]), (8, ["b"]), (12, ["b"])])

    def test_stops_without_time_for_more_pairs_and_a_confirmation(self):
        self.assertEqual(
            self.verdicts({CPU: 0.2, LATE: 0.0}, spread=NOISY, budget=43), {CPU: REGRESSED, LATE: UNSTABLE}
        )
        self.assertEqual(self.source.asked, [(20, ["a", "b"]), (16, ["a"])])

    def test_noise_is_never_the_same(self):
        self.assertEqual(self.verdicts({CPU: 0.0}, spread=2.0), {CPU: UNSTABLE})

    def test_a_pair_without_a_figure_makes_its_row_unstable(self):
        source = Simulated({CPU: 0.0}, self.generator, spread=0.02)
        whole = source.take
        source.take = lambda count, loads: [*whole(count - 1, loads), Pair("AB", {CPU: (1.0, None)})]
        (row,) = Gate(source, {}, self.generator).run()
        self.assertEqual((row.verdict, row.effect, row.pairs), (UNSTABLE, None, 19))
        self.assertIn("no figure in 1 of 20 pairs", row.note)

    def test_a_value_of_zero_or_less_has_no_ratio(self):
        self.assertEqual(judge.ratios([Pair("AB", {CPU: (0.0, 1.0)}), Pair("AB", {CPU: (1.0, -1.0)})], CPU)[1], 2)

    def test_several_looks_do_not_raise_more_false_alarms(self):
        looked = 0
        with mock.patch.object(judge, "ALPHA", 0.2), mock.patch.object(judge, "LEAST", 0.0):
            for _ in range(120):
                source = Simulated({CPU: 0.0, LATE: 0.0}, self.generator, spread=0.3)
                gate = Gate(source, {}, self.generator)
                gate._confirm = lambda suspects: None
                looked += any(row.verdict in (REGRESSED, IMPROVED) for row in gate.run())
        self.assertLessEqual(statistics.share_interval(looked, 120)[0], 0.2, f"{looked} of 120")

    def test_the_whole_gate_raises_no_false_alarm_under_drift_and_sees_10_percent(self):
        alarms = sum(
            REGRESSED in self.verdicts({CPU: 0.0, RATE: 0.0, LATE: 0.0}, spread=0.15).values() for _ in range(30)
        )
        self.assertEqual(alarms, 0)
        seen = sum(self.verdicts({CPU: 0.0953, RATE: 0.0, LATE: 0.0}, spread=0.05)[CPU] == REGRESSED for _ in range(30))
        self.assertGreaterEqual(seen, 27)
