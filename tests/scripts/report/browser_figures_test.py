"""Each figure that the page shows, draws and saves is that of its own column, chart, load and connector.

The expected values come from the sections that scripts/report puts into the page, whose own wiring the tests in
tests/scripts/wiring check; the page's code is what is tested here.
"""

import json
import re

from made_records import Records, everything
from report.in_browser import BrowserTest, Select  # first: it skips the tests without Chromium
from selenium.webdriver.common.keys import Keys

from connbench_tools.records.folders import runs_in
from connbench_tools.report import build, sections
from connbench_tools.report.charts import Material
from connbench_tools.report.comparison import lines_of
from connbench_tools.report.figures import points_of
from connbench_tools.report.table import COLUMNS
from connbench_tools.units import significant
from wiring import known

NAMES = ("epoll", "pool", "ring")
SIZES = (1, 16, 64)
UNITS = {"cpu": "ns", "memory": "KiB"} | dict.fromkeys(
    ("p50", "p99", "queue", "late", "late99", "reaped", "reaped99", "added"), "ns"
)
MEASURED = (
    "connects_per_s cpu_ns rss_peak_kib threads_peak p50_ns p99_ns syscalls in_flight_mean queue_p99_ns "
    "overshoot_p50_ns overshoot_p99_ns reaped_overshoot_p50_ns reaped_overshoot_p99_ns "
    "added_p50_ns voluntary_switches involuntary_switches".split()
)

# The mean height of the pixels of a colour in a chart: 0 at the top, 1 at the bottom; null when there are none.
HEIGHT_OF = """
const canvas = document.querySelector(`[data-chart="${arguments[0]}"] canvas`);
const wanted = [1, 3, 5].map((at) => parseInt(arguments[1].slice(at, at + 2), 16));
const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
copy.drawImage(canvas, 0, 0);
const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
let count = 0, sum = 0, first = null;
for (let i = 0; i < data.length; i += 4)
  if (data[i + 3] > 200 && wanted.every((part, k) => Math.abs(data[i + k] - part) < 12)) {
    count++;
    first ??= Math.floor(i / 4 / canvas.width);
    sum += Math.floor(i / 4 / canvas.width);
  }
return count > 20 ? sum / count / canvas.height : null;
"""


def distinct():
    """Three connectors under all kinds of load; in closed loop, no two cells are alike. The first is always best."""
    run = everything(NAMES)
    run.wave("pool", 4, times=[1000 * i for i in range(1, 20)])  # its curves have other ranks
    run.wave("epoll", target="refusing", times=[1000, 2000, 3000, 5000, 7000, 9000])  # one repetition: another note
    run.wave("null", target="refusing", times=[1])  # is off when the page opens
    for row in run.rows:
        if row["scenario"] == "burst" and row["connector"] in NAMES:
            place = SIZES.index(row["concurrency"]) + 3 * NAMES.index(row["connector"])
            row |= {column: known.cell(column, row["repetition"], place) for column in MEASURED}
            row["connects_per_s"] = (6 - row["repetition"]) * 1000 / (1 + place)
    return run


