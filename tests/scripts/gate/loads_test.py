"""The loads of a comparison: from a file, and from the command line."""

import tempfile
import unittest
from pathlib import Path

from connbench_tools.failures import Unusable
from connbench_tools.gate import loads, suite

KNOWN = [
    {"name": "accepting", "network": "loopback", "expected_outcomes": ["connected"]},
    {"name": "refusing", "network": "loopback", "expected_outcomes": ["refused"]},
    {"name": "blackhole", "network": "lab", "expected_outcomes": ["peer_timeout", "deadline_exceeded"]},
    {"name": "delayed", "network": "lab", "expected_outcomes": ["connected"]},
]


class LoadsTest(unittest.TestCase):
    def read(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "gate.toml"
            path.write_text(text)
            return loads.read(path)

    def test_a_file_replaces_what_it_names_and_leaves_the_rest_as_in_ours(self):
        text = '[rate]\nconnectors = ["my-way"]\ntargets = ["accepting"]\nattempts = 500\n[late]\ntimeout = "20ms"\n'
        found = self.read(text)
        self.assertEqual(list(found), ["rate", "late"], "a load that the file does not name was kept")
        words = "--connector my-way --target accepting --concurrency 64 --attempts 500 --repetitions 1 --timeout 5s"
        self.assertEqual(found["rate"].words(), words.split())
        self.assertEqual(found["late"], loads.replace(loads.OURS["late"], timeout="20ms"))

    def test_a_mistake_in_a_file_is_named(self):
        for text, said in (
            ("[rate", "is not TOML"),
            ("", "has no load"),
            ("[speed]\n", "'speed' is no load: those are [rate], [late] and [added]"),
            ("rate = 3\n", "'rate' is no load"),
            ("[rate]\ntarget = ['accepting']\n", "rate.target: no load has this key: the keys are connectors, targets"),
            ("[rate]\nattempts = 0\n", "rate.attempts is 0: it must be a whole number above 0"),
            ("[rate]\nattempts = true\n", "rate.attempts is True"),
            ("[rate]\nattempts = '5'\n", "rate.attempts is '5'"),
            ("[rate]\ntimeout = 5\n", "rate.timeout is 5: it must be a text"),
            ("[rate]\ntargets = 'accepting'\n", "rate.targets is 'accepting': it must be a list of names"),
            ("[rate]\nconnectors = []\n", "rate.connectors is []"),
        ):
            with self.subTest(text), self.assertRaises(Unusable) as caught:
                self.read(text)
            self.assertIn(said, str(caught.exception))

    def test_a_target_goes_to_the_load_that_suits_it(self):
        targets = ["refusing", "blackhole", "delayed:5ms", "tcp:192.0.2.1:80"]
        found = loads.chosen(loads.OURS, ["my-way"], targets, KNOWN)
        self.assertEqual(found["rate"].targets, ("refusing", "tcp:192.0.2.1:80"))
        self.assertEqual(found["late"].targets, ("blackhole",))
        self.assertEqual(found["added"].targets, ("delayed:5ms",))
        self.assertEqual({load.connectors for load in found.values()}, {("my-way",)})
        self.assertEqual(list(loads.chosen(loads.OURS, None, ["delayed:5ms"], KNOWN)), ["added"])

    def test_a_connector_without_a_timeout_is_not_late(self):
        given = loads.chosen(loads.OURS, ["stubborn", "my-way+close:rst"], None, KNOWN)
        found, notes = loads.without_deadlines(given, {"stubborn": False, "my-way": True})
        self.assertEqual(found["late"].connectors, ("my-way+close:rst",))
        self.assertEqual(found["rate"].connectors, ("stubborn", "my-way+close:rst"))
        self.assertEqual(notes, ["not judged: stubborn in the load 'late': it has no timeout of its own"])

    def test_one_target_in_two_loads_is_refused(self):
        both = {name: loads.replace(loads.OURS[name], targets=("accepting",)) for name in ("rate", "late")}
        with self.assertRaises(Unusable) as caught:
            suite.Suite(both)
        self.assertIn("the target accepting is in two loads, rate and late", str(caught.exception))
