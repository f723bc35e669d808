"""From which record the thresholds of a comparison come: one that was measured on this machine, else a wide default.

A calibration is a short self-test: pairs of the head against itself, from which the noise of each row follows. It is
kept per machine and suite, because it says nothing about another one.
"""

import datetime
import hashlib
import json
import re
import tempfile
from pathlib import Path

from .. import INSTALLED, PROGRAMS, ROOT, cache, command, programs
from ..failures import Unusable
from ..output import write_text
from ..records.files import read_json
from . import judge, pairs, resampling, self_test, statistics, suite

RECORD = PROGRAMS / "self-test" if INSTALLED else ROOT / "results/self-test"
PAIRS = 20  # of a calibration: as many as a first look judges
WIDE = 0.15  # threshold on a machine whose noise is not known
METRICS = "connects_per_s cpu_per_attempt wall_time overshoot_p50 added_p50 p50 p90".split()


def of(machine, measured):
    """({(benchmark, metric): noise}, notes) for comparisons on this machine. `measured`: the suite."""
    try:
        calibrated = file_for(machine, measured)
        is_calibrated = calibrated.exists()
    except Unusable:  # there is no cache
        is_calibrated = False
    is_there = (RECORD / self_test.RESULT).exists()
    recorded = self_test.read_result(RECORD) if is_there else None
    if recorded and recorded["machine"] == machine and (measured is suite.OURS or not is_calibrated):
        return self_test.kept_noise(RECORD)
    if is_calibrated:
        hint = f": remove it, and measure again with {command('regress')} --calibrate"
        kept = read_json(calibrated, "self-test", hint=hint)
        when = f"calibrated on {kept.get('date', 'an unknown day')}, {kept.get('pairs', '?')} pairs"
        note = f"thresholds: {100 * judge.LEAST:g} %, or {judge.MARGIN:g} times the noise of this machine ({when})"
        return self_test.noise_in(kept), [note]
    return _wide(self_test.noise_in(recorded) if recorded else {}), [_wide_note(recorded)]


def _wide(elsewhere):
    """At least WIDE for every row, and more where the noisiest row of the metric was noisier on another machine."""
    noise = {("any", metric): WIDE / judge.MARGIN for metric in METRICS}
    for (_, metric), value in elsewhere.items():
        noise["any", metric] = max(noise.get(("any", metric), 0.0), value)
    return noise


def _wide_note(recorded):
    where = f"the self-test is of another machine ({recorded['machine']})" if recorded else "there is no self-test"
    return (
        f"thresholds: the wide default, {100 * WIDE:g} % or more, because {where}. --calibrate measures this machine's "
        "noise once, in about two minutes"
    )


def file_for(machine, measured):
    """Where the calibration of a machine and a suite is kept."""
    words = json.dumps([machine, measured.words], sort_keys=True)
    name = re.sub(r"[^A-Za-z0-9]+", "-", machine).strip("-")[:60]
    return cache.folder() / "calibration" / f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:12]}.json"


def calibrate(head, loads, seed, progress):
    """Measures the head against itself, unless that was done on this machine before. Returns notes."""
    with tempfile.TemporaryDirectory(prefix="connbench-calibrate-") as folder:
        more = programs.cpus_flag(head.program)
        run, _ = suite.measure(head, loads[0], more, folder)
        file = file_for(run.machine_text, head.suite)
        if file.exists():
            return [f"{file} was there: not calibrated again"]
        twin = suite.Side("base", head.program.parent, file=head.program.name, suite=head.suite)
        bench, measured = pairs.Bench(twin, head, Path(folder), seed, more), []
        for number in range(PAIRS):
            measured.append(bench.pair(loads))
            progress(f"calibrating: pair {number + 1} of {PAIRS}")
    noise = resampling.noise_of(measured, statistics.numpy.random.default_rng(seed))
    rows = [{"benchmark": name, "metric": metric, "noise": value} for (name, metric), value in noise.items()]
    kept = {"machine": run.machine_text, "date": f"{datetime.date.today()}", "pairs": PAIRS, "noise": rows}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    return [f"calibrated: {file}"]
