"""Builds or takes two builds, measures them in pairs and judges them. scripts/regress is the program."""

import contextlib
import datetime
import random
import subprocess
import tempfile
import time

from .. import BUILD, PROGRAMS, RESULTS, programs
from ..failures import Unusable
from ..output import printable, write_text
from ..output import replace_line as progress
from . import coverage, judge, pairs, sides, statistics, suite, thresholds, verdicts

TITLE = "Regression gate"


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
    out = given.out or RESULTS / f"{stamp}-regress"
    if out.exists():
        raise Unusable(f"{out} exists already: choose another folder with --out")
    with contextlib.ExitStack() as stack:
        (base, head), exact, notes = sides.of(given, stack)
        out.mkdir(parents=True)
        if given.calibrate:
            notes += calibrate(given, base, head)
        ends = time.monotonic() + given.budget
        exact_status, exact_notes = run_exact(exact, head.program)
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


def loads_here(base, head, folder):
    """The loads that this machine allows, and a note for each of the others."""
    lacks = [suite.lacking(side, folder) for side in (base, head)]
    for load in lacks[0].keys() ^ lacks[1].keys():
        raise Unusable(f"the load '{load}' can be measured on one side only: {(lacks[0] | lacks[1])[load]}")
    loads = [load for load in head.suite.of_loads if load not in lacks[0]]
    if not loads:
        raise Unusable(f"nothing can be measured here: {'; '.join(lacks[0].values())}")
    return loads, [f"not measured: the load '{load}': {why}" for load, why in lacks[0].items()]


def judge_sides(given, base, head, out, budget):
    """Rows with verdicts, notes, and the bench that measured. `budget`: seconds."""
    seed = random.randrange(2**32) if given.seed is None else given.seed
    notes = [f"seed {seed}"]
    if given.pairs[0] < judge.LOOKS[0]:
        notes.append(f"judged at {given.pairs[0]} pairs: below {judge.LOOKS[0]} nothing is certain")
    with tempfile.TemporaryDirectory(prefix="connbench-regress-") as folder:
        loads, more = loads_here(base, head, folder)
        bench = pairs.Bench(base, head, folder, seed, programs.cpus_flag(head.program))
        bench.required = head.suite.required
        source = pairs.LiveSource(bench, loads, pairs.PairsFile(out / "pairs.csv"), budget, progress)
        generator = statistics.numpy.random.default_rng(seed)

        def noise():
            found, said = thresholds.of(bench.machine, head.suite)
            notes.extend(said)
            return found

        gate = judge.Gate(source, noise, generator, given.pairs, min(given.pairs[0], judge.CONFIRM_PAIRS))
        rows = gate.run()
        progress("")
    return rows, coverage.notes(rows) + notes + more + bench.frequent_notes(), bench


def calibrate(given, base, head):
    """Measures the noise of this machine, once. Returns notes."""
    with tempfile.TemporaryDirectory(prefix="connbench-regress-") as folder:
        loads, _ = loads_here(base, head, folder)
    try:
        return thresholds.calibrate(head, loads, given.seed, progress)
    finally:
        progress("")


def run_exact(exact, program):
    """The exit status of scripts/exact on the head, and a note that says what it means."""
    why = exact.why if exact.command is None else why_no_calls(program)
    if why:
        return verdicts.FINE, [f"system calls, threads, allocations and bytes were not judged ({why})"]
    status = _status_of(exact.command)
    print(flush=True)
    known = {verdicts.FINE: "as in the baseline", verdicts.FAILED: "they differ from the baseline"}
    said = known.get(status, "scripts/exact gave no result")
    note = f"exact figures (system calls, threads, allocations, bytes): {said}"
    return status if status in known else verdicts.UNUSABLE, [note]


def why_no_calls(program):
    """Why system calls cannot be counted on this machine; "" where they can, or where the program does not say."""
    try:
        found = programs.ask(program, "doctor").get("machine", [])
    except Unusable:
        return ""
    for row in found:
        if row.get("subject") == "counting system calls" and not row["value"].startswith("by "):
            return f"counting them here is {row['value'].partition(':')[0]}: {row['remedy']}"
    return ""


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
    program, build = PROGRAMS / "exact", given.head_build or BUILD
    if not program.exists():
        raise Unusable(f"{program} is not there: nothing to accept")
    return subprocess.run([program, build, "--accept"], check=False).returncode
