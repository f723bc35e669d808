"""From many values to few points. Each point is a value that occurred, never an average."""

import math

from ..records.samples import MISSING, numpy
from ..vocabulary import PERCENTILE_CONFIDENCE

MOST_POINTS = 2_000
SHOWN = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)  # percentiles that the axis names, which must be exact
STEPS, LAGS = 400, 150  # points of a line over time: more would look like a band


def ranks(count, of, points):
    """The ranks, from 1, to keep of `count` sorted values that are the smallest of `of` attempts.

    Half of the points are evenly spaced. The others become denser towards the slow end, as the axis 1/(1-q) does.
    """
    points = min(points, MOST_POINTS)
    if count <= points:
        return numpy.arange(1, count + 1)
    exact = [math.ceil(share * of) for share in SHOWN] + [1, count]
    half = (points - len(exact)) // 2
    evenly = numpy.linspace(1, count, half)
    tail = of + 1 - numpy.geomspace(of, of + 1 - count, half)
    kept = numpy.unique(numpy.concatenate([numpy.rint(evenly), numpy.rint(tail), exact]).astype(numpy.int64))
    return kept[(kept >= 1) & (kept <= count)]


def supported(of):
    """The highest rank whose percentile `of` attempts support: 1 - q^n >= PERCENTILE_CONFIDENCE."""
    return int(of * (1 - PERCENTILE_CONFIDENCE) ** (1 / of)) if of else 0


def supports(percentile, of):
    """Whether `of` attempts are enough for a percentile, as a share."""
    return 1 - percentile**of >= PERCENTILE_CONFIDENCE


def ranked(values, of, points):
    """Values at their ranks among `of` attempts. Attempts that failed come after the last value."""
    values = numpy.sort(values)
    kept = ranks(len(values), of, points)
    return {"of": int(of), "ranks": kept.tolist(), "values": values[kept - 1].tolist()}


def in_flight(wave, points):
    """How many attempts were in flight over the time since the first intended start: the most within each step."""
    began = wave.started[wave.started != MISSING]
    ended = wave.finished[(wave.finished != MISSING) & (wave.started != MISSING)]
    if not len(began):
        return None
    times = numpy.concatenate([began, ended])
    change = numpy.concatenate([numpy.ones(len(began), numpy.int64), -numpy.ones(len(ended), numpy.int64)])
    order = numpy.lexsort((change, times))  # at the same moment, ends come first
    times, count = times[order], numpy.cumsum(change[order])
    return _peaks(times - _origin(wave), count, min(points, STEPS))


def lag(wave, points):
    """How late attempts started, over their intended start: the most within each step."""
    known = (wave.scheduled != MISSING) & (wave.started != MISSING)
    if not known.any():
        return None
    order = numpy.argsort(wave.scheduled[known], kind="stable")
    due, late = wave.scheduled[known][order], (wave.started - wave.scheduled)[known][order]
    return _peaks(due - _origin(wave), late, min(points, LAGS))


def _origin(wave):
    wanted = wave.scheduled[wave.scheduled != MISSING]
    return int(wanted.min()) if len(wanted) else int(wave.started[wave.started != MISSING].min())


def _peaks(times, values, points):
    if len(times) > points:
        starts = numpy.unique(numpy.linspace(0, len(times) - 1, points).astype(numpy.int64))
        highest = [start + int(numpy.argmax(part)) for start, part in zip(starts, numpy.split(values, starts[1:]))]
        times, values = times[highest], values[highest]
    return {"x": times.tolist(), "y": values.tolist()}
