"""From a finished run to its row in the history. scripts/history is what people call."""

import datetime
import json
import math

from history_file import LAST, Refused, slug

SCHEMA = 1
# What a column's name leaves out: `epoll_p50_us` is connbench run's own default load.
USUAL = {"target": "accepting", "concurrency": "64"}


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: {error}") from error


def column_of(name):
    """connect/epoll/accepting/concurrency:64/p50 → epoll_p50_us; what is not usual stands between."""
    _, connector, target, *more, figure = name.split("/")
    parts = [connector] + ([target] if target != USUAL["target"] else [])
    for part in rejoined(more):
        key, _, value = part.partition(":")
        if USUAL.get(key) != value:
            parts.append(part)
    return f"{slug(' '.join([*parts, figure]))}_us"


def rejoined(parts):
    """A scenario is the only part that may hold a slash: scenario:steady:poisson:5000/s."""
    whole = []
    for part in parts:
        if ":" in part or not whole:
            whole.append(part)
        else:
            whole[-1] += f"/{part}"
    return whole


def time_of(origin):
    """When the run began, to the microsecond: no two runs of one machine share it."""
    since_1970 = datetime.timedelta(microseconds=origin["realtime_ns"] // 1000)
    return (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + since_1970).isoformat(timespec="microseconds")


def row_of(folder):
    """@raise Refused when the run is no whole measurement."""
    if not (folder / "run.json").exists():
        raise Refused(f"{folder}: no run (run.json is missing)")
    run = read_json(folder / "run.json")
    if run.get("schema_version") != SCHEMA:
        raise Refused(f"{folder}: schema version {run.get('schema_version')}, and {SCHEMA} is what is read here")
    if not run["complete"]:
        raise Refused(f"{folder}: the run is not complete (under way, stopped or killed): measure it again")
    if run["failures"]:
        first = run["failures"][0]
        raise Refused(f"{folder}: {len(run['failures'])} waves failed, the first of {first['connector']} on "
                      f"{first['target']}: {first['failure']}")
    environment = run["environment"]
    row = {"time": time_of(run["origin"]), "commit": environment["build"]["git_commit"]}
    if row["commit"] in ("", "unknown"):
        raise Refused(f"{folder}: the program does not know its commit: build it in a git checkout")
    row |= figures_of(read_json(folder / "benchmark-aggregate.json"), folder)
    row[LAST] = f"{len(environment['cpu']['online'])} × {environment['cpu']['model'] or environment['kernel']['machine']}"
    return row


def figures_of(document, folder):
    figures = {}
    for entry in document["benchmarks"]:
        column = column_of(entry["name"])
        value = entry["real_time"] / 1e3
        if column in figures:
            raise Refused(f"{folder}: two figures would share the column {column}")
        if not math.isfinite(value):
            raise Refused(f"{folder}: {entry['name']} is {entry['real_time']}")
        figures[column] = f"{value:.6g}"
    if not figures:
        raise Refused(f"{folder}: no figure in benchmark-aggregate.json: nothing connected or timed out")
    return figures
