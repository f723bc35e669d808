"""What is exported: for each connector under each load the outcomes, and the percentiles of each figure.

Percentiles are of all attempts of all repetitions together, from samples.csv. Attempts without the figure stay in the
denominator, as slower than all others: with 10 % failures there is no p95.
"""

import math
from collections import namedtuple

from ..failures import Unusable
from ..records.samples import Wave, numpy
from ..report.charts import Material
from ..report.comparison import lines_of
from ..report.curves import supports
from ..report.sections import colour_order

# Figure: `values`: from a wave and the timeout, in ns. `of`: how many attempts of a line they are a part of; None: only
# those that have the figure.
Figure = namedtuple("Figure", "name explains values of")


def _attempts(line):
    return line.attempts


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("connect", "from the actual start until connected", lambda wave, _: wave.connecting(), _attempts),
        Figure("wait", "from the intended start until connected", lambda wave, _: wave.waiting(), _attempts),
        Figure(
            "late",
            "from the deadline until given up",
            Wave.overshoot,
            lambda line: line.outcomes["deadline_exceeded"],
        ),
        Figure("added", "connecting, less the handshake", lambda wave, _: wave.added(), None),
    )
}

# One figure of one connector under one load. `values`: sorted, in ns; `of`: the attempts of which they are a part.
Series = namedtuple("Series", "line figure values of")


def of_run(run, names):
    """The Series of a run that have a value."""
    lines = lines_of([run])
    material, found = Material([run], lines, colour_order([run]), 1), []
    for line in lines:
        waves = material.waves_of(line)
        for name in names:
            figure = FIGURES[name]
            values = [figure.values(wave, line.load.timeout_ns) for wave in waves]
            values = numpy.sort(numpy.concatenate(values)) if values else ()
            if len(values):
                found.append(Series(line, figure, values, figure.of(line) if figure.of else len(values)))
    if lines and not any(material.waves.values()):
        raise Unusable(f"{run.label} has no samples, from which percentiles could be taken ({_why_none(run)})")
    return lines, found


def _why_none(run):
    if run.samples_elsewhere():
        return "they are on the hosts of the cluster; docs/cluster.md says how to put them together"
    return f"--samples {run.facts.get('samples', 'all')}"


def rank(share, of):
    """The nearest rank, from 1. 0.55 is a little more than 55 of 100, which must not become the 56th."""
    return max(1, math.ceil(share * of - 1e-9))


def percentile(series, share):
    """In ns; None when too few attempts have the figure, or when there are too few attempts for such a percentile."""
    at = rank(share, series.of)
    return float(series.values[at - 1]) if supports(share, series.of) and at <= len(series.values) else None


def labels(line):
    """The load and the connector, as names and texts."""
    load = line.load
    return {
        "connector": line.connector,
        "target": load.target,
        "scenario": load.scenario,
        "family": load.family,
        "concurrency": str(load.concurrency),
        "shards": str(load.shards),
        "timeout_ns": str(load.timeout_ns),
    }
