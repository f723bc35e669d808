"""Real comparisons for the gate's record (scripts/regress --self-test --real), with pretended builds."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from connbench_tools.failures import Unusable
from connbench_tools.gate import collect, real, self_test
from gate.pretended import PretendedBuilds


class RealComparisonsTest(PretendedBuilds):
    def given(self, build, layouts=(), count=1, pairs=2):
        return SimpleNamespace(
            build=build,
            layouts=list(layouts),
            real=count,
            seed=1,
            pairs=(pairs,),
            budget=0.0,
            pairs_file=self.folder / "kept/pairs.csv",
        )

    def measured(self, given):
        said = []
        with mock.patch.object(collect, "copy_of", lambda build, folder: shutil.copytree(build, folder) / "bin"):
            real.compare(given, said.append)
        return real.read(self.folder / "kept" / real.FILE), said

    def test_compares_each_build_with_its_copy_and_the_layouts_with_each_other_in_turn(self):
        plan = real.plan(Path("a"), [Path("b"), Path("c")])
        kinds = [(kind, base.name, head.name) for kind, base, head in (next(plan) for _ in range(6))]
        self.assertEqual(
            kinds,
            [
                ("copy", "a", "a"),
                ("layout", "a", "b"),
                ("copy", "b", "b"),
                ("layout", "a", "c"),
                ("copy", "c", "c"),
                ("layout", "b", "a"),
            ],
        )
        alone = real.plan(Path("a"), [])
        self.assertEqual({next(alone)[0] for _ in range(4)}, {"copy"})

    def test_keeps_a_row_for_each_comparison_and_appends_to_those_before(self):
        given = self.given(self.program("same"), count=2)
        rows, said = self.measured(given)
        self.assertEqual([(row["kind"], row["base"], row["head"]) for row in rows], [("copy", "same", "same")] * 2)
        self.assertIn("comparison 2 of 2 (copy", said[1])
        given.real = 1
        self.assertEqual(len(self.measured(given)[0]), 3)

    def test_counts_a_slower_layout_as_an_alarm_and_a_faster_one_as_an_improvement(self):
        given = self.given(self.program("usual"), [self.program("slower", factor=1.5)], count=4, pairs=12)
        rows, _ = self.measured(given)
        layouts = [row for row in rows if row["kind"] == "layout"]
        self.assertEqual([(row["base"], row["head"]) for row in layouts], [("usual", "slower"), ("slower", "usual")])
        self.assertIn("regressed epoll/accepting", layouts[0]["which"])
        self.assertEqual((layouts[0]["improved"], layouts[1]["regressed"]), ("0", "0"))
        found = real.summary(rows)
        self.assertEqual((found["copy"]["alarms"]["hits"], found["copy"]["alarms"]["trials"]), (0, 2))
        self.assertEqual((found["layout"]["alarms"]["hits"], found["layout"]["alarms"]["trials"]), (1, 2))
        self.assertEqual(found["layout"]["false_improvements"]["hits"], 1)

    def test_the_report_separates_copies_from_layouts(self):
        share = {"share": 0.5, "hits": 1, "trials": 2, "ci_low": 0.1, "ci_high": 0.9}
        figures = {"alarms": share, "false_improvements": share, "unsure": share}
        text = "\n".join(self_test.real_lines({"copy": figures, "layout": figures}))
        self.assertIn("copy of itself", text)
        self.assertIn("layout only", text)
        self.assertIn("1 of 2", text)

    def test_refuses_a_file_of_something_else(self):
        path = self.folder / "comparisons.csv"
        with open(path, "w", newline="") as file:
            csv.writer(file).writerows([["a", "b"], [1, 2]])
        with self.assertRaisesRegex(Unusable, "not a file of comparisons"):
            real.read(path)
