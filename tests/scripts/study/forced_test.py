"""Each study follows its records: when they make a claim true, it holds, and when they make it false, it does not."""

import csv
import io
import shutil
import tempfile
import unittest
from pathlib import Path

from connbench_tools.records.studies import read_study
from connbench_tools.study import catalogue, judge
from connbench_tools.study.finished import late_p50
from connbench_tools.study.plan import Lacking
from connbench_tools.study.verdicts import DEPENDS, FAILS, HOLDS, UNTESTABLE, WORDS
from study import forced
from study.made_study import Made, run_of

# Where not all claims hold, or fail, together: claims that contradict each other, and one that needs two kernels.
TRUE = {
    "port-cliff": [HOLDS, HOLDS, UNTESTABLE],
    "threads-or-events": [HOLDS, HOLDS, FAILS, HOLDS],
}
FALSE = {
    "port-cliff": [FAILS, FAILS, UNTESTABLE],
    "threads-or-events": [FAILS, FAILS, HOLDS, FAILS],
    "accept-queue-overflow": [FAILS, FAILS],
}


class Forced(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def made(self, name, is_true):
        function = getattr(forced, name.replace("-", "_"), None)
        self.assertIsNotNone(function, f"{name} needs a function in tests/scripts/study/forced.py")
        made = Made(name, self.folder / name / str(is_true))
        function(made, is_true)
        return made

    def test_every_claim_follows_the_records(self):
        for name in catalogue.names():
            for is_true, usual, others in ((True, HOLDS, TRUE), (False, FAILS, FALSE)):
                with self.subTest(name, is_true=is_true):
                    made = self.made(name, is_true)
                    self.assertEqual(made.words(), others.get(name, [usual] * len(made.study.claims)))

    def test_every_page_is_made_of_such_records(self):
        for name in catalogue.names():
            with self.subTest(name):
                made = self.made(name, True)
                record = judge.begin(self.folder / "pages" / name, name, made.study, False, "abc")
                record = judge.finish(made.folder, made.study, record, made.entries(), 1.0)
                self.assertEqual(record["broke"], [])
                self.assertEqual(read_study(made.folder)["study"], name)  # and so it has the form that it must have
                self.assertIsNotNone(record["table"], record["not_done"])
                self.assertIsNotNone(record["chart"], record["not_done"])
                page = (made.folder / "page.md").read_text()
                for claim in made.study.claims:
                    self.assertIn(claim.source.title, page)
                self.assertIn("## By hand", page)

    def test_nothing_is_claimed_without_records(self):
        for name in catalogue.names():
            with self.subTest(name):
                made = Made(name, self.folder / name)
                self.assertEqual(set(made.words()), {UNTESTABLE})

    def test_the_verdict_depends_on_the_situation_when_the_records_do(self):
        made = Made("io-uring-against-epoll", self.folder)
        forced.io_uring_against_epoll(made, True)
        other = Made("io-uring-against-epoll", self.folder / "other")
        forced.io_uring_against_epoll(other, False)
        for name in ("run.json", "summary.csv"):
            (self.folder / "single" / name).write_bytes((self.folder / "other/single" / name).read_bytes())
        self.assertEqual(made.words(), [DEPENDS, DEPENDS])

    def test_what_was_skipped_is_named_with_its_reason(self):
        made = Made("sndtimeo-granularity", self.folder)
        skip = {"connector": "sndtimeo-threads", "target": "blackhole", "reason": "threads are forbidden"}
        made.write("late", run_of(skipped=[{"connector": "epoll", "reason": "other"}, skip]))
        with self.assertRaisesRegex(Lacking, "sndtimeo-threads was skipped: threads are forbidden"):
            made.finished().figures("late", late_p50, connector="sndtimeo-threads", timeout_ns=10**6)

    def test_a_full_queue_resets_nobody_when_the_records_say_so(self):
        made = Made("accept-queue-overflow", self.folder)
        forced.accept_queue_overflow_without_resets(made)
        self.assertEqual(made.words(), [HOLDS, FAILS])

    def test_a_reset_of_acks_alone_depends_on_what_finds_the_queue_full(self):
        made = Made("accept-queue-overflow", self.folder)
        forced.accept_queue_overflow_without_resets(made, of_acks=True)
        self.assertEqual(made.words(), [HOLDS, DEPENDS])

    def test_a_capture_with_an_answer_refutes_the_set_up_and_not_the_programs(self):
        made = self.made("who-believes-zero", True)
        path = made.folder / "capture/packets.json"
        path.write_text(path.read_text().replace('"syn_ack": 0', '"syn_ack": 1'))
        self.assertEqual(made.words(), [HOLDS, UNTESTABLE, HOLDS])

    def test_a_capture_that_lost_packets_proves_nothing(self):
        for wrong in ('"syn": 20000', '"syn": 3999'), ('"dropped": 0', '"dropped": 1'):
            with self.subTest(wrong[1]):
                made = self.made("who-believes-zero", True)
                path = made.folder / "capture/packets.json"
                path.write_text(path.read_text().replace(*wrong))
                self.assertEqual(made.words(), [HOLDS, UNTESTABLE, HOLDS])
                shutil.rmtree(made.folder)

    def test_nobody_is_acquitted_by_a_run_in_which_nobody_was_misled(self):
        made = Made("who-believes-zero", self.folder)
        forced.who_believes_zero(made, True, misled=0)
        self.assertEqual(made.words()[2], UNTESTABLE)

    def test_attempts_that_never_met_the_error_refute_nothing(self):
        made = Made("who-believes-zero", self.folder)
        forced.who_believes_zero(made, False, ended="deadline_exceeded")
        self.assertEqual(made.words(), [UNTESTABLE, UNTESTABLE, UNTESTABLE])

    def test_a_program_that_could_not_be_started_breaks_no_study(self):
        made = Made("who-believes-zero", self.folder)
        forced.who_believes_zero(made, True)
        others = run_of(failures=[{"wave": wave, "connector": "asyncio", "failure": "status 126"} for wave in (1, 2)])
        made.waves(others, "asyncio", 2, made.module.TARGET, 500, {"never_started": 500})
        made.waves(others, "node", 2, made.module.TARGET, 2000, {"connected": 1, "unreachable": 1999})
        made.write("others", others)
        self.assertEqual(made.words(), [HOLDS, HOLDS, HOLDS])
        names = [line[0] for line in made.study.table(made.finished()).lines]
        self.assertEqual(["`node`" in names, "`asyncio`" in names], [True, False])
        self.assertTrue(made.study.chart(made.finished()).bars)
        self.assertEqual(made.finished().connectors("others"), ["node"])

    def test_a_wave_that_lasts_until_its_limit_does_not_make_threads_slow(self):
        """All healthy hosts were reached; only the dead ones were still pending, which halves the rate."""
        made = Made("threads-or-events", self.folder)
        forced.threads_or_events(made, False)
        path = made.folder / "fleet/summary.csv"
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        for row in rows:
            row["connects_per_s"] = "450" if row["connector"] == "blocking-threads" else row["connects_per_s"]
            if row["connector"] == "sndtimeo-threads" and row["target"] == "accepting":
                row |= {"connected": row["attempts"], "cancelled": "0"}
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        claim = made.study.claims[3]
        self.assertIn("false for without a timeout they fall behind", claim.judge(made.finished()).because)

    def test_where_the_server_is_the_limit_nobody_is_called_no_faster(self):
        made = Made("threads-or-events", self.folder)
        forced.threads_or_events(made, False, server_cpu_ns=0.95 * 10**9)
        self.assertEqual(made.words(), [UNTESTABLE, UNTESTABLE, UNTESTABLE, FAILS])

    def test_threads_that_a_busy_machine_favours_are_not_called_faster(self):
        quiet, busy = [HOLDS, HOLDS, FAILS, HOLDS], [UNTESTABLE] * 3 + [HOLDS]
        for ready, expected in ((0.4, quiet), (0.6, busy), (10.0, busy)):  # a quarter of a thread for each processor
            with self.subTest(ready):
                made = Made("threads-or-events", self.folder / str(ready))
                forced.threads_or_events(made, True, fitness={"unfit": [], "processors": 2, "ready_threads": ready})
                record = judge.begin(self.folder / "pages" / str(ready), "threads-or-events", made.study, True, "abc")
                record = judge.finish(made.folder, made.study, record, made.entries(), 1.0)
                self.assertEqual([claim["verdict"] for claim in record["claims"]], expected)
                said = f"the machine was busy: {ready} threads"
                found = [claim for claim in record["claims"] if said in claim["because"]]
                self.assertEqual(len(found), expected.count(UNTESTABLE))

    def test_a_percentile_that_falls_on_an_attempt_that_never_connected_is_infinite(self):
        for is_true, wanted in ((True, 2_000_000.0), (False, float("inf"))):
            made = self.made("failing-ipv6", is_true)
            study = made.module
            which = {"connector": next(iter(study.TITLES)), "scenario": study.FAILING, "target": "accepting"}
            found = made.finished().responses("fleet", "response_p99_ns", **which)
            self.assertEqual(found, dict.fromkeys(range(1, 6), wanted))

    def test_every_claim_that_more_threads_would_win_needs_a_quiet_machine(self):
        found = {}
        for name in catalogue.names():
            needs = [claim.needs_quiet for claim in catalogue.load(name).claims]
            found |= {name: needs} if any(needs) else {}
        wanted = {"runtimes": [True, True], "sharding": [True, True], "threads-or-events": [True, True, True, False]}
        self.assertEqual(found, wanted)

    def test_words_are_those_of_the_documents(self):
        self.assertEqual(WORDS, ("holds", "does not hold", "depends", "not testable here"))
