"""From many values to few points: each is a value that occurred, none is an average."""

import math

import numpy

from .samples import MISSING

MOST_POINTS = 2_000
SHOWN = (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)  # percentiles that are named on the axis: exact
STEPS, LAGS = 400, 150  # of a line over time: more would be a band, not a line
CERTAIN = 0.975  # of a percentile's upper bound, as in summary.csv


def ranks(count, of, points):
    """Which of `count` sorted values to keep, as ranks from 1, when they are the smallest of `of` attempts.

    Half of the points lie evenly, half get denser towards the slow end, as the axis 1/(1-q) does.
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
    """The highest rank whose percentile `of` attempts support: 1 - q^n >= 0.975."""
    return int(of * (1 - CERTAIN) ** (1 / of)) if of else 0


def ranked(values, of, points):
    """Values at their ranks among `of` attempts; those that failed are behind the last."""
    values = numpy.sort(values)
    kept = ranks(len(values), of, points)
    return {"of": int(of), "ranks": kept.tolist(), "values": values[kept - 1].tolist()}


def in_flight(wave, points):
    """How many attempts were in flight, in time since the first was wanted: the most within each step."""
    began = wave.started[wave.started != MISSING]
    ended = wave.finished[(wave.finished != MISSING) & (wave.started != MISSING)]
    if not len(began):
        return None
    times = numpy.concatenate([began, ended])
    change = numpy.concatenate([numpy.ones(len(began), numpy.int64), -numpy.ones(len(ended), numpy.int64)])
    order = numpy.lexsort((change, times))  # of one moment: ends first
    times, count = times[order], numpy.cumsum(change[order])
    return _peaks(times - _origin(wave), count, min(points, STEPS))


def lag(wave, points):
    """Real less intended start, over the intended start: the latest within each step."""
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
