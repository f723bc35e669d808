"""The page of scripts/report in Chromium, as a reader sees it.

The page is opened as a file, without network. The tests are skipped without Chromium or python3-selenium.
  CONNBENCH_SCREENSHOTS=DIR   also saves screenshots there, light and dark, 390 and 1440 pixels wide
"""

import os
import time
import unittest
from pathlib import Path
from urllib.parse import quote

from made_records import HOSTILE, Records
from report.in_browser import COLOURED, BrowserTest, Select  # first: it skips the tests without Chromium
from selenium.webdriver.common.keys import Keys

from connbench_tools.report import build


class ReaderTest(BrowserTest):
    def test_draws_each_chart(self):
        self.open()
        charts = self.js("return [...document.querySelectorAll('[data-chart]')].map((chart) => chart.dataset.chart)")
        self.assertEqual(len(charts), 16)
        for chart in charts:
            self.assertGreater(self.js(COLOURED, chart), 50, chart)

    def test_shows_hostile_labels_as_text(self):
        self.open()
        self.assertEqual(self.js("return document.querySelectorAll('img').length"), 0)
        self.assertNotEqual(self.browser.title, "1")
        names = self.js("return [...document.querySelectorAll('.chips label')].map((label) => label.textContent)")
        self.assertIn(HOSTILE, names)

    def test_sorts_the_table_up_and_down_with_empty_cells_last(self):
        self.open("load=all")
        button = self.find("#table th[data-key=rate] button")
        for order, reverse in (("descending", True), ("ascending", False)):
            self.press(button)
            values = self.column("rate")
            known = [float(value) for value in values if value is not None]
            self.assertEqual(known, sorted(known, reverse=reverse))
            self.assertEqual(values[len(known) :], [None] * (len(values) - len(known)))
            self.assertEqual(self.find("#table th[data-key=rate]").get_attribute("aria-sort"), order)
        self.assertIn("sort=rate", self.fragment())

    def test_shows_one_load_by_default_and_all_on_request(self):
        self.open()
        self.assertEqual(len(self.column("connector")), 3)
        Select(self.find("#load")).select_by_value("all")
        self.assertGreater(len(self.column("connector")), 20)
        self.assertIn("load=all", self.fragment())

    def test_filters_the_table_by_name(self):
        self.open()
        self.find("#filter").send_keys("EPOL")
        self.assertEqual(self.column("connector"), ["epoll"])
        self.assertIn("filter=EPOL", self.fragment())

    def test_switches_connectors_off_and_on_and_says_when_all_are_off(self):
        self.open()
        before = self.js(COLOURED, "latency")
        self.switch("epoll")
        self.until_drawn()
        self.assertLess(self.js(COLOURED, "latency"), before)
        self.assertIn("1 more switched off", self.find("[data-chart=latency] .legend").text)
        self.press(self.find("[data-all='0']"))
        self.until(
            lambda: self.find("[data-chart=latency] .empty").is_displayed(), "the empty chart has no explanation"
        )
        self.assertIn("switched off", self.find("[data-chart=latency] .empty").text)
        self.press(self.find("[data-all='1']"))
        self.until(lambda: self.js(COLOURED, "timeline") > 50, "not drawn again")

    def test_restores_its_state_from_the_fragment(self):
        self.open(
            f"on=epoll,{quote(HOSTILE, safe='')}&view.scaling=0&view.latency=1&load=all&filter=e&sort=cpu&theme=dark"
        )
        self.assertEqual(self.find("#chosen").text, "2 of 3 in charts")
        self.assertEqual(self.find("[data-section=latency] select").get_property("value"), "1")
        self.assertEqual(self.find("#filter").get_property("value"), "e")
        self.assertEqual(self.js("return document.documentElement.dataset.theme"), "dark")
        self.assertEqual(self.find("#table th[data-key=cpu]").get_attribute("aria-sort"), "ascending")

    def test_ignores_a_damaged_fragment(self):
        self.open("on=nobody,%E0%A4%A&view.latency=99&load=7777&sort=nothing&theme=pink&view.x=1&%&=")
        self.assertEqual(self.find("[data-section=latency] select").get_property("value"), "0")
        self.open("on=nobody,epoll,nothing")
        self.assertEqual(self.find("#chosen").text, "1 of 3 in charts")

    def test_shows_another_load_when_it_is_chosen(self):
        self.open()
        select = Select(self.find("[data-section=latency] select"))
        select.select_by_index(1)
        self.assertIn("view.latency=1", self.fragment())
        self.assertGreater(self.js(COLOURED, "latency"), 50)

    def test_shows_values_with_units_to_keyboard_users(self):
        self.open()
        plot = self.find("[data-chart=latency] .plot")
        plot.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.until(lambda: self.find("[data-chart=latency] .tip").is_displayed(), "no values shown")
        text = self.find("[data-chart=latency] .tip").text
        self.assertRegex(text, r"p\d+")
        self.assertRegex(text, r"epoll\s+[\d.]+ µs")
        plot.send_keys(Keys.ESCAPE)
        self.assertFalse(self.find("[data-chart=latency] .tip").is_displayed())

    def test_every_control_has_a_name_and_can_be_focused(self):
        self.open()
        nameless = self.js(
            """
            const named = (one) => one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length;
            const all = [...document.querySelectorAll("button, select, input, a")];
            return all.filter((one) => one.tabIndex < 0 || !named(one)).length"""
        )
        self.assertEqual(nameless, 0)

    def test_saves_the_data_of_a_chart_as_csv(self):
        self.open()
        rows = self.saved("[data-chart=latency] .csv", "latency.csv")
        self.assertEqual(rows[0][:3], ["connector", "percentile of the attempts [percentile]", "until connected [ns]"])
        self.assertEqual({row[0] for row in rows[1:]}, {"epoll", "blocking-threads", HOSTILE})

    def test_shows_the_outcomes_on_a_screen_of_1280_pixels(self):
        self.width(1280)
        self.open("load=all")
        box = "document.querySelector('#table').parentElement.getBoundingClientRect().right"
        for head in ("connector", "load", "failed"):
            right = f"document.querySelector('#table th[data-key={head}]').getBoundingClientRect().right"
            self.assertLessEqual(self.js(f"return {right} - {box}"), 0, head)

    def test_a_table_that_scrolls_says_so(self):
        self.width(400)
        self.open("load=all")
        self.js("for (const details of document.querySelectorAll('details')) details.open = true")
        said = """return [...document.querySelectorAll(".scroll")].map((box) =>
            [box.scrollWidth > box.clientWidth, box.previousElementSibling.checkVisibility()])"""
        self.until(lambda: all(wide == visible for wide, visible in self.js(said)), "a table that scrolls is silent")
        wide = [wide for wide, _ in self.js(said)]
        self.assertEqual(len(wide), 5, "comparison, searches, verdicts, ramps, facts")
        self.assertGreaterEqual(sum(wide), 4)
        self.width(6000)
        self.open("load=all")
        self.until(lambda: all(wide == visible for wide, visible in self.js(said)), "a table says that it scrolls")
        self.assertEqual(self.js(said)[0], [False, False])

    def count_texts(self):
        """Has the page keep what it writes into its charts."""
        written = """const write = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
              (window.written ??= []).push(text);
              const chart = this.canvas.closest("figure")?.dataset.chart;
              ((window.writtenIn ??= {})[chart] ??= []).push(text);
              return write.call(this, text, ...more);
            };"""
        early = self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": written})
        self.addCleanup(self.browser.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", early)

    def test_axes_have_titles_and_bars_have_ranges(self):
        self.count_texts()
        self.open("load=all")
        texts = set(self.js("return window.written"))
        for title in ("percentile of the attempts", "until connected", "share of all attempts", "past the deadline"):
            self.assertIn(title, texts)
        ranges = self.js("return document.querySelectorAll('#table td.n .bar .range').length")
        self.assertGreater(ranges, 0)

    def test_a_link_of_the_verdict_keeps_the_choices_of_the_reader(self):
        self.open("load=all")
        self.press(self.find("#verdict li a"))
        self.assertEqual(self.fragment(), "load=all")
        self.assertTrue(self.js("return document.activeElement.tagName") == "SECTION")

    def test_print_breaks_within_sections_but_not_within_charts(self):
        self.open()
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})
        style = "return getComputedStyle(document.querySelector(arguments[0])).breakInside"
        self.assertEqual(self.js(style, "section"), "auto")
        self.assertEqual(self.js(style, "figure"), "avoid")

    def test_charts_are_drawn_as_wide_as_paper_and_again_as_wide_as_the_screen(self):
        self.open()
        widths = """return Object.fromEntries([...document.querySelectorAll("figure")].map((figure) =>
            [figure.dataset.chart, figure.querySelector(".uplot")?.offsetWidth]))"""
        before = self.js(widths)
        self.assertGreater(before["timeline"], 1000)
        self.js("dispatchEvent(new Event('beforeprint'))")
        printed = self.js(widths)
        self.assertEqual((printed["timeline"], printed["latency"], printed["fleet-p99"]), (690, 335, 335))
        self.js("delete document.documentElement.dataset.drawn; dispatchEvent(new Event('afterprint'))")
        self.until_drawn()
        self.assertEqual(self.js(widths), before)

    def test_print_names_the_load_of_the_table_and_leaves_out_what_only_a_screen_can_use(self):
        self.open()
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})
        self.assertTrue(self.find("#load").is_displayed())
        self.assertFalse(self.find("#filter").is_displayed())

    def test_print_keeps_headings_with_their_charts_and_repeats_the_head_of_the_table(self):
        self.open()
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.setEmulatedMedia", {"media": ""})
        style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        for heading in ("#latency h2", "#latency .pick", "#latency [data-note]", "#latency h3"):
            self.assertEqual(self.js(style, heading, "breakAfter"), "avoid", heading)
        self.assertEqual(self.js(style, ".charts", "display"), "block")  # grids break between a heading and its chart
        self.assertEqual(self.js(style, "#table thead button", "display"), "contents")  # else Chromium repeats nothing

    def test_an_axis_has_at_least_two_labels_within_one_decade_without_its_unit(self):
        run = Records()
        for size in (16, 64):
            for connector, cpu, rate in (("epoll", 26_000, 26), ("pool", 54_000, 54)):
                run.wave(connector, concurrency=size, times=[9] * 4, cpu_ns=4 * cpu, connects_per_s=rate)
        (path,) = build.build([run.write(self.folder / "narrow")])
        self.count_texts()
        for width in (400, 1280):
            self.width(width)
            self.open(path=path)
            written = self.js("return window.writtenIn")
            self.assertGreaterEqual(len({text for text in written["scaling-cpu"] if text.endswith(" µs")}), 2, width)
            self.assertGreaterEqual(len({text for text in written["scaling-rate"] if text.isdigit()} - {"16", "64"}), 2)
            self.assertFalse([text for text in written["scaling-rate"] if text.endswith("/s")])

    def test_flags_and_figures_are_not_broken_at_the_end_of_a_line(self):
        self.open(path=build.build([Records(complete=False).write(self.folder / "killed-again")])[0])
        whole = self.js(
            """return [...document.querySelectorAll(".whole")].filter((one) => one.getClientRects().length)
            .map((one) => [one.textContent, getComputedStyle(one).whiteSpace])"""
        )
        self.assertIn(["--arrival", "nowrap"], whole)

    def test_fits_the_width_of_a_phone(self):
        self.width(390)
        self.open()
        self.assertEqual(self.js("return document.documentElement.scrollWidth"), 390)
        self.assertGreater(self.js(COLOURED, "fleet-p99"), 50)

    def test_has_two_themes_and_prints_in_light(self):
        self.open("theme=dark")
        dark = self.js("return getComputedStyle(document.body).backgroundColor")
        self.js("dispatchEvent(new Event('beforeprint'))")
        self.assertNotEqual(self.js("return getComputedStyle(document.body).backgroundColor"), dark)
        self.js("dispatchEvent(new Event('afterprint'))")
        self.assertEqual(self.js("return getComputedStyle(document.body).backgroundColor"), dark)

    def test_explains_every_empty_chart(self):
        (path,) = build.build([Records(complete=False).write(self.folder / "killed")])
        self.open(path=path)
        self.assertEqual(self.js("return document.querySelectorAll('[data-chart]').length"), 0)
        self.assertEqual(self.js("return document.querySelectorAll('.whynot').length"), 8)
        self.assertIn("incomplete", self.find(".notice").text)

    @unittest.skipUnless(os.environ.get("CONNBENCH_SCREENSHOTS"), "pictures only with CONNBENCH_SCREENSHOTS=DIR")
    def test_takes_screenshots(self):
        folder = Path(os.environ["CONNBENCH_SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        for theme in ("light", "dark"):
            for width in (390, 1440):
                self.width(width)
                self.open(f"theme={theme}")
                self.width(width, self.js("return document.documentElement.scrollHeight"))
                time.sleep(0.3)  # for the picture; no test depends on it
                self.browser.save_screenshot(str(folder / f"{theme}-{width}.png"))
