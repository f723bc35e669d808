"""The scales and ticks that the page's charts get, from the functions that make them."""

import json

from report.in_browser import BrowserTest

from connbench_tools import ROOT

WEB = ROOT / "scripts/connbench_tools/report/web"


class ScalesTest(BrowserTest):
    def value_of(self, expression):
        script = "".join((WEB / name).read_text() for name in ("format.js", "draw.js", "chart.js"))
        return self.js(f"{script}\nreturn {expression};")

    def drawn(self, function, *arguments):
        return self.value_of(f"{function}(...{json.dumps(arguments)})")

    def range_of(self, axis, least, most):
        return self.drawn("scaleOf", axis, [least, most])["range"]

    def assert_range(self, axis, values, wanted):
        for found, end in zip(self.range_of(axis, *values), wanted, strict=True):
            self.assertAlmostEqual(found, end, msg=f"{axis} {values}")

    def test_a_linear_scale_begins_at_zero_and_has_room_above(self):
        self.assert_range({"unit": "count"}, (3, 10), (0, 10.5))
        self.assert_range({"unit": "count"}, (-5, 10), (-5.75, 10.75))
        self.assert_range({"unit": "count"}, (0, 0), (0, 1))

    def test_a_logarithmic_scale_has_room_on_both_sides(self):
        self.assert_range({"unit": "ns", "log": True}, (1000, 100_000), (800, 125_000))
        self.assert_range({"unit": "count", "log": True}, (0, 1), (0.8, 3.2))
        self.assert_range({"unit": "percentile"}, (1, 1000), (1, 1200))

    def test_shares_end_at_one_unless_a_value_is_higher(self):
        self.assert_range({"unit": "share"}, (0.1, 0.4), (0, 1))
        self.assert_range({"unit": "share", "upTo": 0.5}, (0.1, 0.4), (0, 0.5))
        self.assert_range({"unit": "share"}, (0.1, 1.5), (0, 1.5))

    def test_early_timeouts_are_on_a_scale_around_zero_that_holds_them_all(self):
        axis = {"unit": "ns", "log": True}
        self.assert_range(axis, (-100_000, 200_000), (-130_000, 260_000))
        self.assert_range(axis, (-100_000, -50_000), (-130_000, 10_000))
        scale = self.drawn("scaleOf", axis, [-1e6, 1e7])
        self.assertEqual(self.drawn("aroundZero", scale, 400), [-1e6, -1e5, -1e4, 0, 1e4, 1e5, 1e6, 1e7])
        self.assertEqual(self.drawn("aroundZero", scale, 60)[0], -1e6)
        self.assertLess(len(self.drawn("aroundZero", scale, 60)), 8)

    def test_percentiles_have_their_names_up_to_the_end_of_the_scale(self):
        self.assertEqual(
            self.drawn("splits", {"unit": "percentile"}, {"range": [1, 1000]}, 400, 46), [1, 2, 10, 100, 1000]
        )
        names = [self.drawn("withUnit", x, "percentile") for x in (1000, 100_000)]
        self.assertEqual(names, ["p99.9", "p99.999"])

    def test_memory_above_2_mib_has_ticks_at_whole_mib(self):
        axis, scale = {"unit": "KiB", "log": True}, {"distr": 3, "range": [1000, 200_000]}
        self.assertEqual([x / 1024 for x in self.drawn("splits", axis, scale, 150, 46)], [1, 10, 100])

    def test_a_range_without_an_end_has_no_say_in_the_scale(self):
        curves = [{"y": [5, 9], "low": [4, None], "high": [None, 12]}]
        self.assertEqual(self.drawn("extent", curves, "y", "low", "high"), [4, 12])

    def test_each_curve_shows_the_range_of_its_own_nearest_point(self):
        curves = [
            {"name": "a", "style": {}, "points": {"x": [1, 3], "low": [10, 30], "high": [11, 31]}},
            {"name": "b", "style": {}, "points": {"x": [2], "low": [20], "high": [21]}},
        ]
        spec = {"form": "curve", "x": {"label": "x", "unit": "count"}, "y": {"unit": "count"}}
        pointed = {"cursor": {"left": 1, "top": 1, "idx": 1, "idxs": [1, 0, 1]}}
        pointed["data"] = [[1, 2, 3], [10.5, None, 30.5], [None, 20.5, None]]
        said = self.value_of(
            f"""(() => {{
                const chart = Object.create(Chart.prototype), tip = document.createElement("div");
                Object.assign(chart, {{ curves: {json.dumps(curves)}, spec: {json.dumps(spec)}, tip }});
                window.swatch = () => "";
                chart.showTip({{ ...{json.dumps(pointed)}, over: document.body }});
                return [...tip.querySelectorAll("small")].map((one) => one.textContent);
            }})()"""
        )
        self.assertEqual(said, ["20 to 21", "10 to 11"])

    def nearest(self, values, index):
        """Which point of a curve is shown at a place where it may have none. Its x values are 0, 1, 2, 40."""
        chart = f"{{ data: [[0, 1, 2, 40], {json.dumps(values)}], valToPos: (x) => x }}"
        return self.value_of(f"nearest({chart}, 1, {index})")

    def test_the_nearest_point_of_a_curve_is_shown_unless_the_curve_has_ended_long_before(self):
        self.assertEqual(self.nearest([7, 7, 7, 7], 1), 1)
        self.assertEqual(self.nearest([7, None, None, 7], 2), 0)
        self.assertEqual(self.nearest([7, None, 7, 7], 1), 0)
        self.assertEqual(self.nearest([None, None, 7, 7], 1), 2)
        self.assertEqual(self.nearest([None, 7, None, None], 2), 1)
        self.assertIsNone(self.nearest([7, None, None, None], 3))
        self.assertIsNone(self.nearest([None, None, None, 7], 0))
        self.assertIsNone(self.nearest([None, None, None, None], 1))
