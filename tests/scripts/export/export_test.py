"""scripts/export: every figure of a made run, in each format."""

import csv
import io
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from made_records import ROOT, Records
from report.made_report import numpy  # noqa: F401  first: it skips the tests without numpy

from connbench_tools.export.series import rank

HOSTILE = 'a"b\\c\nd'


class ExportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        run = Records().wave("epoll", times=[1000 * n for n in range(1, 91)], failed=10)
        run.wave(
            HOSTILE, target="blackhole", timeout_ns=10**6, times=[10**6 + 500] * 50, outcome="deadline_exceeded"
        )
        run.write(self.folder / "run")

    def export(self, *words, status=0):
        command = [ROOT / "scripts/export", self.folder / "run", *words]
        ended = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(ended.returncode, status, ended.stderr)
        return ended.stdout if status == 0 else ended.stderr

    def test_csv_has_the_percentiles_that_were_asked_for_with_failures_in_the_denominator(self):
        rows = list(csv.DictReader(io.StringIO(self.export("--format", "csv", "--percentiles", "10,50,90,91.5,99.99"))))
        connect = next(row for row in rows if row["connector"] == "epoll" and row["figure"] == "connect")
        self.assertEqual((connect["attempts"], connect["values"]), ("100", "90"))
        self.assertEqual([connect[f"p{n}_ns"] for n in ("10", "50", "90")], ["10000", "50000", "90000"])
        self.assertEqual(
            (connect["p91.5_ns"], connect["p99.99_ns"]), ("", ""), "a percentile beyond the connected ones"
        )
        added = next(row for row in rows if row["connector"] == "epoll" and row["figure"] == "added")
        self.assertEqual((added["attempts"], added["values"], added["p90_ns"]), ("90", "90", "40500"))
        late = next(row for row in rows if row["figure"] == "late")
        self.assertEqual((late["target"], late["p50_ns"], late["attempts"]), ("blackhole", "500", "50"))

    def test_json_has_the_outcomes_too(self):
        document = json.loads(self.export("--format", "json", "--figure", "connect"))
        epoll, other = document["cases"]
        self.assertEqual(epoll["outcomes"], {"connected": 90, "refused": 10})
        self.assertEqual(epoll["figures"]["connect"]["percentiles"]["p50_ns"], 50000)
        self.assertEqual(list(epoll["figures"]), ["connect"])
        self.assertEqual((other["connector"], other["outcomes"]), (HOSTILE, {"deadline_exceeded": 50}))

    def test_openmetrics_is_in_seconds_complete_and_escaped(self):
        text = self.export("--format", "openmetrics")
        self.assertTrue(text.endswith("# EOF\n"))
        named = 'target="accepting",scenario="burst",family="4",concurrency="1",shards="1",timeout_ns="1000000000"'
        self.assertIn(f'connbench_connect_seconds{{connector="epoll",{named},quantile="0.5"}} 5e-05\n', text)
        self.assertIn(f'connbench_connect_seconds_count{{connector="epoll",{named}}} 90\n', text)
        self.assertIn(f'connbench_attempts_total{{connector="epoll",{named},outcome="refused"}} 10\n', text)
        for line in text.splitlines():
            self.assertRegex(line, r'^(# .*|\w+\{(\w+="([^"\\]|\\.)*",?)*\} [-+.e\d]+)$')

    def test_hdr_has_a_distribution_per_figure_in_microseconds(self):
        text = self.export("--format", "hdr", "--figure", "connect", "--percentiles", "50,90,99")
        found = re.findall(r"^ +([\d.]+) (0\.\d+) +(\d+) +([\d.]+)$", text, re.MULTILINE)
        self.assertEqual(
            [row[:3] for row in found], [("50.000", "0.500000000000", "50"), ("90.000", "0.900000000000", "90")]
        )
        self.assertIn("#[Max     =       90.000, Total count    =           90]", text)

    def test_writes_a_file_on_request(self):
        self.assertEqual(self.export("--format", "csv", "--out", self.folder / "x.csv"), "")
        self.assertIn("epoll,accepting", (self.folder / "x.csv").read_text())

    def test_a_rank_is_not_moved_by_rounding(self):
        for percent in range(1, 101):
            self.assertEqual(rank(percent / 100, 800), 8 * percent, percent)

    def test_says_what_is_wrong(self):
        for words, said in (
            (["--format", "xml"], "invalid choice: 'xml'"),
            (["--format", "csv", "--percentiles", "0"], "expected percentiles above 0"),
            (["--format", "csv", "--percentiles", "101"], "expected a number from 0 to 100"),
            (["--format", "csv", "--figure", "speed"], "'speed' is not one of connect, wait, late, added"),
        ):
            self.assertIn(said, self.export(*words, status=2))
        (self.folder / "run/samples.csv").unlink()
        self.assertIn("has no samples, from which", self.export("--format", "csv", status=2))
