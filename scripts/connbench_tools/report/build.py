"""From folders to files."""

from collections import namedtuple

from ..failures import Unusable
from ..output import one_line, write_text
from ..records import verdicts
from ..records.folders import runs_in

from . import sections as parts
from .charts import Material
from .comparison import lines_of
from .page import page
from .studies import finished_studies
from .verdict import sentences

POINTS = (800, 400, 200, 100, 50)  # of a curve: the most that fit

# Which figures to draw: into which folder, for all loads or for the first of each chart, and which charts (empty: all).
Figures = namedtuple("Figures", "folder all_loads only")


def build(folders, verdicts_file=None, out=None, figures=None, most_bytes=2_000_000):
    """Writes the page, and the figures that are asked for. `verdicts_file`: a verdicts.csv, else those in the folders.
    Returns the paths."""
    runs = runs_in(folders)
    judged = verdicts.read(folders, verdicts_file)
    whole = one_line(folders[0].resolve().name) if len(folders) == 1 and len(runs) > 1 else None
    material = Material(runs, lines_of(runs), parts.colour_order(runs), POINTS[0], whole)
    drawn, text = _fitting(material, judged, finished_studies(folders), most_bytes)
    named, out = out is not None, out or folders[0] / "report.html"
    if out.is_dir():
        raise Unusable(f"{out} is a folder: name a file with --out")
    write_text(out, text, follow_links=named)
    made = [out]
    if figures:
        try:
            from .figures import write_figures
        except ImportError as error:
            raise Unusable(f"figures need matplotlib ({error}): apt-get install python3-matplotlib") from error
        made += write_figures(material, drawn, figures)
    return made


def _fitting(material, judged, studies, most_bytes):
    """The page with the most points that is small enough."""
    said = sentences(material, judged)
    for material.points in POINTS:
        drawn = parts.all_sections(material)
        text = page(material, drawn, said, judged, studies)
        if len(text.encode()) <= most_bytes:
            return drawn, text
    raise Unusable(
        f"{len(material.lines)} cases make a page of more than {most_bytes:,} bytes: give fewer runs at once"
    )
