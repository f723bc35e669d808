"""What scripts/report makes of runs: /usr/bin/python3 tests/scripts/report_test.py"""

import base64
import gzip
import hashlib
import html.parser
import json
import lzma
import re
import shutil
import subprocess
import sys
import unittest

from made_records import HOSTILE, ROOT, SAMPLES, Records, RecordsTest, csv_bytes, everything, judged, ramp

try:
    import numpy
except ImportError:
    print(f"skipped: {sys.executable} has no numpy (apt-get install python3-numpy)")
    sys.exit(77)

from connector_records import Unusable
from report_parts import build, curves, fleet, sections, verdict
from report_parts.charts import Material
from report_parts.comparison import lines_of
from report_parts.runs import runs_in, verdicts_of


class ReportTest(RecordsTest):
    def material(self, run=None, points=800):
        folder = run.write(self.folder / "run") if run else self.folder
        runs = runs_in([folder])
        return Material(runs, lines_of(runs), sections.colour_order(runs), points)

    def said(self, run):
        """The sentences of the verdict, by topic."""
        found = {}
        for sentence in verdict.sentences(self.material(run), run.verdicts):
            found.setdefault(sentence.topic, []).append(sentence.text)
        return found

    def section(self, identity, run):
        (found,) = [section for section in sections.all_sections(self.material(run)) if section["id"] == identity]
        return found

    def curves(self, section, chart, view=0):
        return {curve["c"]: curve for curve in section["views"][view]["data"][chart]}

    def page(self, run, *arguments):
        folder = run.write(self.folder / "run")
        (path,) = build.build([folder], *arguments)
        return path.read_text(encoding="utf-8")


class VerdictTest(ReportTest):
    def rates(self, **by_connector):
        run = Records()
        for connector, rates in by_connector.items():
            for repetition, rate in enumerate(rates, 1):
                run.wave(connector, repetition, concurrency=64, times=[9], connects_per_s=rate, cpu_ns=1000 * rate)
        return self.said(run)

    def test_says_how_many_times_as_fast_when_the_ranges_lie_apart(self):
        (text,) = self.rates(epoll=(310, 300, 290), threads=(160, 150, 140))["Rate"]
        self.assertIn("epoll connects 300 times a second, 2.0 × as fast as threads (150), and ahead of all others", text)

    def test_names_those_that_are_not_told_apart_from_the_fastest(self):
        (text,) = self.rates(epoll=(310, 300, 290), poll=(295, 280, 270), threads=(160, 150, 140))["Rate"]
        self.assertIn("Not told apart from it: poll.", text)

    def test_tells_nobody_apart_from_whom_was_measured_twice(self):
        (text,) = self.rates(epoll=(310, 300, 290), poll=(200, 190), threads=(160, 150, 140))["Rate"]
        self.assertIn("Not told apart from it: poll.", text)

    def test_tells_nobody_apart_when_all_ranges_overlap(self):
        (text,) = self.rates(epoll=(310, 300, 100), threads=(160, 150, 140))["Rate"]
        self.assertIn("none is told apart from it", text)

    def test_is_careful_with_fewer_than_three_repetitions(self):
        (text,) = self.rates(epoll=(310, 300), threads=(160, 150))["Rate"]
        self.assertIn("order of the medians only", text)
        self.assertNotIn("as fast as", text)

    def test_compares_nothing_with_the_harness(self):
        (text,) = self.rates(null=(9e6, 9e6, 9e6), epoll=(310, 300, 290))["Rate"]
        self.assertIn("no other way to compare it with", text)

    def test_says_who_gives_up_late_and_who_too_early(self):
        run = Records()
        for connector, late in (("epoll", 30_000), ("sndtimeo-threads", 4_900_000), ("libuv", -70_000)):
            run.wave(connector, target="blackhole", timeout_ns=10**8, times=[10**8], outcome="deadline_exceeded",
                     overshoot_p50_ns=late)  # fmt: skip
        (text,) = self.said(run)["Giving up"]
        self.assertIn("epoll gave up 30.0 µs late; sndtimeo-threads, the last, 4.90 ms; too early: libuv by 70.0 µs", text)

    def test_says_where_a_ramp_was_stopped_and_what_became_of_healthy_connects(self):
        run = Records(command_line=["connbench", "exhaust", "--connector", "epoll,blocking-threads"])
        run.exhaustion = ramp("blocking-threads", stopped_at=300) + ramp("epoll")
        held, stopped = self.said(run)["Exhaustion"]
        self.assertIn("epoll held 500 pending, and nothing stopped it", held)
        self.assertIn("18.0 µs / 70.0 µs", held)
        self.assertIn("blocking-threads was stopped at 300 pending by pthread_create: EAGAIN", stopped)
        self.assertIn("none got through", stopped)

    def test_says_how_the_dead_hold_up_the_healthy(self):
        (text,) = self.said(everything(("epoll", "pool")))["Healthy hosts"]
        self.assertIn("From 0% to 50% dead hosts", text)
        self.assertIn("with epoll (5.9 ×)", text)

    def test_names_whoever_ends_otherwise_than_the_others(self):
        run = Records().wave("epoll", times=[9] * 9).wave("poll", times=[9] * 7, failed=2)
        self.assertIn("accepting, otherwise than most: refused of poll (2 of 9).", self.said(run)["Outcomes"])

    def test_counts_the_judgements_of_the_gate(self):
        run = Records()
        run.verdicts = [judged("a", "regressed", 0.1), judged("b", "same", 0.0)]
        self.assertEqual(self.said(run)["Change"], ["Of 2 judged figures, 1 regressed (a connects/s), 1 same."])


