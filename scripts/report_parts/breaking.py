"""Sections of what breaks: exhaustion, and healthy hosts among dead ones."""

import errno
import re

import numpy

from connector_records import Unusable
from connector_table import median

from . import charts
from .comparison import EVERY_TARGET, HARNESS, is_fleet
from .units import duration, exact_duration, family_text, memory

PENDING = charts.axis("attempts pending", "count", log=True)


def number(text):
    try:
        return float(text) if text else None
    except ValueError as error:
        raise Unusable(f"exhaustion.csv: '{text}' is no number") from error


def ramps(run):
    """Rows of exhaustion.csv by what was exhausted, then by connector and repetition."""
    found = {}
    for row in run.exhaustion:
        what = (row["resource"], row["limit_kind"], row["limit"])
        found.setdefault(what, {}).setdefault((row["connector"], row["repetition"]), []).append(row)
    return found


def stopped_text(last):
    if not last["stopped_call"]:
        return "nothing"
    error = errno.errorcode.get(int(number(last["os_error"]) or 0), last["os_error"])
    return f"{last['stopped_call']}: {error}" if error else last["stopped_call"]


def exhaustion(material):
    views = []
    for run in material.runs:
        for (resource, kind, limit), by_connector in ramps(run).items():
            pending, kib, start = [], [], []
            for (connector, repetition), rows in by_connector.items():
                if repetition not in ("", "1"):
                    continue
                base = {"c": material.number[connector]}
                mark = [[len(rows) - 1, stopped_text(rows[-1])]] if rows[-1]["stopped_call"] else []
                pending.append(base | _positive(_points(rows, "elapsed_ns", "pending", mark)))
                kib.append(base | _grown(_points(rows, "pending", ("rss_kib", "kernel_kib"), mark)))
                start.append(base | _positive(_points(rows, "pending", "start_p99_ns", mark)))
            label = f"{resource} limited to {limit} ({kind})" if limit else f"{resource} ({kind})"
            label = f"{run.name} · {label}" if material.several else label
            data = {"ramp": pending, "ramp-memory": kib, "ramp-start": start}
            note = "The first repetition; ✕ marks the call that was refused. All of them are in the table below."
            views.append({"label": label, "data": data, "note": note})
    why_not = charts.WhyNot()
    if not views:
        why_not.add("connbench exhaust threads --limit 512 records one", "No exhaustion was measured")
    drawn = [
        charts.chart(
            "ramp", "The ramp", "How many attempts to a host that never answers were pending at once as time went on; a "
            "line that ends in ✕ was stopped there.",
            "xy", charts.axis("since the ramp began", "s"), charts.axis("pending", "count", log=True)),
        charts.chart(
            "ramp-memory", "Memory of the ramp", "How much the resident memory of the process and that of the "
            "whole machine's kernel have grown together since the ramp began, against the attempts pending; lower is better.",
            "xy", PENDING, charts.axis("memory grown", "KiB", log=True)),
        charts.chart(
            "ramp-start", "Cost of one more", "How long it took to start one more attempt (p99 of a step) beside those "
            "already pending; a flat line is what one wants.", "xy", PENDING, charts.axis("to start, p99", "ns", log=True)),
    ]  # fmt: skip
    return charts.section("exhaustion", "Exhaustion", drawn, views, why_not.texts())


def _points(rows, x, y, marks):
    columns = (y,) if isinstance(y, str) else y
    sums = [[number(row[column]) for column in columns] for row in rows]
    kept = [i for i, (row, values) in enumerate(zip(rows, sums)) if row[x] and None not in values]
    at = {row: i for i, row in enumerate(kept)}
    return {
        "x": [number(rows[i][x]) for i in kept], "y": [sum(sums[i]) for i in kept],
        "marks": [[at[row], text] for row, text in marks if row in at],
    }  # fmt: skip


def _grown(curve):
    """From the first step on: the kernel's memory is that of the whole machine."""
    if curve["y"]:
        curve["y"] = [max(0.0, y - curve["y"][0]) for y in curve["y"]]
    return _positive(curve)


def _positive(curve):
    """Without the points that a logarithmic axis cannot have: nothing is pending before the first step."""
    kept = [i for i, (x, y) in enumerate(zip(curve["x"], curve["y"])) if x > 0 and y > 0]
    at = {i: place for place, i in enumerate(kept)}
    return {
        "x": [curve["x"][i] for i in kept], "y": [curve["y"][i] for i in kept],
        "marks": [[at[i], text] for i, text in curve["marks"] if i in at],
    }  # fmt: skip


EXHAUSTION_HEAD = (
    "connector", "exhausted", "pending", "stopped by", "threads", "memory a pending attempt, own + kernel",
    "healthy connect meanwhile, p50 / p99", "healthy again: still pending", "once let go",
)  # fmt: skip


def exhaustion_table(material):
    """The verdicts of all repetitions, as rows of text."""
    rows = []
    for run in material.runs:
        for (resource, _, limit), by_connector in ramps(run).items():
            ordered = sorted(by_connector.items(), key=lambda ramp: (material.number[ramp[0][0]], ramp[0][1]))
            for (connector, repetition), steps in ordered:
                last = steps[-1]
                several = len({other for _, other in by_connector}) > 1
                rows.append([
                    connector + (f" ({repetition})" if several else ""), f"{resource}, limit {limit}", last["pending"],
                    stopped_text(last), last["threads"], _each(steps, "rss_kib") + " + " + _each(steps, "kernel_kib"),
                    healthy_text(last), _recovery(last["recovery_pending_ns"], "not while they were pending"),
                    _recovery(last["recovery_released_ns"], "not within the time given"),
                ])  # fmt: skip
    return rows


def _each(steps, column):
    """KiB per pending attempt, by difference from the first step to the last."""
    first, last = steps[0], steps[-1]
    if not first[column] or not last[column] or number(last["pending"]) == number(first["pending"]):
        return "?"
    grown = number(last[column]) - number(first[column])
    return memory(grown / (number(last["pending"]) - number(first["pending"])))


def healthy_text(last):
    if not last["healthy_p50_ns"]:
        return "none got through"
    p99 = f" / {duration(number(last['healthy_p99_ns']))}" if last["healthy_p99_ns"] else ""
    return duration(number(last["healthy_p50_ns"])) + p99


def _recovery(text, otherwise):
    return duration(number(text)) if text else otherwise


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
    """A healthy attempt's wait by percentile: of its pooled samples, counted from when it was wanted; without samples
    the median over the waves of connecting alone."""
    waves = material.waves_of(line)
    values = numpy.sort(numpy.concatenate([wave.waiting() for wave in waves])) if waves else ()
    if len(values):
        rank = int(numpy.ceil(percentile * len(values)))
        return float(values[rank - 1]) if 1 - percentile ** len(values) >= 0.975 else None
    return median(row[column] for row in line.rows)


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
