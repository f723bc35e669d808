"""Builds or takes two builds, measures them in pairs and judges them. scripts/regress is the program."""

import contextlib
import datetime
import random
import subprocess
import tempfile
import time

from .. import ROOT, git, programs
from ..failures import Unusable, say
from ..output import printable, write_text
from ..output import replace_line as progress
from . import builds, judge, pairs, self_test, statistics, suite, verdicts

SELF_TEST = ROOT / "results/self-test"
TITLE = "Regression gate"
EXACT_TARGETS = ["floor_bench", "count_allocations"]  # what scripts/exact runs besides connbench


def compare(given):
    """Prints the verdicts and keeps them in a folder. Returns the exit status."""
    try:
        return _compare(given)
    except (Unusable, OSError) as error:
        if given.markdown:
            with contextlib.suppress(OSError):  # the reason why there is no verdict matters more
                write_text(given.markdown, f"### {TITLE}: unusable\n\n```\n{printable(error)}\n```\n")
        raise
    finally:
        progress("")


def _compare(given):
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    out = given.out or ROOT / "results" / f"{stamp}-regress"
    if out.exists():
        raise Unusable(f"{out} exists already: choose another folder with --out")
    with contextlib.ExitStack() as stack:
        (base, head), tree, notes = sides_of(given, stack)
        out.mkdir(parents=True)
        ends = time.monotonic() + given.budget
        exact_status, exact_notes = run_exact(given, tree, head.program.parent.parent)
        rows, more, _ = judge_sides(given, base, head, out, ends - time.monotonic())
        notes += more + exact_notes
        report(rows, notes, out, given.markdown)
    return verdicts.worst(verdicts.status(rows), exact_status)


def report(rows, notes, out, markdown):
    """Writes the verdict to its files, then prints it: nobody may read stdout. What the files cannot take is printed
    all the same."""
    try:
        verdicts.write_csv(out / "verdicts.csv", rows)
        if markdown:
            write_text(markdown, verdicts.markdown(rows, TITLE, notes))
    finally:
        print(
            verdicts.table(rows) + "\n" + "\n".join([*notes, f"{verdicts.summary(rows)}. Records: {out}"]), flush=True
        )


def sides_of(given, stack):
    """(base, head), the tree whose scripts/exact belongs to the head, and notes for the reader."""
    if given.base_build:
        folders = given.base_build.resolve(), given.head_build.resolve()
        return [suite.Side(name, folder / "bin") for name, folder in zip(("base", "head"), folders)], ROOT, []
    revisions = {"base": given.base, "head": given.head or "HEAD"}
    commits = {side: git.commit_of(revision) for side, revision in revisions.items()}
    notes = [f"{side}: {revisions[side]} ({commit[:12]})" for side, commit in commits.items()]
    if not given.head and builds.uncommitted():
        notes.append("uncommitted changes are not judged: head is the last commit")
    worktrees, sides = stack.enter_context(builds.Worktrees()), []
    for side, commit in commits.items():
        say(f"{side}: building {revisions[side]} ({commit[:12]})")
        tree = worktrees.check_out(side, commit)
        exact = side == "head" and not given.no_exact and (tree / "scripts/exact").exists()
        targets = ["connbench", *(EXACT_TARGETS if exact else [])]
        sides.append(suite.Side(side, builds.build(tree, targets) / "bin"))
    return sides, tree, notes


def loads_here(base, head, folder):
    """The loads that this machine allows, and a note for each of the others."""
    lacks = [suite.lacking(side, folder) for side in (base, head)]
    for load in lacks[0].keys() ^ lacks[1].keys():
        raise Unusable(f"the load '{load}' can be measured on one side only: {(lacks[0] | lacks[1])[load]}")
    loads = [load for load in suite.LOADS if load not in lacks[0]]
    if not loads:
        raise Unusable(f"nothing can be measured here: {'; '.join(lacks[0].values())}")
    return loads, [f"not measured: the load '{load}': {why}" for load, why in lacks[0].items()]


def judge_sides(given, base, head, out, budget):
    """Rows with verdicts, notes, and the bench that measured. `budget`: seconds."""
    seed = random.randrange(2**32) if given.seed is None else given.seed
    noise, notes = self_test.kept_noise(SELF_TEST)
    notes += [f"seed {seed}"]
    if given.pairs[0] < judge.LOOKS[0]:
        notes.append(f"judged at {given.pairs[0]} pairs: below {judge.LOOKS[0]} nothing is certain")
    with tempfile.TemporaryDirectory(prefix="connbench-regress-") as folder:
        loads, more = loads_here(base, head, folder)
        bench = pairs.Bench(base, head, folder, seed, programs.cpus_flag(head.program))
        source = pairs.LiveSource(bench, loads, pairs.PairsFile(out / "pairs.csv"), budget, progress)
        generator = statistics.numpy.random.default_rng(seed)
        gate = judge.Gate(source, noise, generator, given.pairs, min(given.pairs[0], judge.CONFIRM_PAIRS))
        rows = gate.run()
        progress("")
    return rows, notes + more + bench.frequent_notes(), bench


def run_exact(given, tree, build):
    """The exit status of scripts/exact on the head, and a note that says what it means."""
    program = tree / "scripts/exact"
    if given.no_exact or not program.exists():
        why = "--no-exact" if given.no_exact else "there is no scripts/exact"
        return verdicts.FINE, [f"system calls, threads, allocations and bytes were not judged ({why})"]
    status = _status_of([program, build])
    print(flush=True)
    known = {verdicts.FINE: "as in the baseline", verdicts.FAILED: "they differ from the baseline"}
    said = known.get(status, "scripts/exact gave no result")
    note = f"exact figures (system calls, threads, allocations, bytes): {said}"
    return status if status in known else verdicts.UNUSABLE, [note]


def _status_of(command):
    """Exit status. An interruption asks the command to end, and to end what it has started."""
    process = subprocess.Popen(command)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def accept(given):
    """Runs scripts/exact --accept. Returns its exit status."""
    program, build = ROOT / "scripts/exact", given.head_build or ROOT / "build/release"
    if not program.exists():
        raise Unusable(f"{program} is not there: nothing to accept")
    return subprocess.run([program, build, "--accept"], check=False).returncode
