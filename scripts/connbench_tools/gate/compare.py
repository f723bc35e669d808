"""Judges two finished runs that were not measured in pairs. scripts/compare is the program."""

from .. import command
from ..output import write_text
from ..records.waves import is_harness
from . import judge, self_test, statistics, thresholds, verdicts
from .runs import JudgedRun, differing_machines, require_comparable

SELF_TEST = thresholds.RECORD
NOT_PAIRED = (
    "these runs were not paired: drift of the machine between them counts as a change. On a shared virtual machine, "
    "drift "
    f"made 18 to 28 of 100 such comparisons of a program with itself report a change; {command('regress')} measures in "
    "pairs"
)


def compare(given):
    """Prints the table and writes the files that were asked for. Returns the exit status."""
    first, second = JudgedRun(given.first, "A"), JudgedRun(given.second, "B")
    notes = [NOT_PAIRED, *require_comparable(first, second, given.across)]
    noise, more = self_test.kept_noise(SELF_TEST)
    rows = judge_cases(first, second, noise, statistics.numpy.random.default_rng(given.seed))
    notes += [*(mark(rows, first, second) if given.across else []), *left_out(first), *too_few(rows), *more]
    try:  # files first: nobody may read what is printed. But what they cannot take is seen at least
        if given.csv:
            verdicts.write_csv(given.csv, rows)
        if given.markdown:
            write_text(given.markdown, verdicts.markdown(rows, "Two runs, not paired", notes))
    finally:
        print(verdicts.table(rows) + "\n" + "\n".join([*notes, verdicts.summary(rows)]), flush=True)
    return verdicts.status(rows)


def mark(rows, first, second):
    """Marks every row as one across machines. Returns a note."""
    differing = differing_machines(first, second)
    if not differing:
        return ["--across: both runs are of one machine and kernel"]
    for row in rows:
        row.across = "; ".join(f"{name} {one} / {other}" for name, (one, other) in differing.items())
    return ["across machines or kernels: a difference may be theirs, and the thresholds are those of one machine"]


def judge_cases(first, second, noise, generator):
    """Rows with verdicts."""
    rows, p_values = [], []
    for name, metrics in first.cases.items():
        if is_harness(name.split("/")[0]):
            continue
        for metric, values in metrics.items():
            row = judge.Row(name, metric, judge.threshold(noise.get((name, metric), 0.0)))
            rows.append(row)
            p_values.append(measure(row, values, second.cases[name][metric], generator))
    for row, p in zip(rows, statistics.holm(p_values)):
        if row.effect is not None:
            row.judge(p)
        row.give_up()
    return rows


def left_out(run):
    """A note on the harness's own cost, which belongs to no connector: it is no regression of one."""
    harnesses = dict.fromkeys(name.split("/")[0] for name in run.cases if is_harness(name.split("/")[0]))
    return [f"not judged: {', '.join(harnesses)}, which measure the harness itself"] if harnesses else []


def measure(row, first, second, generator):
    """The row's p value; 1 when it cannot be judged."""
    row.pairs = min(len(first), len(second))
    if not all(value is not None and value > 0 for value in first + second):
        row.note = (
            "no ratio: a repetition has no such figure (too few attempts, or the offered rate was not sustained), or "
            "one that is not above 0"
        )
        return 1.0
    if row.pairs < 2:
        row.note = "one repetition shows no noise, and so proves nothing: --repetitions 5 or more"
        return 1.0
    logs = [statistics.numpy.log(values) for values in (first, second)]
    row.set(row.pairs, statistics.difference(*logs), *statistics.unpaired_interval(*logs, generator))
    return statistics.unpaired_p(*logs)


def too_few(rows):
    """A note when there are so few repetitions that even the clearest change could not be proven."""
    if not rows:
        return []
    fewest = min(row.pairs for row in rows)
    if statistics.smallest_unpaired_p(fewest, fewest) * len(rows) <= judge.ALPHA:
        return []
    enough = next(n for n in range(2, 100) if statistics.smallest_unpaired_p(n, n) * len(rows) <= judge.ALPHA)
    return [f"{fewest} repetitions cannot prove a change in one of {len(rows)} figures, however large: {enough} can"]
