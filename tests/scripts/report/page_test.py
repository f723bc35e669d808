"""The page and the figures that scripts/report writes."""

import base64
import gzip
import hashlib
import html.parser
import json
import re
import shutil
import subprocess

from made_records import HOSTILE, ROOT, Records, everything, ramp, searched
from report.made_report import ReportTest  # first: it skips the tests without numpy

from connbench_tools.failures import Unusable
from connbench_tools.records import verdicts
from connbench_tools.report import build, sections


class PageTest(ReportTest):
    def data(self, page):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])

    def test_reports_an_incomplete_run(self):
        self.assertIn("run is incomplete", self.page(Records(complete=False).wave("epoll", times=[9])))

    def test_says_above_the_figures_that_the_machine_was_not_fit_to_measure(self):
        reason = "other programs kept 3.0 threads ready to run <on> 2 processors"
        page = self.page(Records(fitness={"unfit": [reason], "ready_threads": 3.0}).wave("epoll", times=[9]))
        said = "run: the machine was not fit to measure: other programs kept 3.0 threads ready to run &lt;on&gt; 2"
        self.assertLess(page.index(said), page.index("<h2>Verdict</h2>"))
        self.assertIn("fitness.ready_threads", page)
        for fit in ({}, {"unfit": []}, {"unfit": None}, None):
            self.assertNotIn("not fit to measure", self.page(Records(fitness=fit).wave("epoll", times=[9])))

    def test_shows_the_state_of_the_machine_before_and_after_the_run(self):
        before, after = ({"cpu": {"mhz": mhz}} for mhz in (3000, 2000))
        page = self.page(Records(environment=before, environment_after=after).wave("epoll", times=[9]))
        for key, value in (("cpu.mhz", 3000), ("after.cpu.mhz", 2000)):
            self.assertIn(f"<th scope=row>{key}</th><td>{value}</td>", page)

    def test_names_a_missing_file_without_inventing_a_reason(self):
        exhausted = {"command_line": ["connbench", "exhaust", "threads"], "exhaustion": {"resource": "threads"}}
        for facts, file, said in (
            ({}, "summary", "is complete, but summary.csv is missing"),
            ({"complete": False}, "summary", "had written by then: summary.csv is missing."),
            (exhausted, "exhaustion", "is complete, but exhaustion.csv is missing"),
        ):
            run = Records(**facts).wave("epoll", times=[9])
            run.exhaustion = ramp("epoll")
            folder = run.write(self.folder / "run")
            for name in ("summary", "exhaustion"):
                if name == file or not facts.get("exhaustion"):
                    (folder / f"{name}.csv").unlink()
            (path,) = build.build([folder])
            self.assertIn(said, path.read_text())
            self.assertNotIn("every case was skipped", path.read_text())

    def page_of_samples(self, change, name="samples.csv", **facts):
        """The page of a run of two waves and five attempts, whose samples in the file were changed by `change`."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        run = Records(**facts).wave("epoll", 1, times=[5, 6, 7]).wave("epoll", 2, times=[8, 9])
        data = (run.write(self.folder / "run") / "samples.csv").read_bytes()
        (self.folder / "run/samples.csv").unlink()
        if change:
            (self.folder / "run" / name).write_bytes(change(data))
        (path,) = build.build([self.folder / "run"])
        return path.read_text()

    def test_warns_when_samples_are_missing(self):
        for cut, name, said in (
            (lambda data: data[:-9], "samples.csv", "run: samples.csv has 4 of 5 attempts, although run.json says"),
            (lambda data: data[: data.rfind(b"\n", 0, -1) + 1], "samples.csv", "samples.csv has 4 of 5 attempts"),
            (lambda data: data.replace(b",0,1000000000,1,0,", b"0,"), "samples.csv", "samples.csv has 4 of 5 attempts"),
            (lambda data: gzip.compress(data[:-9]), "samples.csv.gz", "samples.csv.gz has 4 of 5 attempts"),
            (None, "", "run: samples.csv is missing, although run.json says"),
        ):
            self.assertIn(said, self.page_of_samples(cut, name))

    def test_does_not_warn_about_samples_that_were_not_promised(self):
        for facts, change in (
            ({}, bytes),
            ({"complete": False}, lambda data: data[:-9]),
            ({"samples": "none"}, None),
            ({"samples": "failures"}, lambda data: data.partition(b"\n")[0] + b"\n"),
        ):
            self.assertNotIn("although run.json says", self.page_of_samples(change, **facts))
        self.assertNotIn("although run.json says", self.page(everything()))

    def test_says_that_samples_are_missing_when_they_should_be_there(self):
        self.assertIn("in flight, closed loop, timeout 1 s: samples.csv is missing", self.page_of_samples(None))

    def test_says_that_every_case_was_skipped_only_if_that_is_true(self):
        skip = {"connector": "io-uring", "target": "accepting", "concurrency": 1, "reason": "forbidden"}
        self.assertIn("measured nothing: every case was skipped", self.page(Records(skipped=[skip])))
        self.assertIn("measured nothing: run.json gives no reason", self.page(Records()))

    def test_reports_a_run_that_was_killed_before_its_first_wave(self):
        page = self.page(Records(complete=False))
        self.assertIn("run is incomplete", page)
        self.assertIn("No wave was finished", page)
        self.assertIn("do not suffice for a verdict", page)

    def test_explains_why_each_section_of_an_empty_run_is_empty(self):
        for section in sections.all_sections(self.material(Records(complete=False))):
            self.assertTrue(section["why_not"], section["id"])

    def test_reports_a_run_with_one_connector(self):
        self.assertIn("measured only one connector (epoll)", self.page(Records().wave("epoll", times=[9])))

    def test_reports_when_no_attempt_connected(self):
        page = self.page(Records().wave("epoll", failed=9).wave("poll", failed=9))
        self.assertIn("no attempt connected", page)
        self.assertIn("all refused", page)

    def test_gives_the_reason_of_each_skip_and_each_warning(self):
        skip = {
            "connector": "io-uring",
            "target": "accepting",
            "concurrency": 1,
            "reason": "forbidden",
            "remedy": "allow it",
        }
        page = self.page(Records(skipped=[skip], warnings=["the clock is slow"]))
        for text in ("io-uring: forbidden. Remedy: allow it (accepting, 1 in flight)", "the clock is slow"):
            self.assertIn(text, page)

    def test_folds_similar_warnings(self):
        page = self.page(Records(warnings=["epoll on a: lost 3", "poll on a: lost 4", "poll on a: slow"]).wave("epoll"))
        self.assertIn("Warnings (3)", page)
        self.assertIn("1 similar warning<", page)
        self.assertIn("poll on a: lost 4", page)

    def test_keeps_the_order_of_the_plan(self):
        run = (
            Records(syscalls=[{"connector": "poll"}, {"connector": "asio"}])
            .wave("asio", times=[9])
            .wave("poll", times=[9])
        )
        self.assertEqual(self.data(self.page(run))["connectors"], ["poll", "asio"])

    def test_accounts_for_every_attempt(self):
        page = self.page(Records().wave("epoll", times=[9] * 7, failed=2))
        self.assertIn("7 connected, 2 refused <small>of 9</small>", page)

    def test_shows_medians_that_are_values_which_occurred(self):
        run = Records().wave("epoll", 1, times=[9], p50_ns=100).wave("epoll", 2, times=[9], p50_ns=900)
        self.assertIn("data-v=100>100 ns<", self.page(run))

    def test_shows_hostile_labels_as_text(self):
        run = everything()
        page = self.page(run)
        self.assertNotIn("<img", page)
        self.assertNotIn('onerror="', page)
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

    def searches(self, *entries):
        """The rows in the section on searches, as lists of texts."""
        page = self.page(
            Records(rates=list(entries), command_line=["connbench", "run", "--connector", "pool,epoll"]).wave("epoll")
        )
        section = re.search(r"<section id=searches>.*?<tbody>(.*?)</tbody>.*?</section>", page, re.S)
        self.assertEqual('href="#searches"' in page, section is not None)
        return (
            [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in section[1].split("</tr>")[:-1]]
            if section
            else None
        )

    def test_shows_what_searches_found(self):
        load = "accepting (IPv4), at most 64 in flight, steady:poisson, timeout 1 s"
        found = self.searches(
            searched("epoll", 5910.0, 6170.0),
            searched("pool", None, 36.8),
            searched("poll", 10**6, None),
            searched("blocking", 100, None, failure="killed by signal 9"),
            searched("libuv", None, None),
        )
        self.assertEqual(
            found,
            [
                ["epoll", load, "p99&lt;5ms", "5,910/s", "6,170/s", "8", "found"],
                ["pool", load, "p99&lt;5ms", "-", "36.8/s", "8", "the goal held at no rate that was tried"],
                ["poll", load, "p99&lt;5ms", "1,000,000/s", "-", "8", "the goal held at every rate that was tried"],
                ["blocking", load, "p99&lt;5ms", "100/s", "-", "8", "not found: killed by signal 9"],
                ["libuv", load, "p99&lt;5ms", "-", "-", "8", "not started"],
            ],
        )
        fleet = searched("epoll", 5, 6, target="*", scenario="fleet:accepting=75,blackhole=25:poisson:1000/s")
        self.assertIn(
            "all targets (IPv4), 64 in flight, fleet:accepting=75,blackhole=25:poisson, timeout 1 s",
            self.searches(fleet)[0],
        )
        self.assertIsNone(self.searches())

    def test_shows_the_verdicts_of_a_gate(self):
        page = self.page(everything())
        self.assertIn('data-verdict="regressed"', page)
        self.assertIn("+12.00%", page)

    def test_shows_the_verdicts_of_a_gate_without_any_run(self):
        everything().write(self.folder / "gate")
        (self.folder / "gate" / "run.json").unlink()
        (path,) = build.build([self.folder / "gate"])
        self.assertIn('data-verdict="regressed"', path.read_text())

    def test_reads_verdicts_from_the_named_file(self):
        file = self.folder / "other.csv"
        everything().write(self.folder / "gate")
        shutil.move(self.folder / "gate" / "verdicts.csv", file)
        self.assertEqual(len(verdicts.read([], file)), 3)

    def test_uses_fewer_points_until_the_page_fits(self):
        folder = everything().write(self.folder / "run")
        sizes = []
        for most in (2_000_000, 200_000):
            (path,) = build.build([folder], most_bytes=most)
            sizes.append(path.stat().st_size)
            self.assertLessEqual(sizes[-1], most)
        self.assertLess(sizes[1], sizes[0])

    def test_refuses_a_page_that_does_not_fit_with_the_fewest_points(self):
        with self.assertRaises(Unusable):
            self.page(Records().wave("epoll", times=[9]), None, None, None, 50_000)

    def test_the_same_records_give_the_same_page(self):
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

    def test_refuses_the_records_of_a_probe_but_ignores_them_among_runs(self):
        probe = Records(command_line=["connbench", "probe", "--out", "probe"]).write(self.folder / "probe")
        (probe / "summary.csv").unlink()
        for folder in (probe, self.folder):
            self.assertIn("probe: records of `connbench probe`, which have no report", self.refusal(folder))
        self.assertFalse((probe / "report.html").exists())
        Records().wave("epoll", times=[9]).write(self.folder / "run")
        self.assertEqual(self.report(self.folder).returncode, 0)
        self.assertIn("connbench: made", (self.folder / "report.html").read_text())

    def test_refuses_runs_with_another_schema_version(self):
        Records().wave("epoll", times=[9]).write(self.folder / "a")
        Records(schema_version=77).wave("epoll", times=[9]).write(self.folder / "b")
        self.assertIn("b: run.json has schema version 77", self.refusal(self.folder))

    def test_shows_older_records_but_not_next_to_new_ones(self):
        Records(schema_version=1).wave("epoll", times=[9]).write(self.folder / "old")
        self.assertEqual(self.report(self.folder / "old").returncode, 0)
        Records().wave("epoll", times=[9]).write(self.folder / "new")
        self.assertIn("these runs have several schema versions (", self.refusal(self.folder))

    def test_draws_the_same_figures_byte_for_byte(self):
        folder = everything().write(self.folder / "run")
        again = ["latency", "overshoot", "ramp", "timeline"]  # only some, because each takes about a second
        done = [
            self.report(folder, "--figures", self.folder / name, *only)
            for name, only in (("one", []), ("two", ["--only", ",".join(again)]))
        ]
        if "matplotlib" in done[0].stderr:
            self.skipTest(done[0].stderr)
        self.assertEqual(done[0].returncode, 0, done[0].stderr)
        files = sorted(path.name for path in (self.folder / "one").iterdir())
        for identity in (
            "latency",
            "ecdf",
            "overshoot",
            "added",
            "scaling-rate",
            "ramp",
            "fleet-p99",
            "lag",
            "timeline",
        ):
            for ending in (".svg", ".png"):
                self.assertIn(identity + ending, files)
        for name in [identity + ending for identity in again for ending in (".svg", ".png")]:
            self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "two" / name).read_bytes(), name)
