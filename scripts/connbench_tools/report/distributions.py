"""Sections that show whole distributions, pooled over the repetitions: latency, lateness, and the time added to the
handshake."""

from ..records.samples import Wave, numpy
from ..records.waves import is_harness
from . import charts
from .comparison import in_fleet, is_steady, latency_is_comparable

PERCENTILE = charts.axis("percentile of the attempts", "percentile", log=True)
LITTLE = (
    "closed loop with several in flight, where latency is just in flight / rate (Little's law); run with "
    "--concurrency 1 or --arrival poisson:RATE/s to compare latencies"
)


def latency(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(lambda line: not in_fleet(line.load)).items():
        if not latency_is_comparable(load):
            why_not.add(LITTLE, material.label(load))
            continue
        lines = sustaining(material, load, lines, why_not)
        if is_steady(load):
            add_view(material, views, why_not, load, lines, "latency", "from the intended start", Wave.waiting)
            add_view(material, views, why_not, load, lines, "latency", "from the actual start", Wave.connecting)
        else:
            add_view(material, views, why_not, load, lines, "latency", "from the start", Wave.connecting)
    time = charts.axis("until connected", "ns", log=True)
    drawn = [
        charts.chart(
            "latency",
            "Latency by percentile",
            "How long connecting took, by percentile; lower is better. A line ends where attempts failed, or where "
            "there are too few attempts for a higher percentile.",
            "percentiles",
            PERCENTILE,
            time,
        ),
        charts.chart(
            "ecdf",
            "Latency as a distribution",
            "The share of all attempts that had connected after a given time; further left is better. A line that "
            "stays below 100 % has failed attempts.",
            "ecdf",
            time,
            charts.axis("share of all attempts", "share"),
            of="latency",
        ),
    ]
    return charts.section("latency", "Latency", drawn, views, why_not.texts())


def overshoot(material):
    views, why_not = [], charts.WhyNot()
    ways = (("until given up", Wave.overshoot), ("until the caller received them", Wave.reaped_overshoot))
    for load, lines in material.by_load(timed_out).items():
        for which, values_of in ways:
            add_view(
                material,
                views,
                why_not,
                load,
                lines,
                "overshoot",
                which,
                lambda wave, load=load, values_of=values_of: values_of(wave, load.timeout_ns),
                of=lambda line: line.outcomes["deadline_exceeded"],
            )
    if not views and not why_not.loads:
        why_not.add("run with --target blackhole or backlog-full", "No attempt timed out")
    drawn = charts.chart(
        "overshoot",
        "Past the deadline",
        "How late attempts timed out after their deadline, by percentile; closer to zero is better, and below zero "
        "is too early.",
        "percentiles",
        PERCENTILE,
        charts.axis("past the deadline", "ns", log=True),
    )
    return charts.section("overshoot", "Timeouts", [drawn], views, why_not.texts())


def added(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(_has_handshakes).items():
        if not latency_is_comparable(load):
            why_not.add(LITTLE, material.label(load))
            continue
        lines = sustaining(material, load, lines, why_not)
        add_view(material, views, why_not, load, lines, "added", "", Wave.added, of=None)
    if not views and not why_not.loads:
        why_not.add("run with --target delayed:20ms, or with --handshake on", "No handshake was measured")
    drawn = charts.chart(
        "added",
        "Added to the handshake",
        "What the connector and the scheduler add to the handshake as the kernel measures it, by percentile; lower is "
        "better.",
        "percentiles",
        PERCENTILE,
        charts.axis("added", "ns", log=True),
    )
    return charts.section("added", "Added to the handshake", [drawn], views, why_not.texts())


def timed_out(line):
    return line.outcomes["deadline_exceeded"] > 0 and not in_fleet(line.load)


def _has_handshakes(line):
    return any(row["added_p50_ns"] for row in line.rows) and not in_fleet(line.load)


def sustaining(material, load, lines, why_not):
    """The lines that sustained the offered rate. The others in effect had another load, and are listed in why_not."""
    for line in lines:
        if not line.sustained:
            why_not.add(
                "did not sustain the offered rate, and so had another load",
                f"{line.connector} ({material.label(load)})",
            )
    return [line for line in lines if line.sustained]


def add_view(material, views, why_not, load, lines, chart_id, which, values_of, of=lambda line: line.attempts):
    """Adds a view of the values that `values_of` takes from each wave. `of`: how many attempts they are a part of;
    None: the attempts that have a value."""
    curves, known = [], False
    real = [line for line in lines if not is_harness(line.connector)]
    for line in lines:
        waves = material.waves_of(line)
        known = known or bool(waves)
        values = numpy.concatenate([values_of(wave) for wave in waves]) if waves else ()
        if len(values):
            curves.append(material.ranked_curve(line, values, of(line) if of else len(values)))
    label = material.label(load) + (f": {which}" if which else "")
    idle = {material.number[line.connector] for line in lines if is_harness(line.connector)}
    if real and all(curve["c"] in idle for curve in curves):
        curves = []  # the harness alone compares nothing
    if curves:
        pooled = max(len(line.rows) for line in lines)
        note = f"Attempts of {pooled} repetitions, pooled." if pooled > 1 else "Attempts of one repetition."
        views.append({"label": label, "data": {chart_id: curves}, "note": note})
    elif lines and not known:
        why_not.add(charts.no_samples(material, load), material.label(load))
    elif lines:
        why_not.add("no attempt ended that way", material.label(load))
