"""The section on fleets: healthy hosts and dead hosts share one queue."""

import math
import re

from ..records.samples import numpy
from ..records.waves import is_fleet, is_harness, median
from ..units import exact_duration, family_text
from . import charts, curves
from .comparison import in_fleet


_SHARE = re.compile(r"(.+)=([0-9]{1,9}(?:\.[0-9]{1,9})?)")


def shares(scenario):
    """The share of each target: fleet:accepting=90,blackhole=10 -> {"accepting": 90.0, …}. Empty when one is no number,
    or when they come to nothing: such a text is not ours."""
    mix = re.fullmatch(r"fleet:(.*=[\d.]+)(?::.*)?", scenario)
    pairs = [_SHARE.fullmatch(pair) for pair in mix[1].split(",")] if mix else []
    found = {pair[1]: float(pair[2]) for pair in pairs if pair}
    return found if all(pairs) and any(found.values()) else {}


def fleets(material):
    """The lines of healthy targets: {what is compared: {connector: [(share of dead hosts, line)]}}.

    A target is healthy when anything but the harness ever connected to it, whatever its name says.
    """
    real = [line for line in material.lines if not is_harness(line.connector)]
    answering = {line.load.target for line in real if line.outcomes["connected"]}
    found = {}
    for line in material.lines:
        load = line.load
        mix = shares(load.scenario) if in_fleet(load) else {}
        if is_fleet(load.target) or load.target not in answering or load.target not in mix:
            continue
        dead = sum(share for target, share in mix.items() if target not in answering) / sum(mix.values())
        arrival = re.search(r"(?:=[\d.]+:(.*))?$", load.scenario)[1] or "closed loop"
        key = (load.target, arrival, load.family, load.concurrency, load.shards, load.timeout_ns)
        found.setdefault(key, {}).setdefault(line.connector, []).append((dead, line))
    return found


def waited(material, line, percentile, column):
    """A percentile of the wait for a healthy host, in ns, from the intended start: the median over the waves, so that
    one disturbed wave of three decides nothing. None when it is not known."""
    middle = median(waits_of(material, line, percentile, column))
    return None if middle == math.inf else middle


def waits_of(material, line, percentile, column):
    """That percentile in each wave. Attempts that did not connect count as slower than all others; infinite when they
    are so many. Waves that are too small for the percentile are pooled. Without samples: `column`, if all attempts
    connected. Empty when nothing is known."""
    waves = material.waves_of(line)
    wanted, connected = ([int(row[name]) for row in line.rows] for name in ("attempts", "connected"))
    if not waves:
        return [float(row[column]) for row in line.rows if row[column]] if connected == wanted else []
    waits = [wave.waiting() for wave in waves]
    if len(waits) != len(wanted) or not all(curves.supports(percentile, attempts) for attempts in wanted):
        waits, wanted = [numpy.concatenate(waits)], [sum(wanted)]
    if not curves.supports(percentile, min(wanted)):
        return []
    return [_of_all(*one, percentile) for one in zip(waits, wanted)]


def _of_all(waits, attempts, percentile):
    """The percentile of all attempts of a load, of which those that connected waited this long."""
    rank = int(numpy.ceil(percentile * attempts))
    return float(numpy.sort(waits)[rank - 1]) if rank <= len(waits) else math.inf


def fleet(material):
    views, why_not = [], charts.WhyNot()
    for (target, arrival, family, concurrency, shards_used, timeout), by_connector in fleets(material).items():
        label = f"{target} ({family_text(family)}) among dead hosts, {concurrency} in flight, {arrival}, "
        label += (f"{shards_used} shards, " if shards_used != 1 else "") + f"timeout {exact_duration(timeout)}"
        if len({dead for points in by_connector.values() for dead, _ in points}) < 2:
            why_not.add("only one share of dead hosts was measured: run with several --mix", label)
            continue
        data = {
            "fleet-p50": _over_share(material, by_connector, lambda line: waits_of(material, line, 0.5, "p50_ns")),
            "fleet-p99": _over_share(material, by_connector, lambda line: waits_of(material, line, 0.99, "p99_ns")),
            "fleet-rate": _over_share(material, by_connector, lambda line: line.rates()),
        }
        runs = len({line.load.run for points in by_connector.values() for _, line in points})
        note = charts.RANGED
        if runs > 1:
            note += f" The points come from {runs} runs at different times, between which a machine drifts."
        views.append({"label": label, "data": data, "note": note})
    if not views and not why_not.loads:
        why_not.add("run with --mix accepting=90,blackhole=10", "No fleet of healthy and dead hosts was measured")
    x = charts.axis("share of dead hosts", "share")
    drawn = [
        charts.chart(
            f"fleet-{which}",
            f"Healthy latency, {which}",
            f"How long connecting to a healthy host took ({which} of a wave, from the intended start) as more of the "
            "other hosts are dead. With a flat line, dead hosts do not delay healthy ones.",
            "xy",
            x,
            charts.axis(f"until connected, {which}", "ns", log=True),
        )
        for which in ("p50", "p99")
    ]
    drawn.append(
        charts.chart(
            "fleet-rate",
            "Healthy rate",
            "Connects per second to healthy hosts as more of the others are dead. If dead hosts delay nothing, the "
            "rate falls only in proportion to the share of healthy hosts.",
            "xy",
            x,
            charts.axis("connects per second", "/s", log=True),
        )
    )
    return charts.section("fleet", "Healthy hosts among dead ones", drawn, views, why_not.texts())


def _over_share(material, by_connector, values_of):
    drawn = []
    for connector, points in by_connector.items():
        curve = charts.ranged((dead, values_of(line)) for dead, line in points)
        drawn += [curve | {"c": material.number[connector]}] if curve["x"] else []
    return drawn
