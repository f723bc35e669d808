"""What rows of summary.csv mean: loads, rates and costs. A row describes a wave, or one target's part of it."""

import math
import re
import statistics

from ..vocabulary import SERVER_BOUND, SUSTAINED

HARNESSES = ("null", "null-threads", "null-pool")
# "burst" alone is the closed loop.
_SCHEDULE = re.compile(r"(^|:)((poisson|uniform|ramp)(:|$)|burst:\d+@)")
ALL_TARGETS = "*"  # the target of the row that describes a whole fleet
ALL_RANKS = "*"  # the rank of the row that describes all hosts of a cluster


def is_fleet(target):
    """Whether a row describes all targets of a fleet together."""
    return target == ALL_TARGETS


def is_harness(connector):
    """Whether a connector does nothing, with any option: its cost is that of the harness. It is no way to connect."""
    return connector.partition("+")[0] in HARNESSES


def in_fleet(scenario):
    """Whether attempts go to several targets at once. Such a wave has a row for each target and one for all of them."""
    return scenario.startswith("fleet")


def is_steady(scenario):
    """Whether attempts go to one target at an offered rate: steady:poisson:5000/s"""
    return scenario.startswith("steady:")


def is_open_loop(scenario):
    """Whether attempts start by a schedule, also in a fleet: fleet:accepting=90,blackhole=10:uniform:100/s"""
    return _SCHEDULE.search(scenario) is not None


def offered_text(scenario):
    """steady:poisson:5000/s -> 5000"""
    return scenario.rpartition(":")[2].removesuffix("/s")


def sustained(row):
    """Whether a wave kept up with the offered rate. True in closed loop, and where nothing connected."""
    if not is_steady(row["scenario"]) or not row["connects_per_s"]:
        return True
    return float(row["connects_per_s"]) >= _least_rate(row)


def _least_rate(row):
    """The rate from which on a wave kept up. Random arrivals may be slower than their rate by chance: of waves with 64,
    one in thirty comes at less than 80 % of it, and one in 60,000 at less than this."""
    chance = 1.5 / math.sqrt(max(1, int(row["attempts"]))) if ":poisson:" in row["scenario"] else 0
    return (SUSTAINED - chance) * float(offered_text(row["scenario"]))


def mostly_sustained(rows):
    """Whether the median wave kept up with the offered rate. Single waves may be disturbed."""
    scenario = rows[0]["scenario"]
    if not is_steady(scenario):
        return True
    return statistics.median_low(rate_of(row) for row in rows) >= max(map(_least_rate, rows))


def server_bound(row):
    """Whether the target's server used so much of a processor that it limited the rate."""
    used, makespan = row["server_cpu_ns"], row["makespan_ns"]
    return bool(used and makespan) and float(used) > SERVER_BOUND * float(makespan)


def rate_of(row):
    """Connects per second; 0 when nothing connected."""
    return float(row["connects_per_s"] or 0)


def rates(rows):
    """Connects per second of each wave that has a duration, sorted."""
    return sorted(rate_of(row) for row in rows if row["makespan_ns"])


def median(values):
    """A value that occurred: of an even number, the lower of the middle two. None when no value is known."""
    known = [float(value) for value in values if value not in ("", None)]
    return statistics.median_low(known) if known else None


def each_per_attempt(rows, *columns):
    """The sum of some columns per attempt, for each wave that has them all."""
    sums = [([row[column] for column in columns], row) for row in rows]
    return [
        sum(map(float, values)) / int(row["attempts"]) for values, row in sums if all(values) and row["attempts"] != "0"
    ]


def per_attempt(rows, *columns):
    """Their median."""
    return median(each_per_attempt(rows, *columns))
