"""What scripts/exact keeps of measurements, and how it compares others with that."""

import json
import tempfile
import unittest
from pathlib import Path

from connbench_tools.exact import baseline
from connbench_tools.exact.counts import Connector, per_attempt
from connbench_tools.failures import Unusable

ALLOCATIONS, BYTES = baseline.ALLOCATIONS, baseline.BYTES
MADE_WITH = dict.fromkeys("build_type commit compiler glibc kernel libraries machine".split(), "abc") | {
    "libraries": {"asio": "1.2"}
}


class Figures(unittest.TestCase):
    """What is kept of several measurements, and which figures differ from it."""

    def kept(self, what, *values):
        entries = baseline.keep_all([{"epoll": {what: value}} for value in values])["epoll"]
        return entries.get(what)

    def differs(self, entry, value, what="accepting/close", slack=0.0):
        return bool(
            baseline.differences(
                {"epoll": {what: entry} if entry is not None else {}}, {"epoll": {what: value}}, lambda name, was: slack
            )
        )

    def test_keeps_exactly_what_all_measurements_agree_on(self):
        entry = self.kept("accepting/epoll_ctl", 2.0078, 2.0078)
        self.assertEqual(entry, 2.0078)
        self.assertFalse(self.differs(entry, 2.0078, "accepting/epoll_ctl"))
        self.assertTrue(self.differs(entry, 2.0117, "accepting/epoll_ctl"), "one call in 256 attempts")

    def test_keeps_a_figure_that_varies_around_a_whole_number_as_that_number(self):
        entry = self.kept("accepting/close", 1.0, 1.0117)
        self.assertEqual(entry, {"about": 1, "seen": [1, 1.0117]})
        self.assertFalse(self.differs(entry, 1.2))
        self.assertTrue(self.differs(entry, 2.0117), "one more call per attempt")

    def test_does_not_compare_a_figure_that_varies_more(self):
        entry = self.kept("backlog-full/timerfd_settime", 0.1, 0.4)
        self.assertEqual(entry, {"seen": [0.1, 0.4]})
        self.assertFalse(self.differs(entry, 0.5, "backlog-full/timerfd_settime"))

    def test_remembers_that_a_figure_varies_until_it_becomes_another_number(self):
        about, seen = {"about": 1, "seen": [1, 1.0117]}, {"seen": [0.1, 0.4]}
        self.assertEqual(baseline.remember(about, 1), about)
        self.assertEqual(
            baseline.remember(about, {"about": 1, "seen": [0.99, 1]}), {"about": 1, "seen": [0.99, 1.0117]}
        )
        self.assertEqual(baseline.remember(about, 2), 2)
        self.assertEqual(baseline.remember(seen, {"seen": [0.2, 0.3]}), seen)
        self.assertEqual(baseline.remember(seen, {"seen": [0.2, 0.6]}), {"seen": [0.2, 0.6]})
        self.assertEqual(baseline.remember(seen, 1), 1)
        self.assertEqual(baseline.remember(1, 2), 2)

    def test_ignores_rare_calls_until_they_become_frequent(self):
        entry = self.kept("accepting/mmap", 0, 0.01)
        self.assertIsNone(entry)
        self.assertFalse(self.differs(entry, 0.1, "accepting/mmap"))
        self.assertTrue(self.differs(entry, 1.0, "accepting/mmap"))

    def test_compares_the_named_calls_exactly_even_with_none(self):
        self.assertTrue(self.differs(None, 0.0039, "accepting/setsockopt"), "one call in 256 attempts, instead of none")

    def test_reports_that_a_call_is_gone(self):
        rows = baseline.differences({"epoll": {"accepting/getsockopt": 1}}, {"epoll": {}}, None)
        self.assertEqual(rows, [("epoll", "accepting/getsockopt", 1, 0)])

    def test_allows_memory_to_differ_by_some_pages(self):
        slack = baseline.slack(92.8, "none", 8000)
        self.assertAlmostEqual(slack, 4 * 4096 / 6000)
        self.assertFalse(self.differs(92.8, 95.5, BYTES, slack))
        self.assertTrue(self.differs(92.8, 100.8, BYTES, slack), "eight bytes more, the size of a pointer")
        self.assertGreater(baseline.slack(8704, "pool", 64), 1000)
        self.assertAlmostEqual(baseline.slack(50_000, "none", 8000), 500, msg="one in a hundred of many bytes")

    def test_counts_an_allocation_in_a_thousand_attempts(self):
        self.assertTrue(self.differs(self.kept(ALLOCATIONS, 0.0, 0.0), 0.001, ALLOCATIONS))

    def test_ignores_waits_and_counts_clone3_as_clone(self):
        calls = {"epoll_wait": 40, "futex": 3, "clone3": 8, "close": 8}
        self.assertEqual(
            per_attempt({"calls": calls, "attempts": 8}, "refusing"), {"refusing/clone": 1, "refusing/close": 1}
        )

    def test_does_not_compare_a_connector_with_another_version_of_its_library(self):
        made_with, here = {"libraries": {"asio": "1", "libuv": "1"}}, {"libraries": {"asio": "2", "libuv": "1"}}
        self.assertEqual(baseline.other_library(here, made_with, "asio-coroutines"), ("asio 1", "asio 2"))
        self.assertIsNone(baseline.other_library(here, made_with, "libuv"))
        self.assertIsNone(baseline.other_library(here, made_with, "epoll"))

    def test_measures_short_deadlines_only_with_connectors_that_can_keep_them(self):
        for capabilities, keeps in (
            (self.capabilities(), True),
            (self.capabilities(granularity_ns=4 * 10**6), True),
            (self.capabilities(has_deadline=False), False),
            (self.capabilities(granularity_ns=5 * 10**6, floor_ns=10**9), False),
            (self.capabilities(granularity_ns=4 * 10**9), False),
            (None, False),
        ):
            connector = Connector({"name": "a", "capabilities": capabilities})
            self.assertEqual(connector.keeps_short_deadlines(), keeps, capabilities)

    def capabilities(self, **given):
        return {"threads": "none", "has_deadline": True, "granularity_ns": 1, "floor_ns": 0} | given

    def test_refuses_an_answer_without_capabilities(self):
        for entry in ({"name": "a"}, {"name": "a", "capabilities": {}}, "a"):
            with self.assertRaisesRegex(Unusable, "list --format json"):
                Connector(entry)


