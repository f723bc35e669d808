"""The small table of the README, made from the runs of scripts/reference: seven connectors, and what loopback hides."""

from pathlib import Path

from ..records.run import Run
from ..records.waves import median, rate_of
from ..units import exact_duration, significant

IN_FLIGHT = "1024"
MIX = "accepting=75,blackhole=25"


def portrait(folder):
    """The table and its legend, in Markdown. `folder` is what scripts/reference made."""
    near, far, fleet, late = (Run(Path(folder) / name) for name in ("scaling", "scaling-far", "fleet", "overshoot"))
    timeout = exact_duration(int(late.require_waves()[0]["timeout_ns"]))
    header = [
        "connector",
        "loopback, connects/s",
        "20 ms away, connects/s",
        "threads for that",
        "healthy hosts reached, 25 % dead",
        f"lateness of a {timeout} timeout, µs (p50 / p99)",
    ]
    lines = [row_text(header), row_text([":--", *["--:"] * (len(header) - 1)])]
    for connector in near.connectors_in_order():
        lines.append(row_text([f"`{connector}`", *_figures(connector, near, far, fleet, late)]))
    return "\n".join([*lines, "", _legend(near, fleet), ""])


def row_text(cells):
    return f"| {' | '.join(cells)} |"


def _figures(connector, near, far, fleet, late):
    there = [row for row in far.rows if row["concurrency"] == IN_FLIGHT]
    return [
        _median(connector, [row for row in near.rows if row["concurrency"] == IN_FLIGHT], rate_of),
        _median(connector, there, rate_of),
        _median(connector, there, lambda row: int(row["threads_peak"]), "{:,.0f}".format),
        _share(connector, fleet),
        _lateness(connector, late),
    ]


def _median(connector, rows, figure, text=significant):
    value = median(figure(row) for row in rows if row["connector"] == connector)
    return "-" if value is None else text(value)


def _lateness(connector, late):
    """Medians of the waves' p50 and p99 of how long after its deadline an attempt was given up."""
    rows = [row for row in late.rows if row["connector"] == connector]
    pair = [median(row[column] for row in rows) for column in ("overshoot_p50_ns", "overshoot_p99_ns")]
    return "-" if None in pair else " / ".join(significant(value / 1000) for value in pair)


def _share(connector, fleet):
    """Percent of the healthy hosts that connected, over all repetitions."""
    rows = [row for row in fleet.rows if row["connector"] == connector and MIX in row["scenario"]]
    rows = [row for row in rows if row["target"] == "accepting"]
    if not rows:
        return "-"
    connected, attempts = (sum(int(row[column]) for row in rows) for column in ("connected", "attempts"))
    return "100 %" if connected == attempts else f"{min(99.9, 100 * connected / attempts):.3g} %"


def _legend(near, fleet):
    burst, mixed = near.rows[0], next(row for row in fleet.rows if MIX in row["scenario"])
    timeout = exact_duration(int(mixed["timeout_ns"]))
    return (
        f"Medians on {near.origin()}. Connects/s: {IN_FLIGHT} in flight, {burst['attempts']} attempts. "
        f"Fleet: 1,000 attempts/s, at most {mixed['concurrency']} in flight, timeout {timeout}. "
        "Lateness: how long after its deadline an attempt was given up; `-`: the connector keeps no deadline. "
        "Pools have 64 threads. `scripts/reference` measures all of it."
    )
