"""The section of fleets: healthy hosts among dead ones, in one queue."""

import re

import numpy

from connector_table import median

from . import charts
from .comparison import EVERY_TARGET, HARNESS, is_fleet
from .units import exact_duration, family_text


def shares(scenario):
    """Targets and their shares of a fleet: fleet:accepting=90,blackhole=10 -> {"accepting": 90.0, …}"""
    mix = re.fullmatch(r"fleet:(.*=[\d.]+)(?::.*)?", scenario)
    pairs = [pair.rpartition("=") for pair in mix[1].split(",")] if mix else []
    return {target: float(share) for target, _, share in pairs}


def fleets(material):
    """Healthy lines of fleets: {what is compared: {connector: [(dead share, line)]}}.

    A target is healthy when anything but the harness ever connected to it: what a name promises does not matter.
    """
    real = [line for line in material.lines if line.connector != HARNESS]
    answering = {line.load.target for line in real if line.outcomes["connected"]}
    found = {}
    for line in material.lines:
        load = line.load
        mix = shares(load.scenario) if is_fleet(load) else {}
        if load.target == EVERY_TARGET or load.target not in answering or load.target not in mix:
            continue
        dead = sum(share for target, share in mix.items() if target not in answering) / sum(mix.values())
        arrival = re.search(r"(?:=[\d.]+:(.*))?$", load.scenario)[1] or "closed loop"
        key = (load.target, arrival, load.family, load.concurrency, load.shards, load.timeout_ns)
        found.setdefault(key, {}).setdefault(line.connector, []).append((dead, line))
    return found


def waited(material, line, percentile, column):
    """A healthy attempt's wait by percentile: of all pooled attempts, counted from when it was wanted; one that did not
    connect is slower than any that did. Without samples the median over the waves of connecting alone, where all did."""
    waves = material.waves_of(line)
    values = numpy.sort(numpy.concatenate([wave.waiting() for wave in waves])) if waves else ()
    wanted = sum(int(row["attempts"]) for row in line.rows)
    connected = sum(int(row["connected"]) for row in line.rows)
    if len(values):
        rank = int(numpy.ceil(percentile * wanted))
        return float(values[rank - 1]) if 1 - percentile**wanted >= 0.975 and rank <= len(values) else None
    return median(row[column] for row in line.rows) if connected == wanted else None


def fleet(material):
    views, why_not = [], charts.WhyNot()
    for (target, arrival, family, concurrency, shards_used, timeout), by_connector in fleets(material).items():
        label = f"{target} ({family_text(family)}) among dead hosts, {concurrency} in flight, {arrival}, "
        label += (f"{shards_used} shards, " if shards_used != 1 else "") + f"timeout {exact_duration(timeout)}"
        if len({dead for points in by_connector.values() for dead, _ in points}) < 2:
            why_not.add("only one share of dead hosts was measured: run several --mix", label)
            continue
        data = {
            "fleet-p50": _over_share(material, by_connector, lambda line: waited(material, line, 0.5, "p50_ns")),
            "fleet-p99": _over_share(material, by_connector, lambda line: waited(material, line, 0.99, "p99_ns")),
            "fleet-rate": _over_share(material, by_connector, lambda line: line.rate()),
        }
        runs = len({line.load.run for points in by_connector.values() for _, line in points})
        note = f"Points are of {runs} runs, made one after the other: a machine drifts." if runs > 1 else ""
        views.append({"label": label, "data": data, "note": note})
    if not views and not why_not.loads:
        why_not.add("run with --mix accepting=90,blackhole=10", "No fleet of healthy and dead hosts was measured")
    x = charts.axis("share of dead hosts", "share")
    drawn = [
        charts.chart(
            f"fleet-{which}", f"Healthy latency, {which}", f"How long a healthy host's connect took ({which}, counted from "
            "when it was wanted) as more of the other hosts are dead; a flat line does not let the dead hold up the living.",
            "xy", x, charts.axis(f"until connected, {which}", "ns", log=True))
        for which in ("p50", "p99")
    ]  # fmt: skip
    drawn.append(charts.chart(
        "fleet-rate", "Healthy rate", "Connects per second to healthy hosts as more of the others are dead; it falls with "
        "their share alone where dead ones hold nothing up.", "xy", x, charts.axis("rate", "/s", log=True)))  # fmt: skip
    return charts.section("fleet", "Healthy hosts among dead ones", drawn, views, why_not.texts())


def _over_share(material, by_connector, value_of):
    drawn = []
    for connector, points in by_connector.items():
        known = sorted((dead, value_of(line)) for dead, line in points if value_of(line) is not None)
        if known:
            drawn.append({"c": material.number[connector], "x": [x for x, _ in known], "y": [y for _, y in known]})
    return drawn
