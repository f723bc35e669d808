"""The gate's statistics, compared with known answers and simulations."""

import math
import subprocess
import sys
import unittest

from connbench_tools import ROOT
from connbench_tools.gate import statistics
from connbench_tools.gate.statistics import numpy, scipy

SEED = 20


def drifting(generator, count, correlation=0.9, spread=0.3):
    """Log values of successive turns on a machine that drifts, as autocorrelated as the waves of the gate."""
    values = numpy.empty(count)
    values[0] = generator.normal(0, spread)
    for i in range(1, count):
        values[i] = correlation * values[i - 1] + generator.normal(0, spread * math.sqrt(1 - correlation**2))
    return values


def ratios_of(generator, pairs, effect=0.0, **noise):
    """Log ratios of pairs in random order, with such noise."""
    turns = drifting(generator, 2 * pairs, **noise).reshape(pairs, 2)
    head_first = generator.random(pairs) < 0.5
    base, head = numpy.where(head_first, turns[:, 1], turns[:, 0]), numpy.where(head_first, turns[:, 0], turns[:, 1])
    return head + effect - base


class StatisticsTest(unittest.TestCase):
    def setUp(self):
        self.generator = numpy.random.default_rng(SEED)

    def test_a_disturbed_pair_does_not_move_the_centre(self):
        calm = [0.1] * 9
        self.assertAlmostEqual(statistics.centre([*calm, 5.0]), 0.1)
        self.assertAlmostEqual(statistics.relative(statistics.centre(statistics.log_ratios([(100, 110)] * 5))), 0.1)

    def test_twice_as_much_and_half_as_much_are_equally_far_from_none(self):
        double, half = statistics.log_ratios([(1, 2), (2, 1)])
        self.assertAlmostEqual(double, -half)

    def test_five_pairs_of_one_sign_have_the_exact_p_of_their_coins(self):
        up = [0.1, 0.2, 0.15, 0.3, 0.12]
        self.assertAlmostEqual(statistics.sign_flip_p(up), 2 / 2**5)
        self.assertAlmostEqual(statistics.sign_flip_p(up, "greater"), 1 / 2**5)
        self.assertAlmostEqual(statistics.sign_flip_p(up, "less"), 1.0)

    def test_counts_flips_like_scipy_where_there_are_no_ties(self):
        for pairs in (6, 20, 40):
            for alternative in ("two-sided", "greater", "less"):
                ratios = ratios_of(self.generator, pairs, effect=0.1)
                known = scipy.stats.wilcoxon(ratios, alternative=alternative, method="exact").pvalue
                self.assertAlmostEqual(statistics.sign_flip_p(ratios, alternative), known, places=12)

    def test_flips_ties_and_ignores_pairs_without_a_difference(self):
        self.assertAlmostEqual(statistics.sign_flip_p([0.1] * 5), 2 / 2**5)
        self.assertEqual(statistics.sign_flip_p([0.0] * 5), 1.0)

    def test_a_steady_change_has_a_small_p_even_with_two_disturbed_pairs(self):
        steady = [0.1 + i / 1000 for i in range(20)]
        self.assertLess(statistics.sign_flip_p(steady), 1e-5)
        self.assertLess(statistics.sign_flip_p([*steady[:-2], -0.01, -0.02]), 1e-4)

    def test_coins_bound_the_false_alarms_under_drift(self):
        hits = sum(statistics.sign_flip_p(ratios_of(self.generator, 20)) <= 0.1 for _ in range(400))
        low, high = statistics.share_interval(hits, 400)
        self.assertLessEqual(low, 0.1, f"{hits} of 400")
        self.assertGreater(high, 0.05, "the test is too conservative")

    def test_the_interval_covers_the_true_value_about_as_often_as_it_claims(self):
        covered = 0
        for _ in range(300):
            low, high = statistics.interval(ratios_of(self.generator, 30, effect=0.1), self.generator)
            covered += low <= 0.1 <= high
        self.assertGreater(covered / 300, 0.88)
        self.assertLess(covered / 300, 0.99)

    def test_the_interval_of_equal_values_is_that_value(self):
        low, high = statistics.interval([0.25] * 6, self.generator)
        self.assertAlmostEqual(low, 0.25)
        self.assertAlmostEqual(high, 0.25)

    def test_holm_gives_the_textbook_values(self):
        for got, known in zip(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]):
            self.assertAlmostEqual(got, known)
        self.assertEqual(statistics.holm([0.9, 0.8]), [1.0, 1.0])
        self.assertEqual(statistics.holm([]), [])

    def test_no_alarm_in_300_bounds_the_rate_at_about_one_percent(self):
        low, high = statistics.share_interval(0, 300)
        self.assertEqual(low, 0.0)
        self.assertAlmostEqual(high, 1 - 0.025 ** (1 / 300), places=6)

    def test_four_unpaired_repetitions_cannot_prove_what_seven_can(self):
        self.assertAlmostEqual(statistics.smallest_unpaired_p(4, 4), 2 / 70)
        groups = numpy.arange(4) / 100, 1 + numpy.arange(4) / 100
        self.assertAlmostEqual(statistics.unpaired_p(*groups), 2 / 70)
        self.assertAlmostEqual(statistics.difference(*groups), 1.0)

    def test_a_quantile_is_a_value_that_occurred(self):
        self.assertEqual(statistics.quantile([1, 2, 4, 8], 0.5), 2)
        self.assertEqual(statistics.quantile(range(100), 0.99), 98)

    def test_says_what_to_install_when_scipy_is_missing(self):
        program = (
            f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); sys.modules['scipy'] = None; "
            "import connbench_tools.gate.statistics"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("python3-scipy", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)
