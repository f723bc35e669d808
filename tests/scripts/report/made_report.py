"""Base of the tests of scripts/report, which are skipped without numpy."""

import sys

from made_records import RecordsTest

try:
    import numpy  # noqa: F401  for the tests
except ImportError:
    print(f"skipped: {sys.executable} has no numpy (apt-get install python3-numpy)")
    sys.exit(77)

from connbench_tools.records.folders import runs_in
from connbench_tools.report import build, sections, verdict
from connbench_tools.report.charts import Material
from connbench_tools.report.comparison import lines_of


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
