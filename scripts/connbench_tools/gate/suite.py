"""What the gate measures: a few loads, each short, and how one side runs them.

A pair takes about 4 s, so that twenty of them, and sixteen more to confirm, fit into three minutes. Loads:
  rate   closed loop on loopback: what connecting costs
  late   a queue that is full, in open loop: how late an attempt is given up, with deadlines 0.25 ms apart
  added  a host 2 ms away, in open loop: what is added to the handshake
A turn is one `connbench run`. The machine's speed drifts within a second, so that short turns in an order that evens out drift
tell more than long ones: for the time of A B B A with three waves each, twelve turns of one wave have two thirds of the noise.
"""

import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path

from gate_runs import Run, Unusable, metrics

LOADS = {  # one turn
    "rate": ["--connector", "epoll,io-uring,blocking-threads", "--target", "accepting", "--concurrency", "64",
             "--attempts", "1000", "--repetitions", "1", "--timeout", "5s"],
    "late": ["--connector", "epoll,io-uring,select-threads", "--target", "backlog-full", "--concurrency", "64",
             "--attempts", "64", "--repetitions", "1", "--timeout", "10ms", "--arrival", "uniform:4000/s"],
    "added": ["--connector", "epoll,blocking-threads", "--target", "delayed:2ms", "--concurrency", "64",
              "--attempts", "64", "--repetitions", "2", "--timeout", "5s", "--arrival", "uniform:1000/s"],
}  # fmt: skip
# Of a pair; A is who comes first. Who has had less goes next (Thue and Morse), so that a drift of any even kind is in both.
TURNS = {"rate": "ABBABAAB", "late": "ABBABAAB", "added": "ABBA"}
POOLED = {"connects_per_s": statistics.harmonic_mean, "cpu_per_attempt": statistics.fmean, "wall_time": statistics.fmean}
NOT_JUDGED = {"overshoot_p90"}  # of 64 attempts: A against A it was too noisy to say in one of four comparisons
LACKS = 3  # exit status of connbench: the machine has nothing of what was asked
MEANING = {
    1: "attempts ended otherwise than the target explains, or a wave's process failed",
    2: "it does not know what the gate asks of it: too old, or too new, for this gate",
    5: "the run broke",
}
LONGEST = 120.0  # s for a run that takes one


class Side:
    """One of the two builds. `environment`: variables that its processes get besides."""

    def __init__(self, name, bin_folder, environment=None):
        self.name, self.program = name, Path(bin_folder) / "connbench"
        self.environment = dict(os.environ, **(environment or {}))
        if not os.access(self.program, os.X_OK):
            raise Unusable(f"{name}: {self.program} is not there, or no program. Build it first: "
                           "cmake --build DIR --target connbench")  # fmt: skip


class Measured:
    """What one side said in its turns of a pair: the runs, and what they took."""

    def __init__(self):
        self.runs, self._waves, self._seconds = [], {}, {}

    def add(self, load, run, seconds):
        self.runs.append(run)
        self._seconds[load] = self._seconds.get(load, 0.0) + seconds
        for name, waves in run.waves.items():
            self._waves.setdefault(name, []).extend(waves)

    def values(self):
        """{(benchmark, metric): value}, of the waves of all turns."""
        values = {(f"command/{load}", "wall_time"): 1e9 * seconds for load, seconds in self._seconds.items()}
        for name, waves in self._waves.items():
            figures = {metric: found for metric, found in metrics(waves).items() if metric not in NOT_JUDGED}
            values |= {(name, metric): of_all(metric, found) for metric, found in figures.items()}
        return values


def load_of(benchmark):
    """The load that a benchmark is of: each has a target of its own."""
    first, second = [*benchmark.split("/"), ""][:2]
    found = [second] if first == "command" else [load for load, words in LOADS.items() if second in words]
    if not found or found[0] not in LOADS:
        raise Unusable(f"{benchmark} is of no load of this gate: are these the pairs of another suite?")
    return found[0]


def of_all(metric, values):
    """Of all waves: amounts add up, of percentiles it is the median (of an even number the lower of the middle two, because a
    percentile is a value that occurred). None when a wave has none: the others are not the whole."""
    if any(value is None for value in values):
        return None
    return POOLED.get(metric, statistics.median_low)(values)


def lacking(side, folder):
    """{load: reason} of the loads that this machine has nothing of, asked with one dry run each."""
    reasons = {}
    for load in LOADS:
        status, said = _ended(side, ["run", *LOADS[load], "--dry-run"], folder)
        if status == LACKS:
            reasons[load] = said
        elif status != 0:
            raise Unusable(_broken(side, load, status, said))
    return reasons


def processors(side, folder):
    """The flag that keeps client and server apart, as `connbench doctor` advises; none on one processor."""
    said = subprocess.run([side.program, "doctor"], check=False, capture_output=True, text=True, cwd=folder).stdout
    advice = re.search(r"client=\d+,server=\d+", said)
    return ["--cpus", advice.group()] if advice else []


def measure(side, load, more, folder):
    """One turn: the Run of a fresh process, with its start, its servers and its end in the seconds that it took. The folder
    of a run that cannot be used stays, and is named."""
    out = Path(folder) / f"{side.name}-{load}"
    shutil.rmtree(out, ignore_errors=True)
    arguments = ["run", *LOADS[load], *more, "--samples", "none", "--syscalls", "off", "--out", str(out)]
    began = time.monotonic()
    status, said = _ended(side, arguments, folder)
    seconds = time.monotonic() - began
    if status != 0:
        raise Unusable(_broken(side, load, status, said) + (f". Its records: {out}" if out.exists() else ""))
    run = Run(out, side.name)
    shutil.rmtree(out)
    return run, seconds


def _broken(side, load, status, said):
    if status is None:
        how = f"did not end within {LONGEST:.0f} s"
    elif status < 0:
        how = f"was killed by {signal.Signals(-status).name}"
    else:
        how = f"ended with {status}" + (f" ({MEANING[status]})" if status in MEANING else "")
    return f"{side.name}: {side.program} {how} on the load '{load}'" + (f": {said}" if said else "")


def _ended(side, arguments, folder):
    """Exit status (None: it had to be stopped), and the last line of what it said on stderr. Ends what it started, however it
    is left."""
    process = subprocess.Popen([side.program, *arguments], env=side.environment, cwd=folder, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip
    try:
        said = process.communicate(timeout=LONGEST)[1]
        return process.returncode, (said.strip().splitlines() or [""])[-1]
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if process.poll() is None:
            process.terminate()  # it ends its servers and its lab by itself
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
