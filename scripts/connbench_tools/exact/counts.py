"""What a build's connectors cost where noise does not touch it. scripts/exact is what people call.

A measurement is {connector: {what: number}}; what is one of
  accepting/close            calls of close() an attempt, on that target (connbench run, an untimed wave)
  memory/allocations         an attempt (count_allocations)
  memory/threads_pending     of the whole process, while attempts are pending (floor_bench pending_bytes)
  memory/bytes_pending       resident memory of a pending attempt (the same)
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path

SCHEMA = 1  # of run.json
PENDING = "floor/pending_bytes/"
KINDS = ("system-calls", "allocations", "pending")
PROGRAMS = {"system-calls": "connbench", "allocations": "count_allocations", "pending": "floor_bench"}
MEMORY = "memory/"
ALLOCATIONS, THREADS, BYTES = (MEMORY + what for what in ("allocations", "threads_pending", "bytes_pending"))

# How often somebody had to wait, was woken or was interrupted differs from run to run: no exact figure.
WAITS = frozenset("""epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 futex io_uring_enter nanosleep
    clock_nanosleep sched_yield restart_syscall rt_sigtimedwait rt_sigreturn""".split())
# A call that never returns is not among those that strace counts.
UNEVEN = frozenset(["exit", "exit_group"])
# Which of the two makes a thread is the C library's choice.
SAME = {"clone3": "clone"}


class Unusable(Exception):
    """Nothing can be said of this build here; the message says why, and what to do."""


class Load:
    """One `connbench run`. Attempts that connect or are refused end at once; those that nobody answers end by their
    deadline, so that only connectors are asked that have one of their own and keep it."""

    def __init__(self, targets, attempts, timeout, deadline_only=False):
        self.targets, self.attempts, self.timeout, self.deadline_only = targets, attempts, timeout, deadline_only


LOADS = [Load(("accepting", "refusing"), 256, "10s"), Load(("backlog-full",), 64, "50ms", True)]
CONCURRENCY = 64


class Connector:
    """A row of `connbench list`."""

    def __init__(self, row):
        self.name, self.threads, self.deadline, *_ = re.split(r"\s{2,}", row.strip())

    def keeps_short_deadlines(self):
        """Not the kernel's own, and in steps shorter than a second."""
        return self.deadline != "kernel" and not re.search(r"\b\d+s\b", self.deadline)