class File(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "baseline.json"

    def test_reads_what_was_written_with_one_line_per_target(self):
        entries = {"accepting/close": 1, "refusing/close": {"about": 1, "seen": [1, 1.1]}, ALLOCATIONS: 0}
        document = {"version": 1, "made_with": MADE_WITH, "connectors": {"poll": dict(entries), "epoll": entries}}
        baseline.write(self.path, document)
        self.assertEqual(baseline.read(self.path), document)
        text = self.path.read_text()
        self.assertIn('\n      "accepting": {"close": 1},\n', text)
        self.assertLess(text.index('"epoll"'), text.index('"poll"'))
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])

    def test_refuses_a_file_that_is_not_a_baseline(self):
        for text in ("{", "[]", '{"version": 0}'):
            self.path.write_text(text)
            with self.assertRaises(Unusable):
                baseline.read(self.path)

    def test_refuses_a_damaged_baseline_and_names_the_damage(self):
        whole = {"version": 1, "made_with": MADE_WITH, "connectors": {"epoll": {"accepting": {"close": 1}}}}
        for damage, said in (
            ({"connectors": None}, "connectors is not an object"),
            ({"made_with": []}, "made_with is not an object"),
            ({"made_with": {"commit": "abc"}}, "made_with has no build_type, compiler"),
            ({"connectors": {"epoll": [1]}}, "connectors.epoll is not an object"),
            ({"connectors": {"epoll": {"accepting": 1}}}, "connectors.epoll.accepting is not an object"),
            (
                {"connectors": {"epoll": {"accepting": {"close": "one"}}}},
                'connectors.epoll.accepting.close is "one", not a number',
            ),
            (
                {"connectors": {"epoll": {"accepting": {"close": {"seen": [1]}}}}},
                "connectors.epoll.accepting.close.seen",
            ),
        ):
            self.path.write_text(json.dumps(whole | damage))
            with self.assertRaisesRegex(Unusable, said):
                baseline.read(self.path)

    def test_checks_that_the_file_can_be_written_before_measuring(self):
        self.path.touch()
        baseline.require_writable(self.path)
        self.assertEqual(list(self.path.parent.iterdir()), [self.path])
        for path in (self.path / "in a file", self.path.with_name("nowhere") / "baseline.json"):
            with self.assertRaisesRegex(Unusable, f"{path} cannot be written: "):
                baseline.require_writable(path)
