"""What all sections of charts share. A section has views, of which one is visible at a time, and charts for each view.

Sections are plain dictionaries, because the page gets them as JSON, and the figures are drawn from the same data:
  id, title, views, charts; why_not (what is not drawn, and why: an empty chart always has an explanation)
  view: label, data: {chart id: [curve]}, note
  chart: id, title, says, form ("percentiles", "ecdf" or "xy"), of (chart with its data), x and y: label, unit, log
  curve: c (index of the connector), and
    percentiles, ecdf: of (attempts), sure (the highest rank that they support), ranks, values
    xy: x, y; perhaps low and high (the range over repetitions; None: beyond the chart), marks: [index, text],
      steps (true: constant between)
"""

import math

from ..records.samples import attempts_by_case, waves_of
from ..records.tables import case_of
from ..records.waves import median
from ..units import listed
from .comparison import load_text
from .curves import ranked, supported


class Material:
    """What sections are made from."""

    def __init__(self, runs, lines, connectors, points, name=None):
        self.name = name  # of all runs together; None when they have only their own names
        self.runs, self.lines, self.points = runs, lines, points
        self.connectors = connectors  # names, in the order of their colours
        self.number = {name: i for i, name in enumerate(connectors)}
        self.several = len(runs) > 1
        self.waves, self.samples_kept = {}, {}
        for run in runs:
            self.samples_kept[run.name] = _samples_kept(run)
            self.waves[run.name] = waves_of(run)

    def waves_of(self, line):
        """The samples of its repetitions. A wave without a row in summary.csv (of a killed run) is left out."""
        load, there = line.load, self.waves[line.load.run]
        keys = [case_of(row) for row in line.rows]
        return [there[key] for key in keys if key in there] if load.run in self.waves else []

    def lost_samples(self):
        """A sentence for each run whose samples.csv has fewer attempts than it should have."""
        sentences = []
        for run in self.runs:
            promised = run.facts.get("samples") == "all" and not run.samples_elsewhere()
            if run.facts.get("complete") is not True or not promised:
                continue
            wanted = attempts_by_case(run)
            there, path = self.waves[run.name], run.samples_file()
            found = sum(min(count, len(there[case].outcome)) for case, count in wanted.items() if case in there)
            if found < sum(wanted.values()):
                has = (
                    f"{path.name} has {found:,} of {sum(wanted.values()):,} attempts"
                    if path
                    else "samples.csv is missing"
                )
                sentences.append(
                    f"{run.name}: {has}, although run.json says that all were kept: the file was cut short, damaged "
                    f"or removed. "
                    "Curves show what is left; the table comes from summary.csv, and includes every attempt."
                )
        return sentences

    def label(self, load, without=()):
        return load_text(load, self.several, without)

    def by_load(self, wanted=lambda line: True):
        """Lines by load, in order."""
        loads = {}
        for line in self.lines:
            if wanted(line):
                loads.setdefault(line.load, []).append(line)
        return loads

    def ranked_curve(self, line, values, of):
        curve = ranked(values, of, self.points)
        return curve | {"c": self.number[line.connector], "sure": supported(of)}


def _samples_kept(run):
    kept = run.facts.get("samples", "all")
    if kept != "none" and run.samples_elsewhere():
        return "elsewhere"
    return kept if run.samples_file() or kept != "all" else "missing"


class WhyNot:
    """Loads that are not drawn, grouped by the reason."""

    def __init__(self):
        self.loads = {}

    def add(self, reason, what):
        self.loads.setdefault(reason, []).append(what)

    def texts(self):
        return [f"{listed(dict.fromkeys(what), 3)}: {reason}" for reason, what in self.loads.items()]


RANGED = "Medians over the repetitions, with their range from lowest to highest."


def ranged(points):
    """A curve of medians with the range over the repetitions, from pairs of x and the values of the repetitions. The
    axis is logarithmic: a median that it cannot show is left out, and a range whose end it cannot show has none."""
    kept = sorted((x, median(values), sorted(values)) for x, values in points if _shown(median(values)))
    return {
        "x": [x for x, _, _ in kept],
        "y": [middle for _, middle, _ in kept],
        "low": [_shown(values[0]) for _, _, values in kept],
        "high": [_shown(values[-1]) for _, _, values in kept],
    }


def _shown(value):
    return value if value and math.isfinite(value) else None


def no_samples(material, load):
    kept = material.samples_kept[load.run]
    return {
        "missing": "samples.csv is missing",
        "none": "its samples were not kept (--samples none)",
        "elsewhere": "its samples are on the hosts of the cluster (docs/cluster.md says how to put them together)",
        "failures": "only the samples of failed attempts were kept (--samples failures)",
    }.get(kept, "samples.csv has no such wave")


def section(identity, title, charts, views, why_not):
    if not views and not why_not:
        why_not = ["No wave of such a load was measured."]
    return {"id": identity, "title": title, "charts": charts, "views": views, "why_not": why_not}


def axis(label, unit, log=False):
    """`unit`: ns, s, /s, KiB, share, count or percentile."""
    return {"label": label, "unit": unit, "log": log}


def chart(identity, title, says, form, x, y, of=None):
    return {"id": identity, "title": title, "says": says, "form": form, "x": x, "y": y, "of": of or identity}
