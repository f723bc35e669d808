"""Sections of how a load went: scaling with concurrency, open loop, attempts in flight over time."""

from . import charts, curves
from .comparison import is_fleet, is_open_loop
from .distributions import sustaining

IN_FLIGHT = charts.axis("most attempts in flight (--concurrency)", "count", log=True)


def _rates(line):
    return line.rates() if line.rate() else []


def _per_attempt(column):
    def values(line):
        return sorted(float(row[column]) / int(row["attempts"]) for row in line.rows if row[column])

    return values


def _plain(column):
    def values(line):
        return sorted(float(row[column]) for row in line.rows if row[column])

    return values


# id, title, axis, what it says, unit, the values of one line's repetitions
SCALING = (
    ("scaling-rate", "Rate", "connects per second", "Connects per second as more attempts may be in flight; higher is "
     "better, and a line that no longer rises has found its limit.", "/s", _rates),
    ("scaling-cpu", "CPU", "CPU time of an attempt", "CPU time of the client for each attempt; lower is better, and a "
     "rising line pays for company.", "ns", _per_attempt("cpu_ns")),
    ("scaling-memory", "Memory", "most resident memory", "Most resident memory of the client process; a rising line pays "
     "for each attempt that waits.", "KiB", _plain("rss_peak_kib")),
    ("scaling-threads", "Threads", "most threads", "Most threads of the client, sampled from outside; a flat line is a "
     "fixed number of them, a rising one a thread an attempt.", "count", _plain("threads_peak")),
)  # fmt: skip


def scaling(material):
    views = []
    groups = {}
    for line in material.lines:
        if not is_open_loop(line.load) and not is_fleet(line.load):
            groups.setdefault(line.load._replace(concurrency=0), []).append(line)
    for load, lines in groups.items():
        if len({line.load.concurrency for line in lines}) > 1:
            data = {entry[0]: _curves_over_concurrency(material, lines, entry[5]) for entry in SCALING}
            views.append({
                "label": material.label(load, without=("concurrency",)), "data": data,
                "note": "Medians over the repetitions, with their range from lowest to highest.",
            })  # fmt: skip
    views.sort(key=_concurrencies, reverse=True)
    why_not = charts.WhyNot()
    if not views:
        why_not.add("give --concurrency several values: 1,16,256", "No load was run with several concurrencies")
    drawn = [
        charts.chart(identity, title, says, "xy", IN_FLIGHT, charts.axis(label, unit, log=True))
        for identity, title, label, says, unit, _ in SCALING
    ]
    return charts.section("scaling", "Scaling with concurrency", drawn, views, why_not.texts())


def _concurrencies(view):
    return max((len(curve["x"]) for curves_of_chart in view["data"].values() for curve in curves_of_chart), default=0)


def _curves_over_concurrency(material, lines, values_of):
    points = {}
    for line in lines:
        values = values_of(line)
        if values:
            points.setdefault(line.connector, []).append((line.load.concurrency, values))
    drawn = []
    for connector, found in points.items():
        found.sort(key=lambda point: point[0])
        drawn.append({
            "c": material.number[connector], "x": [x for x, _ in found],
            "y": [values[(len(values) - 1) // 2] for _, values in found],
            "low": [values[0] for _, values in found], "high": [values[-1] for _, values in found],
        })  # fmt: skip
    return drawn


def open_loop(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(lambda line: is_open_loop(line.load)).items():
        sustaining(material, load, lines, why_not)  # they are drawn here: this is where it shows
        drawn, late = [], []
        for line in lines:
            waves = material.waves_of(line)[:1]
            curve = curves.lag(waves[0], material.points) if waves else None
            if curve:
                drawn.append(curve | {"c": material.number[line.connector]})
            if line.outcomes["never_started"]:
                late.append(f"{line.connector}: {line.outcomes['never_started']} of {line.attempts} never started")
        if drawn:
            note = "The first repetition." + (f" {'; '.join(late)}." if late else "")
            views.append({"label": material.label(load), "data": {"lag": drawn}, "note": note})
        else:
            why_not.add(charts.no_samples(material, load), material.label(load))
    if not views and not why_not.loads:
        why_not.add("run with --arrival poisson:1000/s", "No load arrived in open loop")
    why_not.loads = {
        reason.replace("so it had another load", "and is drawn here as it was"): what
        for reason, what in why_not.loads.items()
    }
    chart = charts.chart(
        "lag", "Intended against real start",
        "How long after its intended start an attempt really began, the latest of each stretch of time; a flat line keeps "
        "up, a rising one has a growing queue, which a latency from the real start would hide.",
        "xy", charts.axis("intended start", "s"), charts.axis("began late by", "ns", log=True),
    )  # fmt: skip
    return charts.section("open-loop", "Open loop", [chart], views, why_not.texts())


def timeline(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in sorted(material.by_load().items(), key=lambda pair: -pair[0].concurrency):
        drawn = []
        for line in lines:
            waves = material.waves_of(line)[:1]
            curve = curves.in_flight(waves[0], material.points) if waves else None
            if curve:
                drawn.append(curve | {"c": material.number[line.connector], "steps": True})
        if drawn:
            views.append({"label": material.label(load), "data": {"timeline": drawn}, "note": "The first repetition."})
        elif load.target != "*":
            why_not.add(charts.no_samples(material, load), material.label(load))
    chart = charts.chart(
        "timeline", "Attempts in flight",
        "How many attempts were in flight at each moment of a wave; a line at the bound keeps it full, one near the "
        "floor had each attempt end before the next began.",
        "xy", charts.axis("since the wave began", "s"), charts.axis("in flight", "count"),
    )  # fmt: skip
    return charts.section("timeline", "In flight over time", [chart], views, why_not.texts())
