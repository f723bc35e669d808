"""The rules that turn figures into verdicts."""

import unittest

from connbench_tools.study import verdicts
from connbench_tools.study.chart import Bars, Lines, as_json, as_text
from connbench_tools.study.plan import LEFT_OUT, Step, Study
from connbench_tools.study.steps import jobs_of, shown
from connbench_tools.study.verdicts import Answer, Verdict


def row(*values):
    return dict(enumerate(values, 1))


EIGHT = row(*(100 + n for n in range(8)))


class Rules(unittest.TestCase):
    def test_what_cannot_be_told_apart_is_not_called_different(self):
        mixed = {n: value * (1.1 if n % 2 else 0.9) for n, value in EIGHT.items()}
        for rule in (verdicts.at_least, verdicts.at_most):
            self.assertIsNone(rule(mixed, EIGHT).value)

    def test_too_few_repetitions_decide_nothing(self):
        few = row(100, 101, 102)
        self.assertIsNone(verdicts.at_least({n: 9 * value for n, value in few.items()}, few).value)
        self.assertIsNone(verdicts.equal(few, few, 2).value)

    def test_a_ratio_is_decided_on_either_side_of_the_factor(self):
        double = {n: 2 * value for n, value in EIGHT.items()}
        self.assertIs(verdicts.at_least(double, EIGHT, 1.5).value, True)
        self.assertIs(verdicts.at_least(double, EIGHT, 3).value, False)
        self.assertIs(verdicts.at_most(double, EIGHT, 3).value, True)
        self.assertIs(verdicts.at_most(double, EIGHT, 1.5).value, False)

    def test_equal_is_only_what_was_shown_to_be_equal(self):
        near = {n: 1.01 * value for n, value in EIGHT.items()}
        noisy = {n: value * (1.5 if n % 2 else 0.7) for n, value in EIGHT.items()}
        self.assertIs(verdicts.equal(near, EIGHT, 1.1).value, True)
        self.assertIsNone(verdicts.equal(noisy, EIGHT, 1.1).value)
        self.assertIs(verdicts.equal({n: 3 * value for n, value in EIGHT.items()}, EIGHT, 1.1).value, False)

    def test_a_share_is_judged_by_its_exact_interval(self):
        self.assertIs(verdicts.mostly(400, 400).value, True)
        self.assertIsNone(verdicts.mostly(10, 10).value)
        self.assertIsNone(verdicts.mostly(5, 10).value)  # may be below one half, or not
        self.assertIs(verdicts.mostly(0, 400).value, False)
        self.assertIs(verdicts.any_of(1, 10, 1e-4).value, True)
        self.assertIsNone(verdicts.any_of(0, 1000, 1e-4).value)
        # Clopper and Pearson's 95 % interval of 0 in 1000 ends at 1 - 0.025 ** (1 / 1000)
        self.assertEqual(verdicts.any_of(0, 1000, 1e-4).text, "0 of 1,000, that is, at most 0.0037 of them")
        self.assertIs(verdicts.any_of(0, 100_000, 1e-4).value, False)

    def test_an_attempt_that_never_connected_is_later_than_any_other(self):
        never = dict.fromkeys(EIGHT, float("inf"))
        answer = verdicts.at_most(never, EIGHT, 2)
        self.assertIs(answer.value, False)
        self.assertIn("never", answer.text)

    def test_undecided_situations_are_named_and_do_not_vote(self):
        found = verdicts.verdict_of({"near": Answer(True, "x"), "far": Answer(None, "y")}, "the distance")
        self.assertEqual(found.word, verdicts.HOLDS)
        self.assertIn("not decided: far", found.because)
        nothing = verdicts.verdict_of({"near": Answer(None, "x")}, "the distance")
        self.assertEqual(nothing.word, verdicts.UNTESTABLE)

    def test_a_few_situations_do_not_speak_for_all(self):
        answers = {"near": Answer(True, "x"), "far": Answer(None, "y"), "further": Answer(None, "z")}
        self.assertEqual(verdicts.verdict_of(answers, "the distance").word, verdicts.UNTESTABLE)

    def test_a_constant_takes_as_many_repetitions_as_a_sign_test(self):
        """Five of five on one side of a constant are no rarity: 1 of 16."""
        for count, found in ((5, None), (8, True)):
            figures = row(*([100] * count))
            self.assertIs(verdicts.at_most(figures, verdicts.against(figures, 200)).value, found)
            self.assertIs(verdicts.equal(figures, verdicts.against(figures, 101), 1.25).value, found)

    def test_a_share_is_called_smaller_only_when_chance_does_not_explain_it(self):
        self.assertIs(verdicts.rarer((0, 84_000), (13, 60_000)), True)
        self.assertIsNone(verdicts.rarer((0, 84_000), (2, 60_000)))
        self.assertIsNone(verdicts.rarer((13, 60_000), (0, 84_000)))

    def test_several_conditions_hold_together_or_not_at_all(self):
        yes, no, open_ = Answer(True, "a"), Answer(False, "b"), Answer(None, "c")
        self.assertIs(verdicts.all_of({"x": yes, "y": yes}).value, True)
        self.assertIs(verdicts.all_of({"x": yes, "y": no, "z": open_}).value, False)
        self.assertIsNone(verdicts.all_of({"x": yes, "z": open_}).value)

    def test_a_verdict_says_on_what_it_depends(self):
        found = verdicts.verdict_of({"near": Answer(True, "x"), "far": Answer(False, "y")}, "the distance")
        self.assertEqual(verdicts.title_of(found), "depends on the distance")
        self.assertIn("true for near; false for far", found.because)
        both = verdicts.overall([Verdict(verdicts.HOLDS, ""), Verdict(verdicts.FAILS, "")])
        self.assertEqual(verdicts.title_of(both), "depends on the claim")

    def test_the_interval_of_a_ratio_is_the_same_every_time(self):
        double = {n: 2 * value for n, value in EIGHT.items()}
        self.assertEqual(verdicts.ratio_text(double, EIGHT), "2.00 times (2.00 to 2.00)")

    def test_says_which_side_never_had_the_figure(self):
        never = EIGHT | {1: float("inf")}
        self.assertEqual(verdicts.ratio_text(never, EIGHT), "some never")
        self.assertEqual(verdicts.ratio_text(EIGHT, never), "the other some never")

    def test_a_small_ratio_keeps_its_digits(self):
        small = {n: value / 2000 for n, value in EIGHT.items()}
        self.assertEqual(verdicts.ratio_text(small, EIGHT), "0.000500 times (0.000500 to 0.000500)")


