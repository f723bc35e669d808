"""What scripts/report reads, says and draws."""

import gzip
import lzma
import shutil
import subprocess
import unittest

from made_records import SAMPLES, Records, csv_bytes, everything, judged, ramp, searched
from report.made_report import ReportTest, numpy  # first: it skips the tests without numpy

from connbench_tools.failures import Unusable
from connbench_tools.report import curves, fleet, sections
from connbench_tools.report.hosts import hosts_html


class HostsTest(ReportTest):
    def cluster(self):
        host = {"does": "connects", "processors": 2, "kernel": {"release": "6.1"}}
        clocks = [{"offset_ns": 5, "bound_ns": 20_000, "drift_ppm": -1.5}, {"offset_ns": None, "bound_ns": None}]
        clocks += [{"offset_ns": 7, "bound_ns": 10_000, "drift_ppm": 1.25}]
        hosts = [host | {"rank": 0, "name": "<b>"}, host | {"rank": 1, "name": "h1", "clocks": clocks}]
        run = Records(cluster={"hosts": hosts, "lost": [{"host": "h1", "why": "received nothing for 3 s"}]})
        for repetition in (1, 2, 3):
            for rank, rate in (("0", 300), ("1", 100), ("*", 400)):
                run.wave("epoll", repetition, times=[9] * 4, connects_per_s=rate, rank=rank)
        return run

    def test_figures_are_those_of_all_hosts_together(self):
        material = self.material(self.cluster())
        self.assertEqual([row["connects_per_s"] for row in material.runs[0].rows], ["400"] * 3)

    def test_shows_what_each_host_is_and_its_rate(self):
        page = self.page(self.cluster())
        self.assertIn("&lt;b&gt;", page)
        self.assertNotIn("<td><b>", page)
        self.assertIn("<td>20.0 µs</td><td>1.50 ppm</td>", page)
        self.assertIn('<rect width="160"', page)
        self.assertIn('<rect width="53"', page)

    def test_the_target_of_a_fleet_is_its_mix(self):
        run = self.cluster()
        for rank in ("0", "1", "*"):
            run.wave("epoll", 1, "*", "fleet:accepting=90,blackhole=10", times=[9] * 4, connects_per_s=50, rank=rank)
        tables = hosts_html(self.material(run).runs)
        self.assertIn("<td>accepting</td>", tables)
        self.assertIn("<td>fleet:accepting=90,blackhole=10</td>", tables)
        self.assertNotIn("<td>*</td>", tables)

    def test_names_a_host_that_was_lost(self):
        lost = "the host h1 was lost (received nothing for <span class=whole>3 s</span>)"
        self.assertIn(lost, self.page(self.cluster()))

    def test_says_where_the_samples_are_when_the_hosts_have_kept_them(self):
        run = self.cluster()
        run.facts["cluster"]["samples_on_hosts"] = True
        there, run.samples = run.samples, []
        page = self.page(run)
        self.assertIn("its samples are on the hosts of the cluster", page)
        self.assertNotIn("samples.csv is missing", page)
        run.samples = there  # as somebody has put them together
        self.assertNotIn("its samples are on the hosts of the cluster", self.page(run))


