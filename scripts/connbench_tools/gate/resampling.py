"""Judges the gate itself: how many false alarms it raises for a build against itself, and which known delays it sees.

Pairs of two copies of one program are measured, some with a delay spun into every connect() of one side. Whole
comparisons are then drawn from these pairs, and go through the procedure of the gate: looks, Holm's correction,
confirmation. A comparison consists of blocks of BLOCK successive pairs, so that drift within a block is kept. Where
both sides are the same, a coin decides for each pair which one is called the head.
"""

import concurrent.futures
import functools
import random

from ..failures import Unusable
from . import judge, statistics, verdicts
from .pairs import Pair
from .suite import OURS

BLOCK = 5
SAME = "same"  # the group of pairs without a delay
DELAYS = (0.02, 0.05, 0.10, 0.20)
DELAYED_LOAD = "rate"
FEWEST = 2 * judge.LOOKS[0]  # pairs of A against A: half of them must suffice for a first look
NOISE_DRAWS, NOISE_QUANTILE = 2000, 0.99


def suite_of(given):
    return getattr(given, "suite", OURS)


def group_of(delay):
    return f"+{delay:.0%}"


class Drawn:
    """A source of pairs for the gate, drawn from measured ones. `groups`: {load: (pairs to draw from, whether both
    sides are the same)}."""

    def __init__(self, groups, seconds, budget, chance, measured=OURS):
        self.groups, self.seconds, self.left, self.chance = groups, seconds, budget, chance
        self.suite, self.loads = measured, list(measured.of_loads)

    def load_of(self, key):
        return self.suite.load_of(key[0])

    def take(self, count, loads):
        self.left -= count * sum(self.seconds[load] for load in loads)
        drawn = [{} for _ in range(count)]
        for load in loads:
            for values, found in zip(drawn, self._blocks(count, *self.groups[load])):
                values.update({key: value for key, value in found.items() if self.load_of(key) == load})
        return [Pair("", values) for values in drawn]

    def _blocks(self, count, pairs, both_same):
        taken = []
        while len(taken) < count:
            start = self.chance.randrange(max(1, len(pairs) - BLOCK + 1))
            taken += pairs[start : start + BLOCK]
        for pair in taken[:count]:
            turned = both_same and self.chance.random() < 0.5
            yield {key: value[::-1] for key, value in pair.values.items()} if turned else pair.values

    def time_for(self, more, loads, again, loads_again):
        return self.left >= sum(more * self.seconds[load] for load in loads) + sum(
            again * self.seconds[load] for load in loads_again
        )


def seconds_by_load(pairs, measured=OURS):
    """The median time of a pair of each load, both sides together."""
    taken = {load: [] for load in measured.of_loads}
    for pair in pairs:
        for (name, _), (base, head) in pair.values.items():
            if name.startswith("command/"):
                if None in (base, head):
                    raise Unusable(f"a pair has no time for {name}: measure it again")
                taken[measured.load_of(name)].append((base + head) / 1e9)
    return {load: statistics.quantile(values, 0.5) for load, values in taken.items() if values}


