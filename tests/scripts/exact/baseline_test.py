"""What scripts/exact keeps of measurements, and what differs from that: python3 tests/scripts/exact_test.py"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts"))

import exact_baseline as baseline  # noqa: E402
from exact_counts import Connector, Unusable, per_attempt  # noqa: E402

ALLOCATIONS, BYTES = baseline.ALLOCATIONS, baseline.BYTES
MADE_WITH = dict.fromkeys("build_type commit compiler glibc kernel libraries machine".split(), "abc")


class Figures(unittest.TestCase):
    """What is kept of several measurements, and what differs from it."""

    def kept(self, what, *values):
        entries = baseline.keep_all([{"epoll": {what: value}} for value in values])["epoll"]
        return entries.get(what)

    def differs(self, entry, value, what="accepting/close", slack=0.0):
        return bool(baseline.differences({"epoll": {what: entry} if entry is not None else {}}, {"epoll": {what: value}},
                                         lambda name, was: slack))  # fmt: skip

    def test_keeps_exactly_what_all_measurements_agree_on(self):
        entry = self.kept("accepting/epoll_ctl", 2.0078, 2.0078)
        self.assertEqual(entry, 2.0078)
        self.assertFalse(self.differs(entry, 2.0078, "accepting/epoll_ctl"))
        self.assertTrue(self.differs(entry, 2.0117, "accepting/epoll_ctl"), "one call in 256 attempts")

    def test_keeps_as_a_whole_number_what_varies_around_one(self):
        entry = self.kept("accepting/close", 1.0, 1.0117)
        self.assertEqual(entry, {"about": 1, "seen": [1, 1.0117]})
        self.assertFalse(self.differs(entry, 1.2))
        self.assertTrue(self.differs(entry, 2.0117), "a call more an attempt")

    def test_holds_to_nothing_what_varies_by_more(self):
        entry = self.kept("backlog-full/timerfd_settime", 0.1, 0.4)
        self.assertEqual(entry, {"seen": [0.1, 0.4]})
        self.assertFalse(self.differs(entry, 0.5, "backlog-full/timerfd_settime"))

    def test_remembers_what_was_known_to_vary_until_it_is_another_number(self):
        about, seen = {"about": 1, "seen": [1, 1.0117]}, {"seen": [0.1, 0.4]}
        self.assertEqual(baseline.remember(about, 1), about)
        self.assertEqual(baseline.remember(about, {"about": 1, "seen": [0.99, 1]}), {"about": 1, "seen": [0.99, 1.0117]})
        self.assertEqual(baseline.remember(about, 2), 2)
        self.assertEqual(baseline.remember(seen, {"seen": [0.2, 0.3]}), seen)
        self.assertEqual(baseline.remember(seen, {"seen": [0.2, 0.6]}), {"seen": [0.2, 0.6]})
        self.assertEqual(baseline.remember(seen, 1), 1)
        self.assertEqual(baseline.remember(1, 2), 2)

    def test_says_nothing_of_rare_calls_and_sees_when_they_are_not(self):
        entry = self.kept("accepting/mmap", 0, 0.01)
        self.assertIsNone(entry)
        self.assertFalse(self.differs(entry, 0.1, "accepting/mmap"))
        self.assertTrue(self.differs(entry, 1.0, "accepting/mmap"))

    def test_holds_the_calls_of_the_table_to_nothing_more_than_none(self):
        self.assertTrue(self.differs(None, 0.0039, "accepting/setsockopt"), "one in 256 attempts where there was none")

    def test_sees_that_a_call_is_gone(self):
        rows = baseline.differences({"epoll": {"accepting/getsockopt": 1}}, {"epoll": {}}, None)
        self.assertEqual(rows, [("epoll", "accepting/getsockopt", 1, 0)])

    def test_allows_memory_its_pages_and_no_more(self):
        slack = baseline.slack(92.8, "none", 8000)
        self.assertAlmostEqual(slack, 4 * 4096 / 6000)
        self.assertFalse(self.differs(92.8, 95.5, BYTES, slack))
        self.assertTrue(self.differs(92.8, 100.8, BYTES, slack), "eight bytes, one pointer, more")
        self.assertGreater(baseline.slack(8704, "pool", 64), 1000)

    def test_counts_an_allocation_in_a_thousand_attempts(self):
        self.assertTrue(self.differs(self.kept(ALLOCATIONS, 0.0, 0.0), 0.001, ALLOCATIONS))

    def test_leaves_waits_out_and_takes_both_ways_of_making_a_thread_for_one(self):
        calls = {"epoll_wait": 40, "futex": 3, "clone3": 8, "close": 8}
        self.assertEqual(per_attempt({"calls": calls, "attempts": 8}, "refusing"),
                         {"refusing/clone": 1, "refusing/close": 1})  # fmt: skip

    def test_compares_no_connector_whose_library_is_another(self):
        made_with, here = {"libraries": {"asio": "1", "libuv": "1"}}, {"libraries": {"asio": "2", "libuv": "1"}}
        self.assertEqual(baseline.other_library(here, made_with, "asio-coroutines"), ("asio 1", "asio 2"))
        self.assertIsNone(baseline.other_library(here, made_with, "libuv"))
        self.assertIsNone(baseline.other_library(here, made_with, "epoll"))

    def test_asks_only_those_for_short_deadlines_that_keep_them(self):
        for deadline, keeps in (("timer", True), ("socket option, steps of 4ms", True), ("kernel", False),
                                ("socket option, not before 1s, steps of 5ms", False), ("socket option, steps of 4s", False)):
            self.assertEqual(Connector(f"  a  none  {deadline}   -  text").keeps_short_deadlines(), keeps, deadline)


class File(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "baseline.json"

    def test_is_read_as_it_was_written_and_has_a_line_for_each_target(self):
        entries = {"accepting/close": 1, "refusing/close": {"about": 1, "seen": [1, 1.1]}, ALLOCATIONS: 0}
        document = {"version": 1, "made_with": MADE_WITH, "connectors": {"poll": dict(entries), "epoll": entries}}
        baseline.write(self.path, document)
        self.assertEqual(baseline.read(self.path), document)
        text = self.path.read_text()
        self.assertIn('\n      "accepting": {"close": 1},\n', text)
        self.assertLess(text.index('"epoll"'), text.index('"poll"'))
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_is_refused_when_it_is_none(self):
        for text in ("{", "[]", '{"version": 0}'):
            self.path.write_text(text)
            with self.assertRaises(Unusable):
                baseline.read(self.path)

    def test_is_refused_when_a_part_is_damaged_and_the_part_is_named(self):
        whole = {"version": 1, "made_with": MADE_WITH, "connectors": {"epoll": {"accepting": {"close": 1}}}}
        for damage, told in (
            ({"connectors": None}, "connectors is missing"), ({"made_with": []}, "made_with is missing"),
            ({"made_with": {"commit": "abc"}}, "made_with has no build_type, compiler"),
            ({"connectors": {"epoll": [1]}}, "connectors is damaged"),
            ({"connectors": {"epoll": {"accepting": 1}}}, "connectors is damaged"),
            ({"connectors": {"epoll": {"accepting": {"close": "one"}}}}, 'accepting/close of epoll is "one", which is no figure'),
            ({"connectors": {"epoll": {"accepting": {"close": {"seen": [1]}}}}}, "accepting/close of epoll is"),
        ):  # fmt: skip
            self.path.write_text(json.dumps(whole | damage))
            with self.assertRaisesRegex(Unusable, told):
                baseline.read(self.path)

    def test_is_known_not_to_be_writable_before_anything_is_measured(self):
        self.path.touch()
        baseline.expect_writable(self.path)
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])
        for path in (self.path / "in a file", self.path.with_name("nowhere") / "baseline.json"):
            with self.assertRaisesRegex(Unusable, f"{path} cannot be written: "):
                baseline.expect_writable(path)


if __name__ == "__main__":
    unittest.main()
