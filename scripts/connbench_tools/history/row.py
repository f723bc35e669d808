"""From a finished run to its row in the history."""

import datetime
import math
import re

from ..failures import Unusable
from ..records.run import Run

MACHINE = "machine"
# Values that a column's name leaves out, because connbench run uses them by default: `epoll_p50_us`.
USUAL = {"target": "accepting", "concurrency": "64"}


def slug(text):
    return re.sub(r"[^a-z0-9.]+", "_", text.lower()).strip("_")


def column_of(name):
    """connect/epoll/accepting/concurrency:64/p50 → epoll_p50_us; unusual values stand in between."""
    parts = name.split("/")
    if len(parts) < 4:
        raise Unusable(f"'{name}' is not the name of a figure: connect/CONNECTOR/TARGET/concurrency:N/FIGURE")
    _, connector, target, *more, figure = parts
    parts = [connector] + ([target] if target != USUAL["target"] else [])
    for part in rejoined(more):
        key, _, value = part.partition(":")
        if USUAL.get(key) != value:
            parts.append(part)
    return f"{slug(' '.join([*parts, figure]))}_us"


def rejoined(parts):
    """Undoes the split inside a scenario, the only part that may contain a slash: scenario:steady:poisson:5000/s."""
    whole = []
    for part in parts:
        if ":" in part or not whole:
            whole.append(part)
        else:
            whole[-1] += f"/{part}"
    return whole


def time_of(run):
    """When the run began, to the microsecond, so that no two runs of one machine have the same time."""
    since_1970 = datetime.timedelta(microseconds=run.need_known("origin.realtime_ns") // 1000)
    return (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + since_1970).isoformat(timespec="microseconds")


def row_of(folder):
    """{column: text}, without the branch. Unusable when the run is not a complete measurement."""
    run = Run(folder)
    run.require_complete()
    run.require_current()
    run.require_no_failures()
    row = {"time": time_of(run), "commit": run.need_known("environment.build.git_commit")}
    if row["commit"] in ("", "unknown"):
        raise Unusable(f"{folder}: the program does not know its commit: build it in a git checkout")
    row |= figures_of(run)
    row[MACHINE] = run.processors()
    return row


def figures_of(run):
    figures = {}
    for name, nanoseconds in run.aggregates():
        column = column_of(name)
        if column in figures:
            raise Unusable(f"{run.label}: two figures would share the column {column}")
        if not math.isfinite(nanoseconds):
            raise Unusable(f"{run.label}: {name} is {nanoseconds}")
        figures[column] = f"{nanoseconds / 1e3:.6g}"
    if not figures:
        raise Unusable(f"{run.label}: benchmark-aggregate.json has no figure: nothing connected or timed out")
    return figures
