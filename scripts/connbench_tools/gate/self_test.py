"""scripts/regress --self-test: what it prints, what it keeps in result.json, and the thresholds that the gate takes
from it."""

import json
import random

from .. import command
from ..output import write_text
from ..records.files import read_json
from . import collect, judge, pairs, real, resampling

RESULT = "result.json"
AIMED = ("connects_per_s", "cpu_per_attempt")


def run(given, say, progress):
    """Prints the result and keeps it beside the pairs. Returns the exit status."""
    if given.collect:
        collect.collect(given, say, progress)
    if given.real:
        real.compare(given, say)
    groups = pairs.read(given.pairs_file)
    seed = random.randrange(2**32) if given.seed is None else given.seed
    facts = collect.read_facts(given.pairs_file.with_name("collection.json"))
    say("Drawing comparisons from the pairs: this takes some minutes")
    result = facts | {"seed": seed, "budget_s": given.budget} | resampling.judge_gate(groups, given, seed, progress)
    comparisons = real.read(given.pairs_file.with_name(real.FILE))
    if comparisons:
        result["real"] = real.summary(comparisons)
    progress("")
    print(text(result), end="", flush=True)  # before writing the file, which may fail
    path = given.pairs_file.with_name(RESULT)
    write_text(path, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"\nKept: {path}")
    return 0


def kept_noise(folder):
    """({(benchmark, metric): the 99th percentile of A against A}, notes) from the last self-test; without one, an empty
    dictionary and a note."""
    least = f"{100 * judge.LEAST:g} %"
    if not (folder / RESULT).exists():
        how = f"{command('regress')} --self-test --collect"
        return {}, [f"there is no self-test here ({how}): all thresholds are {least}"]
    result = read_result(folder)
    return noise_in(result), [
        f"thresholds: {least}, or {judge.MARGIN:g} times the noise of A against A on {result['machine']} "
        "(results/self-test)"
    ]


def read_result(folder):
    """What result.json keeps, as far as thresholds come from it."""
    return read_json(folder / RESULT, "self-test", hint=f". {command('regress')} --self-test writes it again")


def noise_in(result):
    """{(benchmark, metric): noise} of such a record."""
    return {(row["benchmark"], row["metric"]): float(row["noise"]) for row in result["noise"]}


def _share(found):
    interval = f"{found['ci_low']:.1%} to {found['ci_high']:.1%}"
    return f"{found['share']:6.1%} ({found['hits']} of {found['trials']}; 95 %: {interval})"


def real_lines(kinds):
    """Lines on the comparisons of gate/real.py."""
    what = {real.COPY: "of a build with a copy of itself", real.LAYOUT: "of builds that differ in layout only"}
    lines = []
    for kind, found in kinds.items():
        lines += [
            f"Real comparisons {what[kind]}, each with pairs of its own",
            f"  false alarms (exit 1)      {_share(found['alarms'])}",
            f"  false improvements         {_share(found['false_improvements'])}",
            f"  unstable rows (exit 4)     {_share(found['unsure'])}",
            "",
        ]
    return lines


def text(result):
    """The result as a text for the terminal."""
    pairs = ", ".join(f"{count} {group}" for group, count in result["pairs"].items())
    lines = [
        f"{result['machine']}, commit {result['commit']}; {pairs} pairs in {result['minutes']} minutes, "
        f"{len(result['broken'])} more could not be measured; a pair of the whole suite takes "
        f"{result['seconds_of_a_pair']:.1f} s.",
        "Whole comparisons drawn from these pairs, including all looks, Holm's correction, the budget "
        f"({result['budget_s']:.0f} s) and the confirmation:",
        "",
        "A against A",
        f"  false alarms (exit 1)      {_share(result['false_alarms'])}",
        f"  before the confirmation    {_share(result['false_alarms_before_confirming'])}",
        f"  false improvements         {_share(result['false_improvements'])}",
        f"  unstable rows (exit 4)     {_share(result['unsure'])}",
        "",
        *real_lines(result.get("real", {})),
        "Power: how often a delay in every connect() was reported as a regression",
        f"(io_uring connects inside the kernel, which the delay does not reach; delays are shares of {result['what']})",
    ]
    own = [row for row in result["power"] if not row["benchmark"].startswith(("io-uring/", "command/"))]
    for row in sorted(
        own,
        key=lambda row: (
            not result["what"].startswith(f"the time per connect of {row['benchmark']}") or row["metric"] not in AIMED,
            row["benchmark"],
        ),
    ):
        lines.append(
            f"  +{row['delay']:.0%}  {row['benchmark']} {row['metric']}: {_share(row)}; "
            f"effect {row['effect']:+.1%} ({row['effect_low']:+.1%} to {row['effect_high']:+.1%})"
        )
    lines += [
        "",
        "Noise: the bound of 99 in 100 effects of A against A at the first look (and how often the row was unstable)",
    ]
    lines += [
        f"  {row['noise']:6.1%}  {row['benchmark']} {row['metric']} ({row['unstable']:.0%})" for row in result["noise"]
    ]
    return "\n".join(lines) + "\n"
