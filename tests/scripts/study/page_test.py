"""What a study leaves: study.json, its page, the report with that page, and the document of all studies."""

import tempfile
import unittest
from pathlib import Path

from connbench_tools.failures import Unusable
from connbench_tools.records.studies import read_study
from connbench_tools.report import build
from connbench_tools.study import catalogue, judge, session
from made_records import HOSTILE
from study import forced
from study.made_study import Made

NAME = "io-uring-against-epoll"


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def study(self, is_quick=False, change=None):
        """A finished study in a folder of all studies."""
        made = Made(NAME, self.folder / "all" / NAME)
        record = judge.begin(made.folder, NAME, made.study, is_quick, "abc")
        forced.io_uring_against_epoll(made, True)
        entries = made.entries()
        if change:
            change(entries)
        judge.finish(made.folder, made.study, record, entries, 1.0)
        return made.folder

    def test_the_report_of_its_runs_begins_with_its_page(self):
        folder = self.study()
        (page,) = build.build([folder])
        text = page.read_text()
        self.assertLess(text.index("<section id=studies>"), text.index('<section id="verdict">'))
        self.assertIn("Efficient IO with io_uring", text)
        self.assertEqual(text.count("<b>Not measured</b>"), 0)  # nothing was left out, but there are limits
        self.assertEqual(text.count("<b>What this does not show</b>"), 1)
        self.assertIn('src="data:image/svg+xml;base64,', text)
        (page,) = build.build([folder / "batched"])
        self.assertNotIn("id=studies", page.read_text())

    def test_what_records_contain_is_text_in_page_and_report(self):
        def hostile(entries):
            entries.append({"name": "x", "folder": "x", "command": HOSTILE, "why_not": HOSTILE})

        folder = self.study(change=hostile)
        (page,) = build.build([folder])
        self.assertNotIn("<img src=x", page.read_text())
        self.assertNotIn("\nline $x$", (folder / "page.md").read_text())

    def test_the_reason_of_a_missing_step_is_not_repeated_for_table_and_chart(self):
        def lacking(entries):
            for entry, why_not in zip(entries, ("no network", "no rights"), strict=False):
                entry["why_not"] = why_not

        notes = read_study(self.study(change=lacking))["not_done"]
        self.assertTrue(any("no network" in note for note in notes))
        self.assertFalse([note for note in notes if note.startswith(("no table", "no chart"))])

    def test_a_damaged_record_is_refused_in_one_line(self):
        folder = self.study()
        path = folder / "study.json"
        for old, new in (
            ('"complete": true', '"complete": 1'),
            ('"verdict"', '"word"'),
            ('"study_schema": 1', '"x": 1'),
        ):
            text = path.read_text()
            path.write_text(text.replace(old, new))
            with self.assertRaisesRegex(Unusable, "study.json is damaged"):
                build.build([folder])
            path.write_text(text)

    def test_rules_can_be_applied_again_without_measuring(self):
        folder = self.study()
        before = (folder / "page.md").read_text()
        (folder / "page.md").unlink()
        session.judge_again([folder])
        self.assertEqual((folder / "page.md").read_text(), before)

    def test_the_document_has_a_row_for_each_study_measured_or_not(self):
        folder = self.study()
        (folder / "batched/samples.csv").write_text("large\r\n")
        others = ("exhaustion.csv", "probe.csv", "trace.json", "answer.json", "packets.json")
        for name in others:
            (folder / "batched" / name).write_text(name)
        (self.folder / "docs").mkdir()
        session.publish(folder.parent, self.folder / "kept", self.folder / "docs/studies.md")
        text = (self.folder / "docs/studies.md").read_text()
        for name in catalogue.names():
            self.assertRegex(text, rf"\n\| \[?{name}")
        self.assertIn(f"[{NAME}](../kept/{NAME}/page.md)", text)
        self.assertIn("not measured yet", text)
        for name in ("run.json", "summary.csv", *others):
            kept, own = (one / NAME / "batched" / name for one in (self.folder / "kept", folder.parent))
            self.assertEqual(kept.read_text(), own.read_text())
        self.assertTrue((self.folder / "kept" / NAME / "figure.svg").exists())
        self.assertFalse((self.folder / "kept" / NAME / "batched/samples.csv").exists())

    def test_quick_figures_are_not_published(self):
        folder = self.study(is_quick=True)
        self.assertIn("No verdict to keep", (folder / "page.md").read_text())
        with self.assertRaisesRegex(Unusable, "--quick"):
            session.publish(folder.parent, self.folder / "kept", self.folder / "studies.md")

    def test_a_failing_rule_spoils_neither_the_other_claims_nor_the_figures(self):
        folder = self.study()
        path = folder / "single/run.json"
        path.write_text(path.read_text().replace('"calls": {"connect": 100}', '"calls": {"connect": null}'))
        made = Made(NAME, folder)
        record = read_study(folder)
        record = judge.finish(folder, made.study, record, record["steps"], 1.0)
        self.assertEqual([claim["verdict"] for claim in record["claims"]], ["not testable here", "holds"])
        self.assertEqual(record["verdict"], "holds")
        self.assertTrue(record["broke"])


class Resuming(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_folder_of_something_else_is_left_alone(self):
        folder = self.folder / NAME
        folder.mkdir()
        (folder / "mine").write_text("x")
        with self.assertRaisesRegex(Unusable, "is not a study's folder"):
            session._remove(folder)
        self.assertTrue((folder / "mine").exists())

    def test_only_the_same_finished_study_of_the_same_program_counts_as_measured(self):
        made = Made(NAME, self.folder / NAME)
        record = judge.begin(made.folder, NAME, made.study, False, "abc")
        self.assertIsNone(session._earlier(made.folder, NAME, False, "abc"))
        forced.io_uring_against_epoll(made, True)
        judge.finish(made.folder, made.study, record, made.entries(), 1.0)
        self.assertIsNotNone(session._earlier(made.folder, NAME, False, "abc"))
        self.assertIsNone(session._earlier(made.folder, NAME, True, "abc"))
        self.assertIsNone(session._earlier(made.folder, NAME, False, "def"))