def study_of(*steps):
    return Study("?", (), steps, None, None)


class Plan(unittest.TestCase):
    def test_steps_of_several_rounds_take_turns_and_nobody_is_always_first(self):
        study = study_of(Step("a", "run", rounds=3), Step("b", "run", rounds=3), Step("c", "run"))
        folders = [folder for jobs in jobs_of(study, False) for _, folder in jobs]
        self.assertEqual(folders, ["a-1", "b-1", "b-2", "a-2", "a-3", "b-3", "c"])

    def test_quick_has_rounds_of_its_own(self):
        study = study_of(Step("a", "run", rounds=3, quick_rounds=2), Step("b", "run", rounds=2))
        folders = [[folder for jobs in jobs_of(study, quick) for _, folder in jobs] for quick in (False, True)]
        self.assertEqual(folders, [["a-1", "b-1", "b-2", "a-2", "a-3"], ["a-1", "b-1", "b-2", "a-2"]])

    def test_steps_beside_each_other_begin_together(self):
        study = study_of(Step("a", "run"), Step("b", "run", beside=True), Step("c", "run"))
        self.assertEqual([len(jobs) for jobs in jobs_of(study, False)], [2, 1])

    def test_quick_changes_flags_adds_them_and_leaves_steps_out(self):
        step = Step("a", "run --attempts 90 --target 'x y'", {"--attempts": "9", "--repetitions": "1"})
        self.assertEqual(step.words(True), ["run", "--attempts", "9", "--target", "x y", "--repetitions", "1"])
        self.assertEqual(jobs_of(study_of(Step("a", "run", LEFT_OUT)), True), [])

    def test_a_command_is_shown_as_one_would_type_it(self):
        text = shown(["/p/connbench", "run", "--sysctl", "a=1 2", "--quiet", "--out", "/s/x"], "/s")
        self.assertEqual(text, "connbench run --sysctl 'a=1 2' --out x")


class Charts(unittest.TestCase):
    def test_the_longest_bar_is_the_largest_value(self):
        text = as_text(as_json(Bars("t", "ns", [("a", 10.0, 9, 11), ("bb", 40.0, None, None)])))
        first, second = text.splitlines()[2:]
        self.assertEqual(second.count("█"), 40)
        self.assertEqual(first.count("█"), 10)
        self.assertTrue(first.startswith("a   ") and first.endswith("10 ns"))

    def test_lines_keep_their_ends(self):
        text = as_text(as_json(Lines("t", "ns", "n", {"s": [(x, float(x)) for x in range(1, 101)]})))
        self.assertIn("s, 1 n", text)
        self.assertIn("s, 100 n", text)
        self.assertLess(len(text.splitlines()), 40)
