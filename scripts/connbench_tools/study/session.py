"""Runs studies one after the other, goes on after an interrupt, and keeps what is worth keeping."""

import shutil
from pathlib import Path

from .. import INSTALLED, ROOT, command, programs
from ..failures import Unusable, say
from ..output import write_text
from ..records.studies import FILE, read_study
from . import catalogue, judge, steps
from .page import FIGURE, PAGE, overview, page_text

BROKE = 5  # exit status: a run broke, as of connbench itself
KEPT = ("run.json", "summary.csv", "exhaustion.csv", "probe.csv", steps.TRACE, steps.ANSWER, "packets.json")
INTRODUCTION = """# Studies: published claims, tested

<!-- scripts/study publish writes this page. -->

People settle arguments about connecting with figures that others published years ago, on other kernels. A study runs
the experiment again, here, and says what became of the claim.

```sh
connbench study list
connbench study run port-cliff      # prints its page
connbench study all --out results/S # all of them, in up to 25 minutes; --quick: within 5, no verdicts to keep
connbench report results/S/port-cliff   # the runs of a study as a report, which begins with the study's page
```

After an interrupt, the same command with the same `--out` continues with the next study. `connbench study judge DIR`
applies the rules to records that exist.

A verdict follows from the records by a rule in the study's file, which existed before anything was measured:

- Two figures differ by the rule of [method.md](method.md): the same one is ahead in all of at least eight repetitions
  (of twelve: in all but one), or the ranges of at least five do not overlap. Whether one is at least 1.2 times another
  is decided in the same way, with the other one multiplied. A published constant does not vary, so it takes eight
  repetitions. Intervals of ratios are those of the [gate](gate.md).
- A claim that covers several situations is judged where at least half of them are decided. Situations in which the
  server or the distance is the limit do not count: nobody could be faster there.
- What cannot be told apart is not called different, and equal is only what was shown to be equal within a margin.
- Shares have exact intervals (Clopper and Pearson), and one is called smaller than another by Fisher's exact test.
- On a busy machine the scheduler gives each thread a share, so who has more threads looks faster, and repetitions only
  confirm it. Claims that compare the rates of such programs are not judged there.
- Each comparison has its own chance of an error, at most 1 of 100. A claim with ten situations has that ten times, and
  a figure that lies at the bound of its rule can be undecided in one run and decided in the next one.
- `holds` and `does not hold` are about this machine and this kernel. `depends on …`: true in one situation and false in
  another. `not testable here`: something is missing, or the measurements do not decide; the page says what.

A study is one file in [studies/](../studies): the claims and who made them, the runs, and the rules. Adding a study
means adding a file. `scripts/study publish DIR` copies the summaries to results/studies and writes this page.

"""


def run(names, bin_folder, out, is_quick):
    """Runs these studies, except those that `out` has already. Returns the exit status."""
    bench = steps.Bench(bin_folder)
    commit = _commit(bench.program)
    broke = False
    for place, name in enumerate(names, 1):
        study, folder = catalogue.load(name), out / name
        record = _earlier(folder, name, is_quick, commit)
        if record:
            say(f"== {name} ({place} of {len(names)}): measured already, in {folder}")
        else:
            say(f"== {name} ({place} of {len(names)})")
            _remove(folder)
            record = judge.begin(folder, name, study, is_quick, commit)
            entries, seconds = steps.measure(bench, study, folder, is_quick)
            record = judge.finish(folder, study, record, entries, seconds)
        print(page_text(record), flush=True)
        broke = broke or bool(record.get("broke"))
    say(f"records: {out}; {command('report')} {out}/NAME shows the runs of a study")
    return BROKE if broke else 0


def _commit(program):
    words = programs.execute([program, "--version"]).output.split()
    return words[words.index("commit") + 1] if "commit" in words[:-1] else "?"


def _earlier(folder, name, is_quick, commit):
    """The finished record of the same study, by the same program; None when it must be measured."""
    record = read_study(folder)
    same = record and record["complete"] and record.get("quick") == is_quick and record.get("commit") == commit
    return record if same and record.get("fingerprint") == catalogue.fingerprint(name) else None


def _remove(folder):
    """Removes what an interrupted or older study has left there, and nothing else."""
    if not folder.exists():
        return
    if not (folder / FILE).is_file():
        raise Unusable(f"{folder} exists and is not a study's folder: move it, or choose another one with --out")
    shutil.rmtree(folder)


def judge_again(folders):
    """Applies the rules as they are now to records that exist."""
    for folder in folders:
        record = read_study(folder)
        if not record or not record["complete"]:
            raise Unusable(f"{folder} has no finished study")
        (name,) = catalogue.require([record["study"]])
        record["fingerprint"] = catalogue.fingerprint(name)
        study = catalogue.load(name)
        record = judge.finish(folder, study, record, record["steps"], record["seconds"])
        print(page_text(record), flush=True)


def publish(folder, records=None, document=None):
    """Copies finished studies in a small form, and writes the document with a row for each study."""
    if INSTALLED and not (records and document):
        raise Unusable("publish writes into a checkout of connbench: use scripts/study there")
    records, document = records or ROOT / "results/studies", document or ROOT / "docs/studies.md"
    for name in catalogue.names():
        found = read_study(folder / name) if folder else None
        if found and found["complete"]:
            if found.get("quick"):
                raise Unusable(f"{folder / name} was measured with --quick: measure it without")
            _keep(folder / name, records / name, found)
    rows = {name: read_study(records / name) or catalogue.load(name) for name in catalogue.names()}
    link = _relative(records, document.parent)
    write_text(document, f"{INTRODUCTION}{overview(rows, link)}\n")
    return document


def _relative(path, start):
    path, start = path.resolve(), start.resolve()
    up = next(number for number, parent in enumerate([start, *start.parents]) if path.is_relative_to(parent))
    return Path(*[".."] * up, path.relative_to([start, *start.parents][up])).as_posix()


def _keep(source, target, record):
    """The summaries, the page and the figure; not the samples."""
    if target.exists():
        _remove(target)
    for entry in record["steps"]:
        for name in KEPT:
            file = source / entry["folder"] / name
            if file.is_file():
                (target / entry["folder"]).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target / entry["folder"] / name)
    target.mkdir(parents=True, exist_ok=True)
    for name in (FILE, PAGE, FIGURE):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