def noise_of(pairs, generator):
    """{(benchmark, metric): the 99th percentile of the effect at the first look, A against A}."""
    count = judge.LOOKS[0]
    blocks = -(-count // BLOCK)
    noise = {}
    for key in pairs[0].values:
        own, missing = judge.ratios(pairs, key)
        if missing or len(own) < BLOCK:
            continue  # such a row is unstable with any threshold
        starts = generator.integers(0, len(own) - BLOCK + 1, (NOISE_DRAWS, blocks, 1))
        drawn = own[(starts + statistics.numpy.arange(BLOCK)).reshape(NOISE_DRAWS, -1)[:, :count]]
        signs = generator.choice((-1, 1), drawn.shape)
        effects = statistics.numpy.expm1(statistics.centres(drawn * signs))
        noise[key] = statistics.quantile(abs(effects), NOISE_QUANTILE)
    return noise


def _compare(plan, number):
    """The rows of one drawn comparison."""
    halves, delayed, noise, seconds, budget, seed, measured = plan
    pairs = halves[number % len(halves)]
    groups = {load: (pairs, True) for load in measured.of_loads}
    if delayed is not None:
        groups[DELAYED_LOAD] = (delayed, False)
    source = Drawn(groups, seconds, budget, random.Random(f"{seed} {number}"), measured)
    generator = statistics.numpy.random.default_rng([seed, number])
    rows = judge.Gate(source, noise[number % len(noise)], generator).run()
    return (
        [(row.key, row.verdict) for row in rows],
        verdicts.status(rows),
        any(row.note.startswith("not c") for row in rows),
    )


def compare_often(halves, delayed, noise, seconds, given, seed, progress):
    """Many comparisons, on all processors."""
    plan, results = (halves, delayed, noise, seconds, given.budget, seed, suite_of(given)), []
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for result in pool.map(functools.partial(_compare, plan), range(given.comparisons), chunksize=5):
            results.append(result)
            progress(f"comparison {len(results)} of {given.comparisons}")
    return results


def share(hits, trials):
    low, high = statistics.share_interval(hits, trials)
    return {"hits": hits, "trials": trials, "share": hits / trials, "ci_low": low, "ci_high": high}


def judge_gate(groups, given, seed, progress):
    """The result of the self-test, as result.json keeps it. The thresholds of a comparison never come from the pairs
    that it judges: those are drawn from one half of the time, the thresholds from the other."""
    pairs = groups.get(SAME, [])
    if len(pairs) < FEWEST:
        raise Unusable(
            f"{given.pairs_file} has {len(pairs)} pairs of A against A; at least {FEWEST} are needed: collect more "
            f"with --collect"
        )
    generator, seconds = statistics.numpy.random.default_rng(seed), seconds_by_load(pairs, suite_of(given))
    untimed = [load for load in suite_of(given).of_loads if load not in seconds]
    if untimed:
        raise Unusable(
            f"{given.pairs_file} has no time for the load {', '.join(untimed)}: collect new pairs with --collect"
        )
    halves = [pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]]
    noise = noise_of(pairs, generator)
    crossed = [noise_of(half, generator) for half in reversed(halves)]
    results = compare_often(halves, None, crossed, seconds, given, seed, progress)
    result = {
        "pairs": {group: len(own) for group, own in groups.items()},
        "seconds_of_a_pair": sum(seconds.values()),
        **_alarms(results),
        "noise": _noise_rows(noise, results),
        "power": [],
    }
    for delay in DELAYS:
        delayed = groups.get(group_of(delay), [])
        if len(delayed) >= judge.LOOKS[0]:
            found = compare_often([pairs], delayed, [noise], seconds, given, seed, progress)
            result["power"] += _power(delay, delayed, found, generator)
    return result


def _alarms(results):
    """How often comparisons of A with A ended with a verdict other than SAME."""
    trials = len(results)
    return {
        "false_alarms": share(sum(status == verdicts.FAILED for _, status, _ in results), trials),
        "false_alarms_before_confirming": share(sum(s == verdicts.FAILED or first for _, s, first in results), trials),
        "false_improvements": share(sum(any(v == judge.IMPROVED for _, v in rows) for rows, _, _ in results), trials),
        "unsure": share(sum(status == verdicts.UNSURE for _, status, _ in results), trials),
    }


def _noise_rows(noise, results):
    """The noise of each benchmark and metric, and how often its row was unstable."""
    rows = []
    for (name, metric), value in noise.items():
        unstable = sum(((name, metric), judge.UNSTABLE) in judged for judged, _, _ in results)
        rows.append({"benchmark": name, "metric": metric, "noise": value, "unstable": unstable / len(results)})
    return rows


def _power(delay, delayed, found, generator):
    """A row for every benchmark and metric of the delayed load, with the effect in all its pairs."""
    rows = []
    for key in delayed[0].values:
        own, missing = judge.ratios(delayed, key)
        if missing:
            continue
        low, high = (statistics.relative(bound) for bound in statistics.interval(own, generator))
        hits = sum((key, judge.REGRESSED) in judged for judged, _, _ in found)
        rows.append(
            {
                "delay": delay,
                "benchmark": key[0],
                "metric": key[1],
                "effect_low": low,
                "effect_high": high,
                "effect": statistics.relative(statistics.centre(own)),
                **share(hits, len(found)),
            }
        )
    return rows
