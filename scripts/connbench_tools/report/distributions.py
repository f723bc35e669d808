"""Sections of whole distributions, pooled over the repetitions: latency, overshoot, what is added to the handshake."""

import numpy

from . import charts
from .comparison import HARNESS, is_fleet, is_open_loop, latency_is_comparable
from .samples import Wave

PERCENTILE = charts.axis("percentile of the attempts", "percentile", log=True)
LITTLE = (
    "closed loop with several in flight, where latency is only in flight / rate (Little's law); "
    "run with --concurrency 1 or --arrival poisson:RATE/s to compare it"
)


def latency(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(lambda line: not is_fleet(line.load)).items():
        if not latency_is_comparable(load):
            why_not.add(LITTLE, material.label(load))
            continue
        lines = sustaining(material, load, lines, why_not)
        if is_open_loop(load):
            add_view(material, views, why_not, load, lines, "latency", "from the intended start", Wave.waiting)
            add_view(material, views, why_not, load, lines, "latency", "from the real start", Wave.connecting)
        else:
            add_view(material, views, why_not, load, lines, "latency", "from the start", Wave.connecting)
    time = charts.axis("until connected", "ns", log=True)
    drawn = [
        charts.chart(
            "latency", "Latency by percentile",
            "How long connecting took for the fastest part of all attempts, up to each percentile; lower is better, and "
            "a line ends where attempts failed or are too few to say more.",
            "percentiles", PERCENTILE, time,
        ),
        charts.chart(
            "ecdf", "Latency as a distribution",
            "Which share of all attempts was connected after that time; further left is better, and a line that stays "
            "below 100 % has attempts that failed.",
            "ecdf", time, charts.axis("share of all attempts", "share"), of="latency",
        ),
    ]  # fmt: skip
    return charts.section("latency", "Latency", drawn, views, why_not.texts())


def overshoot(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(gave_up).items():
        add_view(
            material, views, why_not, load, lines, "overshoot", "",
            lambda wave, load=load: wave.overshoot(load.timeout_ns), of=lambda line: line.outcomes["deadline_exceeded"],
        )  # fmt: skip
    if not views and not why_not.loads:
        why_not.add("run with --target blackhole or backlog-full", "No attempt met its own deadline")
    drawn = charts.chart(
        "overshoot", "Past the deadline",
        "How late attempts were given up, counted from their own deadline, by percentile; nearer to zero is better, and "
        "below zero is too early.",
        "percentiles", PERCENTILE, charts.axis("past the deadline", "ns", log=True),
    )  # fmt: skip
    return charts.section("overshoot", "Giving up in time", [drawn], views, why_not.texts())


def added(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(_knows_handshakes).items():
        if not latency_is_comparable(load):
            why_not.add(LITTLE, material.label(load))
            continue
        lines = sustaining(material, load, lines, why_not)
        add_view(material, views, why_not, load, lines, "added", "", Wave.added, of=None)
    if not views and not why_not.loads:
        why_not.add("run with --target delayed:20ms, or with --handshake on", "No handshake was read")
    drawn = charts.chart(
        "added", "Added to the handshake",
        "What the way of connecting and the scheduler put on top of the kernel's own reading of the handshake, by "
        "percentile; lower is better.",
        "percentiles", PERCENTILE, charts.axis("added", "ns", log=True),
    )  # fmt: skip
    return charts.section("added", "Added to the handshake", [drawn], views, why_not.texts())


def gave_up(line):
    return line.outcomes["deadline_exceeded"] > 0 and not is_fleet(line.load)


def _knows_handshakes(line):
    return any(row["added_p50_ns"] for row in line.rows) and not is_fleet(line.load)


def sustaining(material, load, lines, why_not):
    """Those that kept up with the offered rate: others had another load, and are told of."""
    for line in lines:
        if not line.sustained:
            why_not.add("did not sustain the offered rate, so it had another load",
                        f"{line.connector} ({material.label(load)})")  # fmt: skip
    return [line for line in lines if line.sustained]


def add_view(material, views, why_not, load, lines, chart_id, which, values_of, of=lambda line: line.attempts):
    """A view of what `values_of` takes from each wave. `of`: among how many attempts; None: those with a value."""
    curves, known = [], False
    real = [line for line in lines if line.connector != HARNESS]
    for line in lines:
        waves = material.waves_of(line)
        known = known or bool(waves)
        values = numpy.concatenate([values_of(wave) for wave in waves]) if waves else ()
        if len(values):
            curves.append(material.ranked_curve(line, values, of(line) if of else len(values)))
    label = material.label(load) + (f": {which}" if which else "")
    if real and {curve["c"] for curve in curves} == {material.number.get(HARNESS)}:
        curves = []  # the harness alone is no comparison
    if curves:
        pooled = max(len(line.rows) for line in lines)
        note = f"Attempts of {pooled} repetitions, pooled." if pooled > 1 else "Attempts of one repetition."
        views.append({"label": label, "data": {chart_id: curves}, "note": note})
    elif lines and not known:
        why_not.add(charts.no_samples(material, load), material.label(load))
    elif lines:
        why_not.add("no attempt there ended so", material.label(load))
