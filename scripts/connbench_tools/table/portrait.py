"""The small table of the README, made from the runs of scripts/reference: seven connectors, and what loopback hides."""

from pathlib import Path

from ..failures import Unusable
from ..output import one_line
from ..records.repetitions import by_repetition, number
from ..records.run import Run, require_one_version
from ..records.waves import median, rate_of
from ..units import duration, exact_duration, significant
from .cells import NOTHING, Column, table_text
from .legend import chances_text, versions
from .parts import delayed_by_the_path, waited_to_begin
from .rows import FAR_SECONDS

IN_FLIGHT = "1024"  # on loopback; 20 ms away, it is the middle one of those measured
MIX = "accepting=75,blackhole=25"


def portrait(folder):
    """The table and its legend, in Markdown. `folder` is what scripts/reference made."""
    near, far, fleet, late = (Run(Path(folder) / name) for name in ("scaling", "scaling-far", "fleet", "overshoot"))
    require_one_version((near, far, fleet, late))
    timeout = exact_duration(int(late.require_waves()[0]["timeout_ns"]))
    header = [
        "connector",
        "loopback, connects/s",
        "20 ms away, connects/s",
        "threads for that",
        "healthy hosts reached, 25 % dead",
        f"lateness of a {timeout} timeout, µs, p50",
        "p99",
    ]
    burst, mixed = near.require_waves()[0], next((row for row in fleet.rows if MIX in row["scenario"]), None)
    if mixed is None:
        raise Unusable(f"{fleet.label}: no wave with --mix {MIX}: scripts/reference measures it")
    sizes = sorted({int(row["concurrency"]) for row in far.require_waves()})
    there = [row for row in far.rows if int(row["concurrency"]) == sizes[len(sizes) // 2]]
    columns = {
        "near": _column([row for row in near.rows if row["concurrency"] == IN_FLIGHT], rate_of, significant),
        "far": _column(there, rate_of, significant),
        "p50": _column(late.rows, number("overshoot_p50_ns"), _microseconds, abs),
        "p99": _column(late.rows, number("overshoot_p99_ns"), _microseconds, abs),
    }
    lines = []
    for name in near.connectors_in_order():
        cells = {key: column.cell(name) for key, column in columns.items()}
        if delayed_by_the_path([row for row in there if row["connector"] == name]):
            cells["far"] += " §"
        middle = [_threads(name, there), _share(name, fleet)]
        lines.append([f"`{name}`", cells["near"], cells["far"], *middle, cells["p50"], cells["p99"]])
    repetitions = sorted({len({row["repetition"] for row in run.rows}) for run in (near, far, late)})
    table = table_text(header, lines)
    legend = _legend(near, late, burst, there[0], mixed, repetitions)
    if "§" in table:
        legend += " §: the link of the lab, or the machine, was the limit: a lower bound."
    return "\n".join([table, "", one_line(legend), ""])


def _column(rows, figure, text, best=max):
    names = {row["connector"] for row in rows}
    mine = {name: [row for row in rows if row["connector"] == name] for name in names}
    return Column({name: by_repetition(rows, figure) for name, rows in mine.items()}, text, best)


def _microseconds(nanoseconds):
    return significant(nanoseconds / 1000)


def _threads(connector, rows):
    value = median(row["threads_peak"] for row in rows if row["connector"] == connector)
    return NOTHING if value is None else f"{value:,.0f}"


def _share(connector, fleet):
    """Percent of the healthy hosts that connected, over all repetitions."""
    rows = [row for row in fleet.rows if row["connector"] == connector and MIX in row["scenario"]]
    rows = [row for row in rows if row["target"] == "accepting"]
    if not rows:
        return NOTHING
    connected, attempts = (sum(int(row[column]) for row in rows) for column in ("connected", "attempts"))
    return "100 %" if connected == attempts else f"{min(99.9, 100 * connected / attempts):.3g} %"


def _options(run, option):
    """The values of an option that the connectors had whose names do not say."""
    given = {name: (facts or {}).get("options") or {} for name, facts in run.facts["connectors"].items()}
    return " or ".join(
        sorted({options[option] for name, options in given.items() if option in options and "+" not in name})
    )


def _waiting(late):
    """Pools have fewer threads than this load has attempts in flight, which their lateness does not show."""
    waits = {
        name: waited_to_begin([row for row in late.rows if row["connector"] == name])
        for name in late.connectors_in_order()
    }
    return " ".join(
        f"Attempts of `{name}` first waited {duration(waited)} (p50) for a thread: their lateness does not contain it."
        for name, waited in waits.items()
        if waited
    )


def _legend(near, late, burst, there, mixed, repetitions):
    timeout = exact_duration(int(mixed["timeout_ns"]))
    threads, stack, cpus = _options(near, "threads"), _options(near, "stack"), ", ".join(near.given("--cpus"))
    parts = [
        f"Medians (and ranges) on {near.origin()}. {chances_text(repetitions)}",
        f"Connects/s on loopback: {IN_FLIGHT} in flight, {burst['attempts']} attempts; no thread waits there.",
        f"20 ms away: {there['concurrency']} in flight, {there['attempts']} attempts; with so many in flight, at most "
        f"{int(there['concurrency']) / FAR_SECONDS:,.0f}/s are possible, and for each thread of a pool "
        f"{1 / FAR_SECONDS:.0f}/s.",
        f"Fleet: 1,000 attempts/s, at most {mixed['concurrency']} in flight, timeout {timeout}. "
        "Its healthy hosts are on this machine.",
        "Lateness: how long after its deadline an attempt was given up (the caller hears of it later: "
        "docs/choosing.md); `-`: the connector keeps no deadline.",
        _waiting(late),
        f"Pools have {threads} threads." if threads else "",
        f"Threads have stacks of {stack}." if stack else "",
        f"Processors: {cpus}." if cpus else "",
        versions(near.facts["connectors"]),
        "`scripts/reference` measures all of it.",
    ]
    return " ".join(part for part in parts if part)
