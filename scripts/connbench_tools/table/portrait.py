"""The small table of the README: seven connectors, with what loopback hides. Made from the runs of scripts/reference."""

from pathlib import Path

from ..records.run import Run
from ..records.waves import median, rate_of
from ..units import exact_duration, significant

IN_FLIGHT = "256"
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
        f"late after {timeout}, µs",
    ]
    lines = [row_text(header), row_text([":--", *["--:"] * (len(header) - 1)])]
    for connector in near.connectors_in_order():
        lines.append(row_text([f"`{connector}`", *_figures(connector, near, far, fleet, late)]))
    return "\n".join([*lines, "", _legend(near, fleet, late), ""])


def row_text(cells):
    return f"| {' | '.join(cells)} |"


def _figures(connector, near, far, fleet, late):
    there = [row for row in far.rows if row["concurrency"] == IN_FLIGHT]
    return [
        _median(connector, [row for row in near.rows if row["concurrency"] == IN_FLIGHT], rate_of),
        _median(connector, there, rate_of),
        _median(connector, there, lambda row: int(row["threads_peak"]), "{:,.0f}".format),
        _share(connector, fleet),
        _median(connector, late.rows, lambda row: float(row["overshoot_p50_ns"]) / 1000),
    ]


def _median(connector, rows, figure, text=significant):
    value = median(figure(row) for row in rows if row["connector"] == connector)
    return "-" if value is None else text(value)


def _share(connector, fleet):
    """Percent of the healthy hosts that connected, over all repetitions."""
    rows = [row for row in fleet.rows if row["connector"] == connector and MIX in row["scenario"]]
    rows = [row for row in rows if row["target"] == "accepting"]
    if not rows:
        return "-"
    connected, attempts = (sum(int(row[column]) for row in rows) for column in ("connected", "attempts"))
    return "100 %" if connected == attempts else f"{min(99.9, 100 * connected / attempts):.3g} %"


def _legend(near, fleet, late):
    burst, mixed = near.rows[0], next(row for row in fleet.rows if MIX in row["scenario"])
    return (
        f"Medians on {near.origin()}. Connects/s: {IN_FLIGHT} in flight, {burst['attempts']} attempts. Fleet: 1,000 attempts/s, "
        f"at most {mixed['concurrency']} in flight, timeout {exact_duration(int(mixed['timeout_ns']))}. "
        f"Late: how long after its deadline an attempt was given up, p50; `-`: the connector keeps no deadline. "
        f"Pools have 64 threads. `scripts/reference` measures all of it."
    )
