"""From folders to files."""

import os
from collections import namedtuple

from connector_records import Unusable

from . import sections as parts
from .charts import Material
from .comparison import lines_of
from .page import page
from .runs import runs_in, verdicts_of
from .verdict import sentences

POINTS = (800, 400, 200, 100, 50)  # of a curve: as many as fit

# Which figures are drawn: into which folder, of every load or of each chart's first, of which charts (none: of all).
Figures = namedtuple("Figures", "folder all_loads only")


def build(folders, verdicts=None, out=None, figures=None, most_bytes=2_000_000):
    """Writes the page, and the figures when they are asked for; returns their paths."""
    runs = runs_in(folders)
    judged = verdicts_of(folders, verdicts)
    whole = folders[0].resolve().name if len(folders) == 1 and len(runs) > 1 else None
    material = Material(runs, lines_of(runs), parts.colour_order(runs), POINTS[0], whole)
    drawn, text = _fitting(material, judged, most_bytes)
    out = out or folders[0] / "report.html"
    # Whoever has the old page open, or kills this, keeps a whole one.
    new = out.with_name(out.name + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, out)
    made = [out]
    if figures:
        try:
            from .figures import write_figures
        except ImportError as error:
            raise Unusable(f"figures need matplotlib ({error}): apt-get install python3-matplotlib") from error
        made += write_figures(material, drawn, figures)
    return made


def _fitting(material, judged, most_bytes):
    """The finest page that is small enough."""
    said = sentences(material, judged)
    for material.points in POINTS:
        drawn = parts.all_sections(material)
        text = page(material, drawn, said, judged)
        if len(text.encode()) <= most_bytes:
            return drawn, text
    raise Unusable(f"{len(material.lines)} cases make a page of more than {most_bytes:,} bytes: give fewer runs at once")
