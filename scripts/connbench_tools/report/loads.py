"""Sections on how a load went: scaling with concurrency, open loop, attempts in flight over time."""

from ..records.waves import each_per_attempt, is_fleet, is_open_loop
from . import charts, curves
from .comparison import in_fleet, is_steady
from .distributions import sustaining

IN_FLIGHT = charts.axis("most attempts in flight (--concurrency)", "count", log=True)


def _rates(line):
    return line.rates() if line.rate() else []


def _per_attempt(column):
    def values(line):
        return sorted(each_per_attempt(line.rows, column))

    return values


def _plain(column):
    def values(line):
        return sorted(float(row[column]) for row in line.rows if row[column])

    return values


# id, title, axis, explanation, unit, the values of one line's repetitions
SCALING = (
    (
        "scaling-rate",
        "Rate",
        "connects per second",
        "Connects per second as more attempts may be in flight; higher is better. A line that stops rising has "
        "reached its limit.",
        "/s",
        _rates,
    ),
    (
        "scaling-cpu",
        "CPU",
        "CPU time per attempt",
        "CPU time of the client per attempt, with the softirqs of its system calls on most kernels; lower is better. "
        "With a rising line, each attempt costs more the more are in flight.",
        "ns",
        _per_attempt("cpu_ns"),
    ),
    (
        "scaling-memory",
        "Memory",
        "highest resident memory",
        "Highest resident memory of the client process. With a rising line, each pending attempt " "costs memory.",
        "KiB",
        _plain("rss_peak_kib"),
    ),
    (
        "scaling-threads",
        "Threads",
        "highest number of threads",
        "Highest number of threads of the client, sampled from outside. A flat line is a fixed "
        "number of threads, a rising line one thread per attempt.",
        "count",
        _plain("threads_peak"),
    ),
)


def scaling(material):
    views = []
    groups = {}
    for line in material.lines:
        if not is_steady(line.load) and not in_fleet(line.load):
            groups.setdefault(line.load._replace(concurrency=0), []).append(line)
    for load, lines in groups.items():
        if len({line.load.concurrency for line in lines}) > 1:
            data = {entry[0]: _curves_over_concurrency(material, lines, entry[5]) for entry in SCALING}
            views.append(
                {
                    "label": material.label(load, without=("concurrency",)),
                    "data": data,
                    "note": charts.RANGED,
                }
            )
    views.sort(key=_concurrencies, reverse=True)
    why_not = charts.WhyNot()
    if not views:
        why_not.add("give --concurrency several values: 1,16,256", "No load was measured with several concurrencies")
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
        points.setdefault(line.connector, []).append((line.load.concurrency, values_of(line)))
    drawn = [charts.ranged(found) | {"c": material.number[connector]} for connector, found in points.items()]
    return [curve for curve in drawn if curve["x"]]


def open_loop(material):
    views, why_not = [], charts.WhyNot()
    for load, lines in material.by_load(lambda line: is_steady(line.load)).items():
        sustaining(material, load, lines, why_not)  # only for the note: this chart shows those that did not
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
        fleets = any(is_open_loop(line.load.scenario) for line in material.lines)
        others = " at a single target; for fleets see 'Healthy hosts among dead ones'" if fleets else ""
        why_not.add("run with --arrival poisson:1000/s", f"No load arrived in open loop{others}")
    why_not.loads = {
        reason.replace("and so had another load", "which this chart shows"): what
        for reason, what in why_not.loads.items()
    }
    chart = charts.chart(
        "lag",
        "Intended and actual start",
        "How long after its intended start an attempt started, the maximum in each interval. A flat line keeps up; "
        "a rising line has a growing queue, which a latency counted from the actual start would hide.",
        "xy",
        charts.axis("intended start", "s"),
        charts.axis("start delay", "ns", log=True),
    )
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
        elif not is_fleet(load.target):
            why_not.add(charts.no_samples(material, load), material.label(load))
    chart = charts.chart(
        "timeline",
        "Attempts in flight",
        "How many attempts were in flight at each moment of a wave. A line at the limit keeps it full; with a line "
        "near zero, each attempt ended before the next one started.",
        "xy",
        charts.axis("since the wave began", "s"),
        charts.axis("in flight", "count"),
    )
    return charts.section("timeline", "In flight over time", [chart], views, why_not.texts())
