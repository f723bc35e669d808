"""Real comparisons for the gate's record: whole comparisons of builds that are equally fast, each with pairs of its
own.

Drawing comparisons from one collection of pairs is cheap, but all of them share its pairs, and the drawing assumes
what it should show: that a coin decides which side is the base. Here nothing is shared. Half of the comparisons are
of a build with a copy of itself. The others are of two builds that differ only in their layout (CONNBENCH_LAYOUT).
"""

import csv
import datetime
import itertools
import tempfile
import time
from pathlib import Path

from ..failures import Unusable
from ..records.tables import is_count, read_table
from . import collect, resampling, regression, suite, verdicts
from .judge import IMPROVED, REGRESSED, UNSTABLE

FILE = "comparisons.csv"
CHANGES = (REGRESSED, IMPROVED, UNSTABLE)
COLUMNS = ("time", "commit", "machine", "kind", "base", "head", "seconds", "rows", *CHANGES, "which")
COPY, LAYOUT = "copy", "layout"


def compare(given, say):
    """Measures given.real comparisons and appends a row for each to comparisons.csv, beside the pairs."""
    path = given.pairs_file.with_name(FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = len(read(path))
    for number, (kind, base, head) in enumerate(itertools.islice(plan(given.build, given.layouts), given.real), 1):
        row = _compare(given, kind, base, head)
        _append(path, row)
        say(f"comparison {number} of {given.real} ({kind}, {row['seconds']} s): {row['which'] or 'nothing changed'}")
    say(f"{path}: {done} comparisons before, {len(read(path))} now")


def plan(build, layouts):
    """(kind, base, head) without end: copies and, when there are at least two builds, layouts in turn."""
    builds = [build, *layouts]
    twos = itertools.cycle(itertools.permutations(builds, 2)) if len(builds) > 1 else None
    for one in itertools.cycle(builds):
        yield COPY, one, one
        if twos:
            yield LAYOUT, *next(twos)


def _compare(given, kind, base, head):
    with tempfile.TemporaryDirectory(prefix="connbench-real-") as name:
        folder, began = Path(name), time.monotonic()
        builds = {"base": base, "head": head}
        sides = [suite.Side(side, collect.copy_of(build, folder / side)) for side, build in builds.items()]
        (folder / "out").mkdir()
        rows, _, bench = regression.judge_sides(given, *sides, folder / "out", given.budget)
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in CHANGES}
    changed = [
        f"{row.verdict} {row.benchmark} {row.metric} {verdicts.percent(row.effect)}"
        for row in rows
        if row.verdict in CHANGES
    ]
    now = datetime.datetime.now(datetime.timezone.utc)
    return counts | {
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "commit": bench.commit,
        "machine": bench.machine,
        "kind": kind,
        "base": base.name,
        "head": head.name,
        "seconds": round(time.monotonic() - began),
        "rows": len(rows),
        "which": "; ".join(changed),
    }


def _append(path, row):
    fresh = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def read(path):
    """The rows of comparisons.csv; none without the file."""
    if not path.exists():
        return []
    table = read_table(path, COLUMNS, f"{path} is not a file of comparisons: it")
    if table.damage or not all(is_count(row[column]) for row in table.rows for column in CHANGES):
        raise Unusable(f"{path} is not a file of comparisons: move it away, and measure again with --real")
    return table.rows


def summary(rows):
    """{kind: {"alarms", "false_improvements", "unsure"}}, each with its share and interval. An alarm is a comparison
    with a row that regressed."""
    names = {REGRESSED: "alarms", IMPROVED: "false_improvements", UNSTABLE: "unsure"}
    found = {}
    for kind in (COPY, LAYOUT):
        own = [row for row in rows if row["kind"] == kind]
        if own:
            hits = {verdict: sum(int(row[verdict]) > 0 for row in own) for verdict in CHANGES}
            found[kind] = {names[verdict]: resampling.share(count, len(own)) for verdict, count in hits.items()}
    return found
