"""What repetitions support."""

import random
import unittest

from connbench_tools.records.repetitions import (
    by_repetition,
    differ,
    most_against,
    number,
    places,
    places_text,
    ratio,
)


def row_of(*values):
    return dict(enumerate(values, 1))


class RepetitionsTest(unittest.TestCase):
    def test_figures_stand_by_repetition_and_unknown_ones_are_left_out(self):
        rows = [{"repetition": "2", "cpu_ns": "5"}, {"repetition": "1", "cpu_ns": ""}]
        self.assertEqual(by_repetition(rows, number("cpu_ns")), {2: 5.0})

    def test_a_row_that_is_ahead_in_all_of_eight_repetitions_differs_although_the_ranges_overlap(self):
        drift = [100, 200, 150, 120, 180, 90, 110, 130]
        slower, faster = row_of(*drift), row_of(*(1.05 * value for value in drift))
        self.assertIs(differ(slower, faster), True)
        self.assertEqual([round(part, 3) for part in ratio(faster, slower)], [1.05, 1.05, 1.05, 8])

    def test_one_repetition_against_it_makes_a_row_equal(self):
        self.assertIs(differ(row_of(*[2] * 7, 1), row_of(*[1] * 7, 2)), False)

    def test_of_twelve_repetitions_one_may_be_against_a_difference(self):
        self.assertEqual([most_against(count) for count in (7, 8, 11, 12, 14, 15, 18)], [None, 0, 0, 1, 1, 2, 3])
        self.assertIs(differ(row_of(*[2] * 11, 1), row_of(*[1] * 11, 2)), True)
        self.assertIs(differ(row_of(*[2] * 10, 1, 1), row_of(*[1] * 10, 2, 2)), False)

    def test_repetitions_are_compared_by_their_number_and_not_by_their_place(self):
        ours = {number: number + 1 for number in range(1, 10)}
        theirs = {number: number for number in range(9, 0, -1)}
        self.assertIs(differ(ours, theirs), True)

    def test_from_five_repetitions_on_ranges_that_do_not_overlap_differ(self):
        self.assertIs(differ(row_of(1, 2, 3, 4, 5), row_of(6, 7, 8, 9, 10)), True)
        self.assertIs(differ(row_of(1, 2, 3, 4, 5), row_of(5, 7, 8, 9, 10)), False)

    def test_fewer_repetitions_say_nothing(self):
        self.assertIsNone(differ(row_of(1, 1, 1, 1), row_of(9, 9, 9, 9)))
        self.assertIsNone(differ({}, row_of(*range(9))))

    def test_equal_figures_do_not_differ(self):
        self.assertIs(differ(row_of(*[7] * 9), row_of(*[7] * 9)), False)

    def test_equal_rows_are_told_apart_in_at_most_one_of_a_hundred_comparisons(self):
        source = random.Random(1)
        for repetitions in (5, 6, 7, 8, 10, 12, 15):
            trials = 5_000
            wrong = 0
            for _ in range(trials):
                drift = [source.lognormvariate(0, 0.3) for _ in range(repetitions)]
                ours, theirs = (row_of(*(value * source.lognormvariate(0, 0.05) for value in drift)) for _ in range(2))
                wrong += differ(ours, theirs)
            self.assertLess(wrong / trials, 0.011, repetitions)

    def test_a_ratio_needs_a_repetition_that_has_both(self):
        self.assertIsNone(ratio({1: 5.0}, {2: 5.0}))

    def test_rows_that_cannot_be_told_apart_may_have_the_same_places(self):
        rows = {
            "fast": row_of(*(10 + n for n in range(8))),
            "slow": row_of(*(1 + n for n in range(8))),
            "level": row_of(*(10 + n + (-1) ** n for n in range(8))),
        }
        self.assertEqual(places(rows), {"fast": (1, 2), "level": (1, 2), "slow": (3, 3)})
        self.assertEqual(places(rows, min), {"slow": (1, 1), "level": (2, 3), "fast": (2, 3)})

    def test_a_row_between_two_others_that_differ_may_have_the_place_of_each(self):
        rows = {"a": row_of(*[3] * 8), "between": row_of(*[1, 4] * 4), "z": row_of(*[2] * 8)}
        self.assertEqual(places(rows), {"a": (1, 2), "between": (1, 3), "z": (2, 3)})

    def test_a_row_has_as_many_rows_before_and_after_it_as_differ_from_it(self):
        source = random.Random(3)
        rows = {n: row_of(*(n + source.gauss(0, 2) for _ in range(8))) for n in range(30)}
        for one, (first, last) in places(rows).items():
            other_rows = [figures for other, figures in rows.items() if other != one]
            apart = [figures for figures in other_rows if differ(rows[one], figures)]
            self.assertEqual(first - 1 + len(rows) - last, len(apart))

    def test_no_places_where_nothing_can_be_compared(self):
        self.assertEqual(places({"a": row_of(1, 2), "b": row_of(3, 4), "c": {}}), {})

    def test_places_are_written_briefly(self):
        self.assertEqual([places_text(2, 2), places_text(3, 5)], ["#2", "#3–5"])


if __name__ == "__main__":
    unittest.main()