class VerdictTest(ReportTest):
    def rates(self, **by_connector):
        run = Records()
        for connector, rates in by_connector.items():
            for repetition, rate in enumerate(rates, 1):
                run.wave(connector, repetition, concurrency=64, times=[9], connects_per_s=rate, cpu_ns=1000 * rate)
        return self.said(run)

    def test_compares_rates_whose_ranges_do_not_overlap(self):
        (text,) = self.rates(epoll=(310, 305, 300, 295, 290), threads=(160, 155, 150, 145, 140))["Rate"]
        self.assertIn(
            "epoll makes 300 connections per second, 2.0 times the rate of threads (150), and more than all others",
            text,
        )

    def test_names_connectors_that_cannot_be_distinguished_from_the_fastest(self):
        (text,) = self.rates(
            epoll=(310, 305, 300, 295, 290), poll=(295, 285, 280, 275, 270), threads=(160, 155, 150, 145, 140)
        )["Rate"]
        self.assertIn("Not distinguishable from it: poll.", text)

    def test_distinguishes_no_connector_with_only_four_repetitions(self):
        (text,) = self.rates(
            epoll=(310, 305, 300, 295, 290), poll=(200, 195, 192, 190), threads=(160, 155, 150, 145, 140)
        )["Rate"]
        self.assertIn("Not distinguishable from it: poll.", text)

    def test_distinguishes_no_connector_when_all_ranges_overlap(self):
        (text,) = self.rates(epoll=(310, 305, 300, 295, 100), threads=(160, 155, 150, 145, 140))["Rate"]
        self.assertIn("none is clearly fastest", text)

    def test_is_careful_with_fewer_than_five_repetitions(self):
        (text,) = self.rates(epoll=(310, 300, 305, 306), threads=(160, 150, 155, 156))["Rate"]
        self.assertIn("only the order of the medians", text)
        self.assertNotIn("times the rate", text)

    def test_tells_rates_apart_that_differ_in_each_of_eight_repetitions_whatever_the_drift(self):
        drift = (100, 200, 150, 120, 180, 90, 110, 130)
        (text,) = self.rates(epoll=[1.1 * rate for rate in drift], poll=drift)["Rate"]
        self.assertIn("more than all others", text)

    def test_names_who_cannot_be_told_apart_from_the_one_that_needs_least_cpu_time(self):
        (text,) = self.rates(epoll=(310, 305, 300, 295, 290), poll=(305, 300, 295, 290, 285))["CPU"]
        self.assertIn("medians from 295 µs (poll) to 300 µs (epoll), but none can be told apart from poll.", text)
        (text,) = self.rates(epoll=(310, 300), poll=(305, 295))["CPU"]
        self.assertIn("fewer than 5 repetitions do not show how certain that order is", text)

    def test_does_not_compare_with_the_harness(self):
        (text,) = self.rates(
            **{"null": (9e6, 9e6, 9e6), "null-pool+threads:8": (9e5, 9e5, 9e5)}, epoll=(310, 305, 300, 295, 290)
        )["Rate"]
        self.assertIn("no other connector was measured", text)

    def test_says_which_connectors_time_out_late_and_which_too_early(self):
        run = Records()
        for connector, late in (("epoll", 30_000), ("sndtimeo-threads", 4_900_000), ("libuv", -70_000)):
            run.wave(
                connector,
                target="blackhole",
                timeout_ns=10**8,
                times=[10**8],
                outcome="deadline_exceeded",
                overshoot_p50_ns=late,
            )
        (text,) = self.said(run)["Timeouts"]
        self.assertIn(
            "medians from 30.0 µs (epoll) to 4.90 ms (sndtimeo-threads); fewer than 5 repetitions do not show how "
            "certain that order is; before the deadline: libuv (at least half of its timeouts, by 70.0 µs in the "
            "median).",
            text,
        )

    def test_says_where_a_ramp_was_stopped_and_how_healthy_connects_fared(self):
        run = Records(command_line=["connbench", "exhaust", "--connector", "epoll,blocking-threads"])
        run.exhaustion = ramp("blocking-threads", stopped_at=300) + ramp("epoll")
        held, stopped = self.said(run)["Exhaustion"]
        self.assertIn("epoll had 500 attempts pending with 501 threads, and nothing stopped it", held)
        self.assertIn("18.0 µs / 70.0 µs", held)
        self.assertIn(
            "blocking-threads had 300 attempts pending with 301 threads, stopped by pthread_create: EAGAIN", stopped
        )
        self.assertIn("none connected", stopped)

    def test_says_which_connector_meets_a_goal_up_to_the_highest_rate(self):
        load = "accepting (IPv4), at most 64 in flight, steady:poisson, timeout 1 s, p99<5ms: "
        for searches, said in (
            (
                [("epoll", 5910, 6170), ("pool", 1830, 1910), ("poll", 3000, 3200)],
                "epoll meets it up to 5,910/s, the highest rate; pool up to 1,830/s, the lowest.",
            ),
            (
                [("pool", 1830, 1910), ("epoll", 1900, 1990)],
                "epoll meets it up to 1,900/s, the highest rate; pool up to 1,830/s, the lowest (too close for the "
                "search to distinguish).",
            ),
            ([("epoll", 5910, None), ("pool", None, 40), ("null", 9000, None)], "epoll meets it up to 5,910/s."),
        ):
            (text,) = self.said(Records(rates=[searched(*search) for search in searches]))["Highest rate"]
            self.assertEqual(text, load + said)
        self.assertNotIn("Highest rate", self.said(Records(rates=[searched("epoll", None, 40)])))

    def test_says_how_dead_hosts_delay_healthy_ones(self):
        (text,) = self.said(everything(("epoll", "pool")))["Healthy hosts"]
        self.assertIn("With 50 % dead hosts, p99 of accepting: medians from 180 µs (epoll) to 360 µs (pool)", text)
        self.assertIn("with 0 %: epoll 30.4 µs, pool 60.4 µs", text)

    def test_names_connectors_with_unusual_outcomes(self):
        run = Records().wave("epoll", times=[9] * 9).wave("poll", times=[9] * 7, failed=2)
        self.assertIn(
            "accepting (IPv4), 1 in flight, timeout 1 s: unlike most attempts, these ended as refused: poll (2 of 9).",
            self.said(run)["Outcomes"],
        )

    def test_counts_the_verdicts_of_the_gate(self):
        run = Records()
        run.verdicts = [judged("a", "regressed", 0.1), judged("b", "same", 0.0)]
        self.assertEqual(self.said(run)["Change"], ["Of 2 judged figures, 1 regressed (a connects/s), 1 same."])