class ChartTest(ReportTest):
    def test_keeps_failures_in_the_denominator_of_latency(self):
        section = self.section("latency", Records().wave("epoll", times=range(1, 91), failed=10))
        curve = self.curves(section, "latency")[0]
        self.assertEqual((curve["of"], max(curve["ranks"])), (100, 90))

    def test_ends_a_percentile_curve_where_the_attempts_no_longer_support_it(self):
        for attempts, percentile in ((6, 0.5), (36, 0.9), (368, 0.99), (3688, 0.999)):
            self.assertGreaterEqual(curves.supported(attempts), int(attempts * percentile))
        self.assertLess(curves.supported(367), 0.99 * 367)

    def test_draws_no_latency_of_a_closed_loop_with_many_in_flight_and_says_why(self):
        section = self.section("latency", Records().wave("epoll", concurrency=64, times=[9] * 50))
        self.assertEqual(section["views"], [])
        self.assertIn("Little's law", section["why_not"][0])

    def test_leaves_out_who_did_not_sustain_the_rate_and_says_so(self):
        run = Records()
        for connector, rate in (("epoll", 990), ("blocking", 50)):
            run.wave(connector, scenario="steady:uniform:1000/s", concurrency=64, times=[9] * 50, connects_per_s=rate)
        section = self.section("latency", run)
        self.assertEqual(len(self.curves(section, "latency")), 1)
        self.assertIn("blocking (accepting", section["why_not"][0])
        self.assertIn("did not sustain", section["why_not"][0])

    def test_counts_open_loop_latency_from_the_intended_start_and_from_the_real_one(self):
        run = Records().wave("epoll", scenario="steady:uniform:10/s", times=[100] * 50, late=900, connects_per_s=10)
        section = self.section("latency", run)
        self.assertEqual([view["label"].rpartition(": ")[2] for view in section["views"]],
                         ["from the intended start", "from the real start"])  # fmt: skip
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

    def test_takes_the_most_in_flight_of_each_step(self):
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
            run.wave("epoll", repetition, times=[9], connects_per_s=rate).wave("epoll", repetition, times=[9], concurrency=8)
        curve = self.curves(self.section("scaling", run), "scaling-rate")[0]
        self.assertEqual((curve["x"][0], curve["y"][0], curve["low"][0], curve["high"][0]), (1, 20, 10, 30))

    def test_reads_the_shares_of_a_fleet(self):
        shares = fleet.shares("fleet:delayed:20ms=87.5,blackhole=12.5:poisson:5000/s")
        self.assertEqual(shares, {"delayed:20ms": 87.5, "blackhole": 12.5})

    def test_takes_no_connect_of_the_harness_for_an_answer(self):
        run = everything(("epoll", "poll")).wave("null", target="blackhole", times=[1] * 9)
        curve = self.curves(self.section("fleet", run), "fleet-p50")[0]
        self.assertEqual(curve["x"], [0.0, 0.1, 0.5])

    def test_marks_where_a_ramp_was_stopped(self):
        run = Records()
        run.exhaustion = ramp("blocking-threads", stopped_at=300)
        curve = self.curves(self.section("exhaustion", run), "ramp")[0]
        ((place, text),) = curve["marks"]
        self.assertEqual((curve["y"][place], text), (300, "pthread_create: EAGAIN"))

    def test_says_of_each_section_without_a_chart_why(self):
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

    def test_takes_a_last_row_without_its_line_end_for_void(self):
        (wave,) = self.wave_of(self.samples()[:-2])
        self.assertEqual(len(wave.outcome), 2)

    def test_reads_compressed_samples(self):
        for packed, ending in ((gzip.compress(self.samples()), "gz"), (lzma.compress(self.samples()), "xz")):
            (wave,) = self.wave_of(packed, f"samples.csv.{ending}")
            self.assertEqual(wave.connecting().tolist(), [5, 6, 7])
            shutil.rmtree(self.folder / "run")

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_reads_samples_that_zstd_compressed(self):
        packed = subprocess.run(["zstd", "-qc"], input=self.samples(), capture_output=True, check=True).stdout
        (wave,) = self.wave_of(packed, "samples.csv.zst")
        self.assertEqual(wave.connecting().tolist(), [5, 6, 7])

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

    def test_leaves_a_broken_wave_out_of_all_figures(self):
        failure = {"connector": "epoll", "target": "accepting", "wave": 2, "failure": "killed by signal 9"}
        run = Records(failures=[failure]).wave("epoll", 1, times=[5]).wave("epoll", 2, times=[7])
        self.assertEqual(self.curves(self.section("latency", run), "latency")[0]["values"], [5])


