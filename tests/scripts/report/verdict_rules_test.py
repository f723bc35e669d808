"""What the report may claim, and what not: records made so that a careless sentence would be wrong."""

import re

from made_records import Records, searched
from report.made_report import ReportTest  # first: it skips the tests without numpy

from connbench_tools.report import verdict

TIMEOUT = 10**8


class VerdictRulesTest(ReportTest):
    def late(self, run, connector, overshoots, repetitions=5):
        """Waves whose attempts end that long after their deadline."""
        middle = sorted(overshoots)[(len(overshoots) - 1) // 2]
        for repetition in range(1, repetitions + 1):
            times = [TIMEOUT + overshoot + repetition for overshoot in overshoots]
            figures = {"outcome": "deadline_exceeded", "timeout_ns": TIMEOUT, "overshoot_p50_ns": middle + repetition}
            run.wave(connector, repetition, "blackhole", times=times, **figures)
        return run

    def answers(self, run):
        return [one.answer for one in verdict.answers(verdict.sentences(self.material(run), run.verdicts))]

    def test_a_connector_that_gives_up_early_is_not_called_punctual(self):
        run = self.late(Records(), "epoll", [30_000] * 50)
        self.late(run, "poll", [60_000] * 50)
        self.late(run, "libuv", [-900_000] * 24 + [10_100] * 26)
        (text,) = self.said(run)["Timeouts"]
        self.assertIn("least late epoll (30.0 µs), latest poll (60.0 µs)", text)
        self.assertIn("before the deadline: libuv (48 % of its timeouts, by up to 900 µs)", text)
        for answer in self.answers(run):
            self.assertNotIn("libuv", answer)

    def test_one_early_attempt_is_enough(self):
        run = self.late(Records(), "epoll", [30_000] * 999 + [-5_000], repetitions=2)
        (text,) = self.said(run)["Timeouts"]
        self.assertIn("before the deadline: epoll (0.1 % of its timeouts, by up to 5.00 µs).", text)
        self.assertNotIn("least late", text)

    def test_the_share_of_early_ones_is_that_of_the_timeouts(self):
        run, times = Records(), [TIMEOUT - 5_000] * 15 + [TIMEOUT + 20_000] * 45
        for repetition in range(1, 6):
            late = {"outcome": "deadline_exceeded", "timeout_ns": TIMEOUT, "overshoot_p50_ns": 20_000}
            run.wave("epoll", repetition, "blackhole", times=times, failed=40, **late)
        (text,) = self.said(run)["Timeouts"]
        self.assertIn("before the deadline: epoll (25 % of its timeouts, by up to 5.00 µs)", text)

    def test_noise_is_no_order(self):
        run = Records()
        values = {"epoll": (10, 14, 11, 13, 12), "poll": (12, 11, 15, 10, 13), "select": (13, 12, 10, 14, 11)}
        for connector, drawn in values.items():
            for repetition, value in enumerate(drawn, 1):
                own = {"connects_per_s": 1000 * value, "cpu_ns": 1000 * value}
                run.wave(connector, repetition, concurrency=64, times=[9], **own)
                late = {"outcome": "deadline_exceeded", "timeout_ns": 9, "overshoot_p50_ns": 1000 * value}
                run.wave(connector, repetition, "blackhole", times=[9 + 1000 * value], **late)
                added = {"scenario": "steady:uniform:1000/s", "concurrency": 64, "connects_per_s": 995}
                run.wave(connector, repetition, "delayed:20ms", times=[9], added_p50_ns=1000 * value, **added)
        said = self.said(run)
        self.assertIn("none is clearly fastest", said["Rate"][0])
        for topic in ("CPU", "Timeouts", "Added"):
            self.assertIn("but none can be told apart from", said[topic][0])
            self.assertNotRegex(said[topic][0], r": (least|latest) |, (most|latest) ")
        self.assertEqual(self.answers(run), [])

    def fleet(self, run, connector, base, level, repetitions=5):
        """p99 of a healthy host without dead hosts, and with half of them dead."""
        for dead, p99 in ((0, base), (50, level)):
            mix = f"fleet:accepting={100 - dead}" + (f",blackhole={dead}" if dead else ",blackhole=0")
            for repetition in range(1, repetitions + 1):
                own = {"p50_ns": 7, "p99_ns": p99 + repetition}
                run.wave(connector, repetition, scenario=mix, concurrency=9, times=[10], **own)
                run.wave(connector, repetition, "blackhole", mix, 9, times=[1], outcome="deadline_exceeded")
        run.samples = []
        return run

    def test_fleets_are_ranked_by_the_level_and_not_by_a_ratio(self):
        run = self.fleet(Records(), "slow-without-dead-hosts", 8_000_000, 9_000_000)
        self.fleet(run, "epoll", 100_000, 400_000)
        (text,) = self.said(run)["Healthy hosts"]
        self.assertIn("With 50 % dead hosts, p99 of accepting: lowest epoll (400 µs), highest slow-without", text)
        self.assertIn("with 0 %: epoll 100 µs, slow-without-dead-hosts 8.00 ms", text)
        answer = "If hosts may be dead (p99 of accepting with 50 % of them): epoll (400 µs)."
        self.assertIn(answer, self.answers(run)[0])

    def test_what_the_wave_limit_cut_off_is_called_that(self):
        run = Records()
        run.wave("epoll", times=[9] * 9).wave("blocking", times=[9] * 9)
        run.rows[1] |= {"attempts": 20, "cancelled": 8, "never_started": 3}
        said = self.said(run)["Outcomes"]
        place = "accepting (IPv4), 1 in flight, timeout 1 s: unlike most attempts, these"
        self.assertIn(f"{place} were cut off by the wave limit: blocking (8 of 20).", said)
        self.assertIn(f"{place} had not begun when the wave limit ended the wave: blocking (3 of 20).", said)
        self.assertTrue("9 connected, 3 never_started (wave limit), 8 cancelled (wave limit)" in self.page(run))

    def test_loads_that_differ_only_in_concurrency_are_named_apart(self):
        run = Records()
        for size in (16, 64):
            late = {"concurrency": size, "timeout_ns": 10**8, "outcome": "deadline_exceeded", "overshoot_p50_ns": 9}
            run.wave("epoll", target="blackhole", times=[10**8 + 9] * 9, **late)
        places = [text.partition(", given up")[0] for text in self.said(run)["Timeouts"]]
        self.assertEqual(places, [f"blackhole (IPv4), {size} in flight, timeout 100 ms" for size in (16, 64)])

    def test_denominators_belong_to_one_load(self):
        run = Records()
        for concurrency, failed in ((1, 2), (64, 0)):
            run.wave("epoll", concurrency=concurrency, times=[9] * 50)
            run.wave("poll", concurrency=concurrency, times=[9] * (50 - failed), failed=failed)
        (text,) = self.said(run)["Outcomes"]
        self.assertIn("1 in flight, timeout 1 s: unlike most attempts, these ended as refused: poll (2 of 50).", text)

    def test_unlike_most_never_lists_everyone(self):
        run = Records().wave("epoll", times=[9] * 7, failed=2).wave("poll", times=[9] * 8, failed=1)
        (text,) = self.said(run)["Outcomes"]
        self.assertIn(": with every connector, some attempts ended as refused: epoll (2 of 9) and poll (1 of 9).", text)
        self.assertNotIn("unlike", text)

    def test_one_connector_is_compared_with_nothing(self):
        run = self.late(Records(), "epoll", [30_000] * 50)
        for repetition in range(1, 6):
            own = {"connects_per_s": 1000 + repetition, "cpu_ns": 90}
            run.wave("epoll", repetition, concurrency=64, times=[9] * 8, failed=1, **own)
        said = self.said(run)
        self.assertIn("no other connector was measured", said["Rate"][0])
        self.assertIn("epoll, 30.0 µs; no other connector was measured", said["Timeouts"][0])
        self.assertIn("timeout 1 s: some attempts ended as refused: epoll (5 of 45).", said["Outcomes"][0])
        self.assertEqual(self.answers(run), [])

    def thirty(self):
        run = Records()
        for place in range(30):
            for repetition in range(1, 9):
                own = {"connects_per_s": 50_000 - 1000 * place - repetition, "cpu_ns": 1000 * (place // 3 + 1)}
                run.wave(f"way-{place:02}", repetition, concurrency=64, times=[9], **own)
        return run

    def test_thirty_connectors_make_short_sentences(self):
        run = self.thirty()
        said = self.said(run)
        self.assertIn("way-00 makes 50,000 connections per second", said["Rate"][0])
        self.assertIn("least way-00, way-01 and way-02 (1.00 µs each, not distinguishable)", said["CPU"][0])
        self.assertLess(max(len(text) for texts in said.values() for text in texts), 400)
        self.assertEqual(len(self.answers(run)), 2)

    def test_a_third_digit_is_shown_only_where_the_repetitions_agree_so_far(self):
        run = Records()
        for name, rates in (("steady", (1234, 1236, 1238)), ("noisy", (1034, 1235, 1438))):
            for repetition, rate in enumerate(rates, 1):
                run.wave(name, repetition, concurrency=64, times=[9], connects_per_s=rate, cpu_ns=rate)
        said = self.said(run)
        self.assertIn("steady makes 1,240 connections per second, noisy 1,200.", said["Rate"][0])
        self.assertIn("medians from 1.2 µs (noisy) to 1.24 µs (steady)", said["CPU"][0])
        cells = re.findall(r"<td class=n data-v=123[56]>([^<]*)<", self.page(run))
        self.assertTrue("<small>1,000–1,400</small>" in self.page(run), "the range is more precise than its median")
        self.assertCountEqual(cells, ["1,240", "1.24 µs", "1,200", "1.2 µs"])

    def test_so_it_is_for_every_figure_of_the_table_that_is_measured_again_and_again(self):
        run = Records()
        for name, flights in (("steady", (31.24, 31.27, 31.3)), ("noisy", (31.24, 36.14, 40.1))):
            for repetition, flight in enumerate(flights, 1):
                own = {"in_flight_mean": flight, "p50_ns": 1000 * flight, "queue_p99_ns": 1000 * flight}
                run.wave(name, repetition, times=[9], **own)
        cells = re.findall(r"<td class=n data-v=(?:31.27|31270|36.14|36140)>([^<]*)<", self.page(run))
        self.assertCountEqual(cells, ["31.3", "31.3 µs", "31.3 µs", "36", "36 µs", "36 µs"])

    def test_a_search_names_who_is_too_close_to_the_best(self):
        found = [("epoll", 5910, 6170), ("poll", 5800, 6000), ("select", 3000, 3200), ("pool", 1830, 1910)]
        run = Records(rates=[searched(*one) for one in found])
        (text,) = self.said(run)["Highest rate"]
        self.assertIn("pool up to 1,830/s, the lowest; too close to epoll for the search to distinguish: poll.", text)
        (answer,) = self.answers(run)
        self.assertTrue(answer.endswith("timeout 1 s): epoll and poll, up to 5,800/s or more."), answer)
        self.assertEqual(self.answers(Records(rates=[searched(*one) for one in found[:2]])), [])

    def test_no_advice_leaves_more_than_half_of_the_connectors(self):
        run = Records()
        for place, rate in enumerate((100, 101, 102, 40)):
            for repetition in range(1, 9):
                own = {"connects_per_s": rate + 9 * ((repetition * (place + 1)) % 5)}
                run.wave(f"way-{place}", repetition, concurrency=64, times=[9], **own)
        self.assertEqual(self.answers(run), [])

    def test_the_page_begins_with_at_most_five_answers_each_linked_to_its_figures(self):
        page = self.page(self.thirty())
        begin = page.index("Which should I use?")
        self.assertLess(begin, page.index("<h2>Verdict</h2>"))
        items = re.findall(r"<li>(.*?)</li>", page[begin : page.index("<h2>Verdict</h2>")])
        self.assertTrue(0 < len(items) <= verdict.MOST_ANSWERS)
        for item in items:
            (link,) = re.findall(r'<a href="#([a-z]+)">figures</a>', item)
            self.assertTrue(f'<section id="{link}"' in page, link)

    def test_a_page_that_decides_nothing_says_so(self):
        run = Records().wave("epoll", concurrency=64, times=[9], connects_per_s=5)
        run.wave("poll", concurrency=64, times=[9], connects_per_s=4)
        page = self.page(run)
        self.assertTrue("This run does not say: no connector is ahead" in page, "the page does not say it")

    def test_every_link_of_the_verdict_leads_to_a_section(self):
        page = self.page(self.thirty())
        for link in re.findall(r'<li><b><a href="#([a-z]+)"', page):
            self.assertTrue(f'<section id="{link}"' in page, link)