class ChartTest(ReportTest):
    def test_keeps_failures_in_the_denominator_of_latency(self):
        section = self.section("latency", Records().wave("epoll", times=range(1, 91), failed=10))
        curve = self.curves(section, "latency")[0]
        self.assertEqual((curve["of"], max(curve["ranks"])), (100, 90))

    def test_ends_a_percentile_curve_where_there_are_too_few_attempts(self):
        for attempts, percentile in ((6, 0.5), (36, 0.9), (368, 0.99), (3688, 0.999)):
            self.assertGreaterEqual(curves.supported(attempts), int(attempts * percentile))
        self.assertLess(curves.supported(367), 0.99 * 367)

    def test_draws_no_latency_for_a_closed_loop_with_many_in_flight_and_says_why(self):
        section = self.section("latency", Records().wave("epoll", concurrency=64, times=[9] * 50))
        self.assertEqual(section["views"], [])
        self.assertIn("Little's law", section["why_not"][0])

    def test_leaves_out_connectors_that_did_not_sustain_the_rate_and_says_so(self):
        run = Records()
        for connector, rate in (("epoll", 990), ("blocking", 50)):
            run.wave(connector, scenario="steady:uniform:1000/s", concurrency=64, times=[9] * 50, connects_per_s=rate)
        section = self.section("latency", run)
        self.assertEqual(len(self.curves(section, "latency")), 1)
        self.assertIn("blocking (accepting", section["why_not"][0])
        self.assertIn("did not sustain", section["why_not"][0])

    def test_counts_open_loop_latency_from_the_intended_and_from_the_actual_start(self):
        run = Records().wave("epoll", scenario="steady:uniform:10/s", times=[100] * 50, late=900, connects_per_s=10)
        section = self.section("latency", run)
        self.assertEqual(
            [view["label"].rpartition(": ")[2] for view in section["views"]],
            ["from the intended start", "from the actual start"],
        )
        self.assertEqual([self.curves(section, "latency", view)[0]["values"][0] for view in (0, 1)], [1000, 100])

    def test_pools_the_attempts_of_all_repetitions(self):
        run = Records().wave("epoll", 1, times=range(10)).wave("epoll", 2, times=range(100, 110))
        curve = self.curves(self.section("latency", run), "latency")[0]
        self.assertEqual(curve["values"], [*range(10), *range(100, 110)])

    def test_keeps_at_most_2000_points_and_is_exact_at_the_percentiles(self):
        values = numpy.random.default_rng(1).permutation(1_000_000)
        for points in (50, 800, 10**6):
            curve = curves.ranked(values, len(values), points)
            self.assertLessEqual(len(curve["ranks"]), 2000)
            at = dict(zip(curve["ranks"], curve["values"]))
            for rank in (500_000, 900_000, 990_000, 999_000, 999_900, 1, 1_000_000):
                self.assertEqual(at[rank], rank - 1)

    def test_shows_the_most_attempts_in_flight_within_each_step(self):
        run = Records().wave("epoll", times=[10_000_000] * 3000, concurrency=3000)
        line = self.curves(self.section("timeline", run), "timeline")[0]
        self.assertLessEqual(len(line["x"]), 2000)
        self.assertEqual(max(line["y"]), 3000)

    def test_shows_signed_overshoot(self):
        run = Records().wave("libuv", target="blackhole", timeout_ns=1000, times=[900] * 9, outcome="deadline_exceeded")
        self.assertEqual(self.curves(self.section("overshoot", run), "overshoot")[0]["values"][0], -100)

    def test_draws_a_range_over_the_repetitions_when_concurrency_grows(self):
        run = Records()
        for repetition, rate in enumerate((10, 30, 20), 1):
            run.wave("epoll", repetition, times=[9], connects_per_s=rate).wave(
                "epoll", repetition, times=[9], concurrency=8
            )
        curve = self.curves(self.section("scaling", run), "scaling-rate")[0]
        self.assertEqual((curve["x"][0], curve["y"][0], curve["low"][0], curve["high"][0]), (1, 20, 10, 30))

    def test_reads_the_shares_of_a_fleet(self):
        shares = fleet.shares("fleet:delayed:20ms=87.5,blackhole=12.5:poisson:5000/s")
        self.assertEqual(shares, {"delayed:20ms": 87.5, "blackhole": 12.5})
        for mix in ("a=0,b=0", "a=1.2.3", "a,b=1", "a=٣", "=1", f"a={'9' * 400}", "a=."):
            self.assertEqual(fleet.shares(f"fleet:{mix}"), {}, mix)

    def test_the_shares_of_a_fleet_need_not_add_up_to_100(self):
        run = Records()
        for mix in ("accepting=9,blackhole=1", "accepting=1,blackhole=1"):
            run.wave("epoll", scenario=f"fleet:{mix}", times=[9] * 9)
            run.wave("epoll", target="blackhole", scenario=f"fleet:{mix}", times=[9], outcome="deadline_exceeded")
        self.assertEqual(self.curves(self.section("fleet", run), "fleet-p50")[0]["x"], [0.1, 0.5])

    def test_does_not_count_connects_of_the_harness_as_answers(self):
        run = everything(("epoll", "poll")).wave("null", target="blackhole", times=[1] * 9)
        curve = self.curves(self.section("fleet", run), "fleet-p50")[0]
        self.assertEqual(curve["x"], [0.0, 0.1, 0.5])

    def test_a_fleet_shows_the_range_of_the_repetitions(self):
        run = Records()
        for repetition, connected in enumerate((400, 400, 300), 1):  # in the last, the p99 did not connect
            for dead in (10, 30):
                mix = f"fleet:accepting={100 - dead},blackhole={dead}"
                rate = {"connects_per_s": (70, 90, 0)[repetition - 1]}
                times = [1000 * repetition] * connected
                run.wave("epoll", repetition, "accepting", mix, 9, times=times, **rate)
                run.rows[-1] |= {"attempts": 400, "deadline_exceeded": 400 - connected}
                run.wave("epoll", repetition, "blackhole", mix, 9, times=[1], outcome="deadline_exceeded")
        section = self.section("fleet", run)
        ends = {
            chart: [self.curves(section, chart)[0][end][0] for end in ("low", "y", "high")]
            for chart in ("fleet-p50", "fleet-p99", "fleet-rate")
        }
        self.assertEqual(ends["fleet-p50"], [1000, 2000, 3000])
        self.assertEqual(ends["fleet-p99"], [1000, 2000, None])
        self.assertEqual(ends["fleet-rate"], [None, 70, 90])
        self.assertIn("range from lowest to highest", section["views"][0]["note"])

    def test_does_not_say_of_a_fleet_that_nothing_arrived_in_open_loop(self):
        run = Records().wave("epoll", scenario="fleet:accepting=90,blackhole=10:poisson:9/s", times=[9])
        (reason,) = self.section("open-loop", run)["why_not"]
        self.assertIn("No load arrived in open loop at a single target; for fleets see", reason)

    def test_marks_where_a_ramp_was_stopped(self):
        run = Records()
        run.exhaustion = ramp("blocking-threads", stopped_at=300)
        curve = self.curves(self.section("exhaustion", run), "ramp")[0]
        ((place, text),) = curve["marks"]
        self.assertEqual((curve["y"][place], text), (300, "pthread_create: EAGAIN"))

    def test_explains_each_section_without_a_chart(self):
        for section in sections.all_sections(self.material(Records().wave("epoll", times=[9], concurrency=2))):
            self.assertTrue(section["views"] or section["why_not"], section["id"])
            self.assertTrue(all(chart["says"].endswith(".") for chart in section["charts"]), section["id"])

    def test_says_when_samples_were_not_kept(self):
        run = Records(samples="none").wave("epoll", times=[9] * 9)
        run.samples = []
        self.assertIn("--samples none", self.section("latency", run)["why_not"][0])