class Build:
    """The programs of a CMake build folder."""

    def __init__(self, folder):
        self.bin = Path(folder) / "bin"
        listed = self.output([self.program("connbench"), "list"])
        self.connectors = {row.name: row for row in map(Connector, listed.split("\n\n")[0].splitlines()[2:])}
        self.facts, self.skipped, self.pending = self._facts(), {}, {}

    def program(self, name):
        path = self.bin / name
        if not path.exists():
            raise Unusable(f"{path} is not there: build everything first (scripts/test, or cmake --build)")
        return path

    @staticmethod
    def output(command, fine=(0,)):
        ended = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
        if ended.returncode not in fine:
            said = (ended.stderr.strip() or ended.stdout.strip() or "nothing said").splitlines()[-1]
            raise Unusable(f"{' '.join(map(str, command))}: exit status {ended.returncode}: {said}")
        return ended.stdout

    def _facts(self):
        with tempfile.TemporaryDirectory() as folder:
            run = self._run(folder, "--connector", "null", "--attempts", 1, "--syscalls", "off")
        return facts_of(run["environment"])

    def _run(self, folder, *arguments):
        """run.json of a run without more repetitions or samples than there must be."""
        out = Path(folder) / "run"
        self.output([self.program("connbench"), "run", "--repetitions", 1, "--samples", "none", "--out", out, *arguments])
        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        if run["schema_version"] != SCHEMA:
            raise Unusable(f"run.json has schema version {run['schema_version']}, and {SCHEMA} is what is read here")
        return run

    def measure(self, names=None, kinds=KINDS):
        """Of these connectors, in the order of the list; of all without names. What is skipped here is in `skipped`."""
        wanted = [name for name in self.connectors if names is None or name in names]
        figures = {name: {} for name in wanted}
        measures = {"system-calls": self._system_calls, "allocations": self._allocations, "pending": self._pending}
        for kind in kinds:
            measures[kind](wanted, figures)
        return figures

    def _system_calls(self, wanted, figures):
        for load in LOADS:
            names = [n for n in wanted if not load.deadline_only or self.connectors[n].keeps_short_deadlines()]
            if not names:
                continue
            with tempfile.TemporaryDirectory() as folder:
                run = self._run(folder, "--connector", ",".join(names), "--target", ",".join(load.targets), "--attempts",
                                load.attempts, "--concurrency", CONCURRENCY, "--timeout", load.timeout)
            self._read_run(run, names, load, figures)

    def _read_run(self, run, names, load, figures):
        for skip in run["skipped"]:
            self.skipped[skip["connector"]] = skip["reason"]
        counted = {(case["connector"], case["target"]): case for case in run["syscalls"]}
        for name in names:
            for target in load.targets:
                case = counted.get((name, target))
                if case is not None:
                    self.facts["counted_by"] = case["method"]
                    figures[name] |= per_attempt(case, target)
                elif name not in self.skipped:
                    why = next((w for w in run["warnings"] if "not counted" in w), "run.json does not say why")
                    raise Unusable(f"{name} on {target}: no system calls: {why}")

    def _allocations(self, wanted, figures):
        counted = json.loads(self.output([self.program("count_allocations"), *wanted]))["connectors"]
        for name, counts in counted.items():
            if "skipped" in counts:
                self.skipped[name] = counts["skipped"]
            else:
                figures[name][ALLOCATIONS] = round(counts["per_attempt"], 4)

    def _pending(self, wanted, figures):
        program = self.program("floor_bench")
        listed = self.output([program, "--benchmark_list_tests", f"--benchmark_filter={PENDING}"]).split()
        names = [name for name in wanted if any(test.startswith(f"{PENDING}{name}/") for test in listed)]
        if not names:
            return  # they hold nothing
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "pending.json"
            self.output([program, f"--benchmark_filter={PENDING}({'|'.join(names)})/", "--benchmark_out_format=json",
                         f"--benchmark_out={out}"])
            entries = json.loads(out.read_text(encoding="utf-8"))["benchmarks"]
        for entry in entries:
            name, error = entry["name"].split("/")[2], entry.get("error_message", "")
            if error.startswith("skipped: "):
                self.skipped[name] = error.removeprefix("skipped: ")
            elif error:
                raise Unusable(f"{entry['name']}: {error}")
            else:
                self.pending[name] = int(entry["pending"])
                figures[name] |= {THREADS: int(entry["threads"]), BYTES: round(entry["bytes_per_pending"], 1)}
        if missing := set(names) - {entry["name"].split("/")[2] for entry in entries}:
            raise Unusable(f"floor_bench said nothing of {', '.join(sorted(missing))}")


def per_attempt(case, target):
    figures = {}
    for name, calls in case["calls"].items():
        if name not in WAITS | UNEVEN:
            what = f"{target}/{SAME.get(name, name)}"
            figures[what] = round(figures.get(what, 0) + calls / case["attempts"], 4)
    return figures


def facts_of(environment):
    """What figures may depend on beside the sources: told with every difference."""
    build = environment["build"]
    return {
        "commit": build["git_commit"],
        "compiler": build["compiler"],
        "build_type": build["type"],
        "kernel": environment["kernel"]["release"],
        "machine": environment["kernel"]["machine"],
        "glibc": environment["libraries"]["glibc"],
        "libraries": {name: version for name, version in environment["libraries"].items() if name != "glibc"},
    }
