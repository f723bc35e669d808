"""Each study follows its records: when they make a claim true, it holds, and when they make it false, it does not."""

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
    "threads-or-events": [HOLDS, UNTESTABLE, FAILS, HOLDS],
}
FALSE = {
    "port-cliff": [FAILS, FAILS, UNTESTABLE],
    "threads-or-events": [FAILS, FAILS, HOLDS, FAILS],
    "accept-queue-overflow": [FAILS, UNTESTABLE],
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

    def test_a_capture_with_an_answer_refutes_the_set_up_and_not_the_programs(self):
        made = self.made("who-believes-zero", True)
        path = made.folder / "capture/packets.json"
        path.write_text(path.read_text().replace('"syn_ack": 0', '"syn_ack": 1'))
        self.assertEqual(made.words(), [HOLDS, UNTESTABLE, HOLDS])

    def test_words_are_those_of_the_documents(self):
        self.assertEqual(WORDS, ("holds", "does not hold", "depends", "not testable here"))