class PageTest(ReportTest):
    def data(self, page):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])

    def test_tells_of_an_incomplete_run(self):
        self.assertIn("run is incomplete", self.page(Records(complete=False).wave("epoll", times=[9])))

    def test_tells_of_a_run_that_was_killed_before_its_first_wave(self):
        page = self.page(Records(complete=False))
        self.assertIn("run is incomplete", page)
        self.assertIn("No wave was finished", page)
        self.assertIn("nothing that a sentence could be made of", page)

    def test_says_of_each_section_of_an_empty_run_why_it_is_empty(self):
        for section in sections.all_sections(self.material(Records(complete=False))):
            self.assertTrue(section["why_not"], section["id"])

    def test_tells_of_a_run_with_one_connector(self):
        self.assertIn("one way to connect only (epoll)", self.page(Records().wave("epoll", times=[9])))

    def test_tells_when_not_one_attempt_connected(self):
        page = self.page(Records().wave("epoll", failed=9).wave("poll", failed=9))
        self.assertIn("not one attempt connected", page)
        self.assertIn("all refused", page)

    def test_gives_the_reason_of_each_skip_and_each_warning(self):
        skip = {"connector": "io-uring", "target": "accepting", "concurrency": 1, "reason": "forbidden", "remedy": "allow it"}
        page = self.page(Records(skipped=[skip], warnings=["the clock is slow"]))
        for text in ("io-uring: forbidden. Remedy: allow it (accepting, 1 in flight)", "the clock is slow"):
            self.assertIn(text, page)

    def test_folds_warnings_that_say_the_same(self):
        page = self.page(Records(warnings=["epoll on a: lost 3", "poll on a: lost 4", "poll on a: slow"]).wave("epoll"))
        self.assertIn("Warnings (3)", page)
        self.assertIn("1 more say so of other cases", page)
        self.assertIn("poll on a: lost 4", page)

    def test_keeps_the_order_of_the_plan(self):
        run = Records(syscalls=[{"connector": "poll"}, {"connector": "asio"}]).wave("asio", times=[9]).wave("poll", times=[9])
        self.assertEqual(self.data(self.page(run))["connectors"], ["poll", "asio"])

    def test_accounts_for_every_attempt(self):
        page = self.page(Records().wave("epoll", times=[9] * 7, failed=2))
        self.assertIn("7 connected, 2 refused <small>of 9</small>", page)

    def test_gives_medians_over_repetitions_that_are_values_which_occurred(self):
        run = Records().wave("epoll", 1, times=[9], p50_ns=100).wave("epoll", 2, times=[9], p50_ns=900)
        self.assertIn('data-v=100>100 ns<', self.page(run))

    def test_shows_hostile_labels_as_text(self):
        run = everything()
        page = self.page(run)
        self.assertNotIn("<img", page)
        self.assertNotIn("onerror=\"", page)
        self.assertIn(HOSTILE, self.data(page)["connectors"])
        counter = Tags()
        counter.feed(page)
        self.assertEqual(counter.scripts, 2)

    def test_allows_only_its_own_script_and_style(self):
        page = self.page(everything())
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
        self.assertTrue(policy.startswith("default-src 'none'"))
        script = page.rpartition("<script>")[2].partition("</script>")[0]
        for text in (script, re.search(r"<style>(.*?)</style>", page, re.S)[1]):
            self.assertIn(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode(), policy)
        self.assertNotRegex(page, r"""(src|href)=["']?(https?:|//)|url\(|@import""")

    def test_shows_the_verdicts_of_a_gate(self):
        page = self.page(everything())
        self.assertIn('data-verdict="regressed"', page)
        self.assertIn("+12.00%", page)

    def test_shows_the_verdicts_of_a_gate_without_any_run(self):
        everything().write(self.folder / "gate")
        (self.folder / "gate" / "run.json").unlink()
        (path,) = build.build([self.folder / "gate"])
        self.assertIn('data-verdict="regressed"', path.read_text())

    def test_reads_verdicts_from_the_file_that_is_named(self):
        file = self.folder / "other.csv"
        everything().write(self.folder / "gate")
        shutil.move(self.folder / "gate" / "verdicts.csv", file)
        self.assertEqual(len(verdicts_of([], file)), 3)

    def test_takes_fewer_points_until_the_page_fits(self):
        folder = everything().write(self.folder / "run")
        sizes = []
        for most in (2_000_000, 200_000):
            (path,) = build.build([folder], most_bytes=most)
            sizes.append(path.stat().st_size)
            self.assertLessEqual(sizes[-1], most)
        self.assertLess(sizes[1], sizes[0])

    def test_refuses_what_does_not_fit_with_the_fewest_points(self):
        with self.assertRaises(Unusable):
            self.page(Records().wave("epoll", times=[9]), None, None, None, 50_000)

    def test_is_the_same_from_the_same_records(self):
        self.assertEqual(self.page(everything()), self.page(everything()))