class ReadingTest(ReportTest):
    def wave_of(self, data, name="samples.csv"):
        folder = Records().wave("epoll", times=[5, 6, 7]).write(self.folder / "run")
        (folder / "samples.csv").unlink()
        (folder / name).write_bytes(data)
        material = self.material()
        return material.waves_of(material.lines[0])

    def samples(self):
        return csv_bytes(SAMPLES, Records().wave("epoll", times=[5, 6, 7]).samples)

    def test_ignores_a_last_row_without_its_line_end(self):
        (wave,) = self.wave_of(self.samples()[:-2])
        self.assertEqual(len(wave.outcome), 2)

    def test_reads_compressed_samples(self):
        for packed, ending in ((gzip.compress(self.samples()), "gz"), (lzma.compress(self.samples()), "xz")):
            (wave,) = self.wave_of(packed, f"samples.csv.{ending}")
            self.assertEqual(wave.connecting().tolist(), [5, 6, 7])
            shutil.rmtree(self.folder / "run")

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_reads_samples_compressed_by_zstd(self):
        packed = subprocess.run(["zstd", "-qc"], input=self.samples(), capture_output=True, check=True).stdout
        (wave,) = self.wave_of(packed, "samples.csv.zst")
        self.assertEqual(wave.connecting().tolist(), [5, 6, 7])

    def packed_as_connbench_writes(self):
        """A frame for the header, and one for the rows."""
        header, rows = self.samples().split(b"\r\n", 1)
        return tuple(
            subprocess.run(["zstd", "-qc"], input=data, capture_output=True, check=True).stdout
            for data in (header + b"\r\n", rows)
        )

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_reads_what_a_kill_has_left_of_compressed_samples(self):
        header, rows = self.packed_as_connbench_writes()
        for length in (1, 3, 4, len(rows) // 2, len(rows) - 5):
            self.assertEqual(self.wave_of(header + rows[:length], "samples.csv.zst"), [], length)
            shutil.rmtree(self.folder / "run")
        (wave,) = self.wave_of(header + rows + rows[: len(rows) // 2], "samples.csv.zst")
        self.assertEqual(wave.connecting().tolist(), [5, 6, 7])

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_refuses_compressed_samples_that_are_damaged_and_not_cut_short(self):
        header, rows = self.packed_as_connbench_writes()
        for damaged in (rows[:8] + b"x" * 8 + rows[16:], b"no frame at all"):
            with self.assertRaisesRegex(Unusable, "may be damaged"):
                self.wave_of(header + damaged, "samples.csv.zst")
            shutil.rmtree(self.folder / "run")

    def test_refuses_damaged_samples(self):
        good = self.samples()
        for data in (good.replace(b"connected", b"married"), b"a,b\r\n", good.replace(b"1000000005", b"x")):
            with self.assertRaises(Unusable):
                self.wave_of(data)
            shutil.rmtree(self.folder / "run")
        for packed in (gzip.compress(self.samples())[:-20], gzip.compress(self.samples())[:60] + b"x" * 60):
            with self.assertRaises(Unusable):
                self.wave_of(packed, "samples.csv.gz")
            shutil.rmtree(self.folder / "run")

    def test_leaves_failed_waves_out_of_all_figures(self):
        failure = {"connector": "epoll", "target": "accepting", "wave": 2, "failure": "killed by signal 9"}
        run = Records(failures=[failure]).wave("epoll", 1, times=[5]).wave("epoll", 2, times=[7])
        self.assertEqual(self.curves(self.section("latency", run), "latency")[0]["values"], [5])
