"""scripts/regress --self-test: what it keeps (result.json beside the pairs), what it prints, what the gate takes from it."""

import json
import random

import gate_collect
import gate_pairs
import gate_resampling
from gate_runs import Unusable

RESULT = "result.json"
AIMED = [("epoll/accepting/concurrency:64/timeout:5s", metric) for metric in ("connects_per_s", "cpu_per_attempt")]


def run(given, say, progress):
    """Exit status. The result is kept beside the pairs."""
    if given.collect:
        gate_collect.collect(given, say, progress)
    groups = gate_pairs.read(given.pairs_file)
    seed = random.randrange(2**32) if given.seed is None else given.seed
    facts = gate_collect.read_facts(given.pairs_file.with_name("collection.json"))
    say("Drawing comparisons from the pairs: some minutes")
    result = facts | {"seed": seed, "budget_s": given.budget} | gate_resampling.judge_gate(groups, given, seed, progress)
    progress("")
    print(text(result), end="", flush=True)  # if it cannot be kept, it was told
    path = given.pairs_file.with_name(RESULT)
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"\nKept: {path}")
    return 0


def kept_noise(folder):
    """({(benchmark, metric): A against A's 99th percentile}, notes) of the last self-test; without one, nothing, and a note."""
    path = folder / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, ["no self-test is kept here (scripts/regress --self-test --collect): thresholds are 5 % throughout"]
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} cannot be read: {error}. scripts/regress --self-test writes it anew") from error
    try:
        noise, machine = {(row["benchmark"], row["metric"]): float(row["noise"]) for row in result["noise"]}, result["machine"]
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable(f"{path} is no result of a self-test ({error}). scripts/regress --self-test writes it anew") from error
    return noise, [f"thresholds: 5 %, or 1.5 times what A against A showed on {machine} (results/self-test)"]


def _share(found):
    return f"{found['share']:6.1%} ({found['hits']} of {found['trials']}; 95 %: {found['ci_low']:.1%} to {found['ci_high']:.1%})"


def text(result):
    """For people."""
    pairs = ", ".join(f"{count} {group}" for group, count in result["pairs"].items())
    lines = [
        f"{result['machine']}, commit {result['commit']}; {pairs} pairs in {result['minutes']} minutes, "
        f"{len(result['broken'])} that could not be measured; a pair of the whole suite takes {result['seconds_of_a_pair']:.1f} s.",
        f"Whole comparisons drawn from them, all looks, Holm's correction, budget ({result['budget_s']:.0f} s) and confirmation included:",
        "",
        "A against A",
        f"  false alarms (exit 1)      {_share(result['false_alarms'])}",
        f"  before the confirmation    {_share(result['false_alarms_before_confirming'])}",
        f"  a false improvement        {_share(result['false_improvements'])}",
        f"  something unstable (exit 4){_share(result['unsure'])}",
        "",
        "Power: seen as regressed, with a delay in every connect() of",
        f"(io_uring connects inside the kernel, where the delay is not; shares are of {result['what']})",
    ]
    own = [row for row in result["power"] if not row["benchmark"].startswith(("io-uring/", "command/"))]
    for row in sorted(own, key=lambda row: ((row["benchmark"], row["metric"]) not in AIMED, row["benchmark"])):
        lines.append(f"  +{row['delay']:.0%}  {row['benchmark']} {row['metric']}: {_share(row)}; "
                     f"effect {row['effect']:+.1%} ({row['effect_low']:+.1%} to {row['effect_high']:+.1%})")  # fmt: skip
    lines += ["", "Noise: 99 of 100 effects of A against A at the first look are smaller (and how often such a row was unstable)"]
    lines += [f"  {row['noise']:6.1%}  {row['benchmark']} {row['metric']} ({row['unstable']:.0%})" for row in result["noise"]]
    return "\n".join(lines) + "\n"
