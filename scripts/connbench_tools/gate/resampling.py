"""Judges the gate itself: how often it cries wolf over a build against itself, and what it sees of a known delay.

Pairs of two copies of one program are really measured, some with a delay spun into every connect() of one side. Whole
comparisons are then drawn from them, and go through the very procedure of the gate: looks, Holm's correction, confirmation.
A comparison is made of blocks of BLOCK successive pairs, so that what drifts together stays together; where both sides are the
same, a coin decides anew which is called the head.
"""

import concurrent.futures
import functools
import random

import gate_judge
import gate_pairs
import gate_report
import gate_statistics
from gate_runs import Unusable
from gate_suite import LOADS, load_of

BLOCK = 5
SAME = "same"  # the group of pairs without a delay
DELAYS = (0.02, 0.05, 0.10, 0.20)
DELAYED_LOAD = "rate"
FEWEST = 2 * gate_judge.LOOKS[0]  # pairs of A against A: a half must do for a first look
NOISE_DRAWS, NOISE_QUANTILE = 2000, 0.99


def group_of(delay):
    return f"+{delay:.0%}"


class Drawn:
    """A source of pairs for the gate, drawn from measured ones: `groups` maps each load to the pairs it is drawn from."""

    loads = list(LOADS)
    load_of = staticmethod(lambda key: load_of(key[0]))

    def __init__(self, groups, seconds, budget, chance):
        self.groups, self.seconds, self.left, self.chance = groups, seconds, budget, chance

    def take(self, count, loads):
        self.left -= count * sum(self.seconds[load] for load in loads)
        drawn = [{} for _ in range(count)]
        for load in loads:
            for values, found in zip(drawn, self._blocks(count, *self.groups[load])):
                values.update({key: value for key, value in found.items() if load_of(key[0]) == load})
        return [gate_pairs.Pair("", values) for values in drawn]

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


def seconds_by_load(pairs):
    """What a pair of each load took, both sides: the median."""
    taken = {load: [] for load in LOADS}
    for pair in pairs:
        for (name, _), (base, head) in pair.values.items():
            if name.startswith("command/"):
                if None in (base, head):
                    raise Unusable(f"a pair has no time of {name}: measure it again")
                taken[load_of(name)].append((base + head) / 1e9)
    return {load: gate_statistics.quantile(values, 0.5) for load, values in taken.items() if values}


def noise_of(pairs, generator):
    """{(benchmark, metric): the 99th percentile of the effect at the first look, A against A}."""
    count = gate_judge.LOOKS[0]
    blocks = -(-count // BLOCK)
    noise = {}
    for key in pairs[0].values:
        own, missing = gate_judge.ratios(pairs, key)
        if missing or len(own) < BLOCK:
            continue  # such a row is unstable whatever its threshold
        starts = generator.integers(0, len(own) - BLOCK + 1, (NOISE_DRAWS, blocks, 1))
        drawn = own[(starts + gate_statistics.numpy.arange(BLOCK)).reshape(NOISE_DRAWS, -1)[:, :count]]
        signs = generator.choice((-1, 1), drawn.shape)
        effects = gate_statistics.numpy.expm1(gate_statistics.centres(drawn * signs))
        noise[key] = gate_statistics.quantile(abs(effects), NOISE_QUANTILE)
    return noise


def _compare(plan, number):
    """The rows of one drawn comparison."""
    halves, delayed, noise, seconds, budget, seed = plan
    pairs = halves[number % len(halves)]
    groups = {load: (pairs, True) for load in LOADS}
    if delayed is not None:
        groups[DELAYED_LOAD] = (delayed, False)
    source = Drawn(groups, seconds, budget, random.Random(f"{seed} {number}"))
    generator = gate_statistics.numpy.random.default_rng([seed, number])
    rows = gate_judge.Gate(source, noise[number % len(noise)], generator).run()
    return [(row.key, row.verdict) for row in rows], gate_report.status(rows), any(row.note.startswith("not c") for row in rows)


def compare_often(halves, delayed, noise, seconds, given, seed, progress):
    """Many comparisons, on all processors."""
    plan, results = (halves, delayed, noise, seconds, given.budget, seed), []
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for result in pool.map(functools.partial(_compare, plan), range(given.comparisons), chunksize=5):
            results.append(result)
            progress(f"comparison {len(results)} of {given.comparisons}")
    return results


def share(hits, trials):
    low, high = gate_statistics.share_interval(hits, trials)
    return {"hits": hits, "trials": trials, "share": hits / trials, "ci_low": low, "ci_high": high}


def judge_gate(groups, given, seed, progress):
    """Everything that the self-test says, as it is kept in result.json. Noise and alarms of one comparison never come from the
    same pairs: what is judged is drawn from one half of the time, its thresholds are of the other."""
    pairs = groups.get(SAME, [])
    if len(pairs) < FEWEST:
        raise Unusable(f"{given.pairs_file} has {len(pairs)} pairs of A against A; at least {FEWEST} are needed: --collect more")
    generator, seconds = gate_statistics.numpy.random.default_rng(seed), seconds_by_load(pairs)
    untimed = [load for load in LOADS if load not in seconds]
    if untimed:
        raise Unusable(f"{given.pairs_file} has no time of the load {', '.join(untimed)}: --collect anew")
    halves = [pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]]
    noise = noise_of(pairs, generator)
    crossed = [noise_of(half, generator) for half in reversed(halves)]
    results = compare_often(halves, None, crossed, seconds, given, seed, progress)
    trials = len(results)
    result = {
        "pairs": {group: len(own) for group, own in groups.items()},
        "seconds_of_a_pair": sum(seconds.values()),
        "false_alarms": share(sum(status == gate_report.FAILED for _, status, _ in results), trials),
        "false_alarms_before_confirming": share(sum(s == gate_report.FAILED or first for _, s, first in results), trials),
        "false_improvements": share(sum(any(v == gate_judge.IMPROVED for _, v in rows) for rows, _, _ in results), trials),
        "unsure": share(sum(status == gate_report.UNSURE for _, status, _ in results), trials),
        "noise": [{"benchmark": name, "metric": metric, "noise": value,
                   "unstable": sum((key, gate_judge.UNSTABLE) == ((name, metric), verdict)
                                   for rows, _, _ in results for key, verdict in rows) / trials}
                  for (name, metric), value in noise.items()],
        "power": [],
    }  # fmt: skip
    for delay in DELAYS:
        delayed = groups.get(group_of(delay), [])
        if len(delayed) >= gate_judge.LOOKS[0]:
            found = compare_often([pairs], delayed, [noise], seconds, given, seed, progress)
            result["power"] += _power(delay, delayed, found, generator)
    return result


def _power(delay, delayed, found, generator):
    """A row for every benchmark and metric of the load that was delayed, with the effect that all its pairs show."""
    rows = []
    for key in delayed[0].values:
        own, missing = gate_judge.ratios(delayed, key)
        if missing:
            continue
        low, high = (gate_statistics.relative(bound) for bound in gate_statistics.interval(own, generator))
        hits = sum((key, gate_judge.REGRESSED) in verdicts for verdicts, _, _ in found)
        rows.append({"delay": delay, "benchmark": key[0], "metric": key[1], "effect_low": low, "effect_high": high,
                     "effect": gate_statistics.relative(gate_statistics.centre(own)), **share(hits, len(found))})  # fmt: skip
    return rows