class Tags(html.parser.HTMLParser):
    scripts = 0

    def handle_starttag(self, tag, _attributes):
        self.scripts += tag == "script"


class ProgramTest(ReportTest):
    def report(self, *arguments):
        return subprocess.run(["/usr/bin/python3", ROOT / "scripts/report", *arguments], capture_output=True, text=True)

    def refusal(self, *arguments):
        done = self.report(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"\Ascripts/report: .*\n\Z")
        return done.stderr

    def test_writes_one_page_for_several_runs_into_the_first_folder(self):
        folders = [Records().wave("epoll", times=[9]).write(self.folder / name) for name in ("a", "b")]
        done = self.report(*folders)
        self.assertEqual((done.returncode, done.stdout), (0, f"{folders[0]}/report.html\n"), done.stderr)
        self.assertIn("connbench: a, b", (folders[0] / "report.html").read_text())

    def test_refuses_folders_without_a_run(self):
        self.assertIn("run.json is missing", self.refusal(self.folder))
        self.assertIn("no such folder", self.refusal(self.folder / "nowhere"))

    def test_refuses_two_runs_of_different_schema_versions(self):
        Records().wave("epoll", times=[9]).write(self.folder / "a")
        Records(schema_version=2).wave("epoll", times=[9]).write(self.folder / "b")
        self.assertIn("b/run.json: schema version 2", self.refusal(self.folder))

    def test_draws_the_same_figures_byte_for_byte(self):
        folder = everything().write(self.folder / "run")
        again = ["latency", "overshoot", "ramp", "timeline"]  # drawing takes a second or so each
        done = [
            self.report(folder, "--figures", self.folder / name, *only)
            for name, only in (("one", []), ("two", ["--only", ",".join(again)]))
        ]
        if "matplotlib" in done[0].stderr:
            self.skipTest(done[0].stderr)
        self.assertEqual(done[0].returncode, 0, done[0].stderr)
        files = sorted(path.name for path in (self.folder / "one").iterdir())
        for identity in ("latency", "ecdf", "overshoot", "added", "scaling-rate", "ramp", "fleet-p99", "lag", "timeline"):
            for ending in (".svg", ".png"):
                self.assertIn(identity + ending, files)
        for name in [identity + ending for identity in again for ending in (".svg", ".png")]:
            self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "two" / name).read_bytes(), name)


if __name__ == "__main__":
    unittest.main()