class FiguresTest(BrowserTest):
    records = staticmethod(distinct)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        runs = runs_in([cls.folder / "run"])
        cls.material = Material(runs, lines_of(runs), sections.colour_order(runs), 800)
        cls.sections = sections.all_sections(cls.material)

    def rows_of(self, chart, view):
        """What the CSV of a chart must contain."""
        rows = []
        for curve in view["data"].get(chart["of"], []):
            xs, ys = points_of(curve, chart["form"])
            marks = dict(curve.get("marks", []))
            for i, (x, y) in enumerate(zip(xs, ys)):
                x = 100 * (1 - 1 / x) if chart["form"] == "percentiles" else x
                low, high = ((curve[key][i] if key in curve else None) for key in ("low", "high"))
                rows.append((self.material.connectors[curve["c"]], x, y, low, high, marks.get(i, "")))
        return rows

    def test_every_chart_saves_the_data_of_its_own_view(self):
        self.open()
        checked = 0
        for section in (section for section in self.sections if section["views"]):
            select = Select(self.find(f"[data-section={section['id']}] select"))
            self.assertEqual([one.text for one in select.options], [view["label"] for view in section["views"]])
            for number, view in enumerate(section["views"]):
                select.select_by_index(number)
                self.assertEqual(self.find(f"[data-section={section['id']}] [data-note]").text, view["note"])
                for chart in section["charts"]:
                    on = {row[0] for row in self.rows_of(chart, view)} & set(NAMES)
                    drawn = self.find(f"[data-chart={chart['id']}]").get_attribute("data-drawn")
                    self.assertEqual(int(drawn), len(on), chart["id"])
                    head, *rows = self.saved_in_memory(f"[data-chart={chart['id']}] .csv")
                    x, y = (f"{chart[axis]['label']} [{chart[axis]['unit']}]" for axis in "xy")
                    self.assertEqual(head, ["connector", x, y, "lowest", "highest", "mark"])
                    found = [(r[0], *(float(cell) if cell else None for cell in r[1:5]), r[5]) for r in rows]
                    wanted = self.rows_of(chart, view)
                    self.assertEqual(len(found), len(wanted), chart["id"])
                    for one, other in zip(found, wanted):
                        self.assertEqual((one[0], one[5]), (other[0], other[5]))
                        for value, right in zip(one[1:5], other[1:5]):
                            self.assertAlmostEqual(
                                value or 0, right or 0, delta=abs(right or 0) * 1e-9, msg=chart["id"]
                            )
                    checked += len(wanted) > 0
        self.assertGreater(checked, 16)

    def test_the_table_saves_the_figure_of_each_column_with_its_unit(self):
        self.open("load=all")
        head, *rows = self.saved_in_memory("#table-csv")
        heads = {
            column.head + (f" [{UNITS[column.identity]}]" if column.identity in UNITS else ""): column
            for column in COLUMNS
        }
        self.assertEqual(
            [name for name in head if name not in heads], ["connector", "load", "outcome of every attempt"]
        )
        self.assertLessEqual(heads.keys(), set(head), "a column has no value, and is not tested")
        self.assertEqual(len(rows), len(self.material.lines))
        for row, line in zip(rows, self.material.lines):
            cells = dict(zip(head, row))
            self.assertEqual(cells["connector"].split()[0], line.connector)
            self.assertEqual(cells["load"], self.material.label(line.load))
            self.assertTrue(cells["outcome of every attempt"].startswith(line.outcome_text()))
            for name in set(head) & heads.keys():
                value = heads[name].value(line)
                self.assertEqual(cells[name], "" if value is None else f"{value:g}", name)

    def test_every_column_sorts_the_rows_by_its_own_values(self):
        self.open("load=all")
        keys = self.js(
            "return [...document.querySelectorAll('#table thead th:not([hidden])')].map((h) => h.dataset.key)"
        )
        for key in keys:
            orders = []
            for _ in range(2):
                self.press(self.find(f"#table th[data-key={key}] button"))
                known_ = [value for value in self.column(key) if value is not None]
                values = known_ if key == "connector" else [float(value) for value in known_]
                orders.append(values == sorted(values))
                self.assertIn(values, (sorted(values), sorted(values, reverse=True)), key)
            if len(set(values)) > 1:
                self.assertEqual(orders, [key in ("connector", "load"), key not in ("connector", "load")], key)

    def test_counts_rows_and_shows_only_columns_that_have_values(self):
        self.open()
        every = len(self.material.lines)
        self.assertEqual(self.find("#rows").text, f"{len(NAMES)} of {every} rows")
        shown = "return [...document.querySelectorAll('#table thead th:not([hidden])')].map((h) => h.dataset.key)"
        for number, lines in reversed(list(enumerate(self.material.by_load().values()))):
            Select(self.find("#load")).select_by_value(str(number))
            wanted = [column.identity for column in COLUMNS if any(column.value(line) is not None for line in lines)]
            self.assertEqual(self.js(shown), ["connector", "failed", *wanted])
        self.find("#filter").send_keys("ring")
        self.assertEqual(self.find("#rows").text, f"1 of {every} rows")
        self.assertEqual(self.column("connector"), ["ring"])
        self.assertEqual([row[0] for row in self.saved_in_memory("#table-csv")], ["connector", "ring"])

    def tip(self, chart, *keys):
        plot = self.find(f"[data-chart={chart}] .plot")
        plot.send_keys(*keys)
        self.until(lambda: self.find(f"[data-chart={chart}] .tip").is_displayed(), "no values shown")
        return self.find(f"[data-chart={chart}] .tip").text

    def test_the_values_below_the_pointer_are_those_of_each_curve_there(self):
        self.open()
        (section,) = [one for one in self.sections if one["id"] == "scaling"]
        for chart, text in (
            ("scaling-rate", lambda y: f"{significant(y)} /s"),
            ("scaling-threads", lambda y: f"{y:,.0f}"),
        ):
            for key, place in ((Keys.HOME, 0), (Keys.END, -1)):
                said = self.tip(chart, key)
                curves = sorted(section["views"][0]["data"][chart], key=lambda curve: -curve["y"][place])
                self.assertTrue(
                    said.startswith(f"most attempts in flight (--concurrency): {curves[0]['x'][place]}\n"), said
                )
                wanted = [
                    (
                        self.material.connectors[curve["c"]],
                        text(curve["y"][place]),
                        f"{text(curve['low'][place])} to {text(curve['high'][place])}",
                    )
                    for curve in curves
                ]
                words = said.split("\n")[1:]
                self.assertEqual(" ".join(words).split(), " ".join(" ".join(row) for row in wanted).split(), chart)

    def test_a_moment_is_shown_in_seconds(self):
        self.open()
        (section,) = [one for one in self.sections if one["id"] == "timeline"]
        last = max(x for curve in section["views"][0]["data"]["timeline"] for x in curve["x"])
        said = self.tip("timeline", Keys.END).split("\n")[0]
        self.assertEqual(said, f"since the wave began: {significant(last / 1e9, 4)} s")

    def test_a_legend_counts_only_switched_off_curves_that_the_chart_could_show(self):
        """One attempt of null, which is off, is too few for a percentile."""
        self.open()
        (section,) = [one for one in self.sections if one["id"] == "latency"]
        (number,) = [n for n, view in enumerate(section["views"]) if view["label"].startswith("refusing")]
        Select(self.find("[data-section=latency] select")).select_by_index(number)
        legends = [self.find(f"[data-chart={chart}] .legend").text.split() for chart in ("latency", "ecdf")]
        self.assertEqual(legends, [["epoll"], ["epoll", "1", "more", "switched", "off"]])

    def test_each_connector_is_drawn_and_named_in_its_own_colour(self):
        colours = dict(zip(NAMES, sections.PALETTE["light"]))
        for on in NAMES:
            self.open(f"on={on}&theme=light")
            for name, colour in colours.items():
                height = self.js(HEIGHT_OF, "scaling-rate", colour)
                self.assertEqual(height is not None, name == on, f"{name} with only {on} on")
            stroke = "return document.querySelector(arguments[0]).getAttribute('stroke')"
            self.assertEqual(self.js(stroke, "[data-chart=scaling-rate] .legend line"), colours[on])
        for number, name in enumerate(NAMES):
            self.assertEqual(self.js(stroke, f".chips label:nth-child({number + 1}) line"), colours[name])
            rows = self.js(
                "return [...document.querySelectorAll('#table tbody tr')].map((r) => [r.cells[0].dataset.v, "
                "r.querySelector('line').getAttribute('stroke')])"
            )
        self.assertEqual({name: colour for name, colour in rows if name != "null"}, colours)

    def test_a_larger_value_is_drawn_higher(self):
        self.open("theme=light")
        for chart, order in (("scaling-rate", NAMES), ("fleet-p99", NAMES[::-1]), ("overshoot", NAMES[::-1])):
            heights = [self.js(HEIGHT_OF, chart, sections.PALETTE["light"][NAMES.index(name)]) for name in order]
            self.assertEqual(heights, sorted(heights), chart)

    def test_buttons_and_switches_choose_the_connectors_they_name(self):
        self.open()
        for button, names in (("0", ()), ("1", (*NAMES, "null")), ("first", NAMES)):
            self.press(self.find(f"[data-all='{button}']"))
            self.until_drawn()
            self.assertEqual(self.find("#chosen").text, f"{len(names)} of {len(NAMES) + 1} in charts")
        self.press(self.find("[data-all='0']"))
        self.switch("pool")
        self.until_drawn()
        self.assertEqual(self.fragment(), "on=pool")
        self.assertEqual(self.find("[data-chart=ecdf] .legend").text.split(), ["pool", "2", "more", "switched", "off"])

    def test_the_address_keeps_every_choice_and_nothing_else(self):
        fragment = "on=epoll,ring&view.latency=1&load=2&filter=e&sort=-cpu&theme=dark"
        self.open(fragment)
        self.press(self.find("#theme"))  # auto is not written
        self.assertEqual(self.fragment(), fragment.replace("&theme=dark", ""))
        self.press(self.find("#theme"))
        self.assertEqual(self.js("return document.documentElement.dataset.theme"), "light")
        self.assertEqual(self.find("#theme").text, "Light")
        self.press(self.find("#theme"))
        self.assertEqual(self.find("#theme").text, "Dark")
        self.assertEqual(self.fragment(), fragment)

    def test_another_address_brings_back_every_choice_that_it_does_not_name(self):
        self.open("on=ring&view.latency=1&load=2&filter=e&sort=-cpu&theme=dark")
        self.js("location.hash = 'load=all'")
        self.until(lambda: self.find("#load").get_property("value") == "all", "the page ignores its address")
        self.assertEqual(self.find("#chosen").text, f"{len(NAMES)} of {len(NAMES) + 1} in charts")
        self.assertEqual(self.find("[data-section=latency] select").get_property("value"), "0")
        self.assertEqual(self.find("#filter").get_property("value"), "")
        self.assertEqual(self.find("#table th[data-key=cpu]").get_attribute("aria-sort"), "none")
        self.assertEqual(self.find("#theme").text, "Auto")
        self.until_drawn()

    def test_units_of_the_page_are_those_of_the_scripts(self):
        """The same figure as text in Python and in the page, for the columns that both format."""
        self.open("load=all")
        data = json.loads(self.js("return document.getElementById('data').textContent"))
        self.assertEqual(data["connectors"], [*NAMES, "null"])
        said = self.tip("scaling-memory", Keys.HOME)
        (section,) = [one for one in self.sections if one["id"] == "scaling"]
        (memory,) = [column for column in COLUMNS if column.identity == "memory"]
        for curve in section["views"][0]["data"]["scaling-memory"]:
            self.assertRegex(said, re.escape(memory.text(curve["y"][0])))

    def test_the_range_over_the_repetitions_is_drawn_up_to_the_highest(self):
        """On this scale, the median at the left is a quarter of the height below the top, the highest a tenth."""
        self.open("on=epoll&theme=light")
        top = self.js(HEIGHT_OF.replace("sum / count", "first"), "scaling-rate", sections.PALETTE["light"][0])
        self.assertLess(top, 0.16)

    def test_connectors_beyond_the_colours_have_dashes(self):
        run = Records()
        for number in range(9):
            run.wave(f"c{number}", times=[1000 + 100 * number + i for i in range(20)])
        (path,) = build.build([run.write(self.folder / "many")])
        self.open(path=path)
        dashes = self.js(
            "return [...document.querySelectorAll('.chips line')].map((l) => l.getAttribute('stroke-dasharray'))"
        )
        second = " ".join(map(str, sections.PALETTE["dashes"][1]))
        self.assertEqual(dashes, [None] * 7 + [second] * 2)

    def test_a_link_shows_connectors_that_are_off_at_first(self):
        run = Records().wave("epoll", times=range(1000, 1020)).wave("null", 2, times=range(1000, 1020))
        (path,) = build.build([run.write(self.folder / "null")])
        shown = "return [...document.querySelectorAll('.chips label:has(:checked)')].map((one) => one.textContent)"
        for link, names in (("", ["epoll"]), ("on=null", ["null"])):
            self.open(link, path)
            self.assertEqual(self.js(shown), names)
