"""Measures the exact costs of a build's connectors.

A measurement is {connector: {what: number}}. `what` is one of
  accepting/close            calls of close() per attempt, on that target (connbench run, in an untimed wave)
  memory/allocations         allocations per attempt (count_allocations)
  memory/threads_pending     threads of the whole process while attempts are pending (floor_bench pending_bytes)
  memory/bytes_pending       resident memory per pending attempt (the same)
"""

import tempfile
from collections import namedtuple
from pathlib import Path

from .. import programs
from ..failures import Unusable
from ..records import pending
from ..records.run import Run

KINDS = ("system-calls", "allocations", "pending")
KINDS_OF_A_PROGRAM = ("system-calls",)  # the others need programs that only this project builds
MEMORY = "memory/"
ALLOCATIONS, THREADS, BYTES = (MEMORY + what for what in ("allocations", "threads_pending", "bytes_pending"))

# How often a process had to wait, was woken or was interrupted differs from run to run.
WAITS = frozenset(
    """epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 futex io_uring_enter nanosleep
    clock_nanosleep sched_yield restart_syscall rt_sigtimedwait rt_sigreturn""".split()
)
# strace does not count calls that never return.
UNEVEN = frozenset(["exit", "exit_group"])
# The C library chooses one of the two to create a thread.
SAME = {"clone3": "clone"}

# Arguments of one `connbench run`. Attempts that connect or are refused end at once. Attempts that nobody answers end
# by their deadline; there only connectors take part that can keep such a deadline.
Load = namedtuple("Load", "targets attempts timeout deadline_only", defaults=(False,))
LOADS = [Load(("accepting", "refusing"), 256, "10s"), Load(("backlog-full",), 64, "50ms", True)]
CONCURRENCY = 64


UNAVAILABLE = {"threads": "none", "has_deadline": False, "granularity_ns": 0, "floor_ns": 0}


class Connector:
    """One connector in the answer to `connbench list`."""

    def __init__(self, entry):
        try:
            self.name, capabilities = entry["name"], entry["capabilities"]
            known = UNAVAILABLE if capabilities is None else capabilities
            self.threads, self.has_deadline = known["threads"], known["has_deadline"]
            self.coarsest_ns = max(known["granularity_ns"], known["floor_ns"])
        except (KeyError, TypeError) as error:
            raise Unusable(f"`connbench list --format json`: a connector has no {error}") from error

    def keeps_short_deadlines(self):
        """Whether it has a deadline of its own, in steps shorter than a second."""
        return self.has_deadline and self.coarsest_ns < 10**9


class Build:
    """The programs of a CMake build folder; or a single one, elsewhere, whose system calls alone can be counted."""

    def __init__(self, folder, program=None):
        self.bin, self.single = Path(folder or "") / "bin", program
        listed = programs.ask(self.program("connbench"), "list").get("connectors", [])
        # Programs in other languages are not exact: their runtimes decide what they call.
        own = [entry for entry in listed if entry.get("group") != "programs"]
        self.connectors = {row.name: row for row in map(Connector, own)}
        self.facts, self.skipped, self.pending = self._facts(), {}, {}

    def program(self, name):
        if self.single:
            return programs.require_program(self.single.absolute(), "build it first")
        return programs.require_program(self.bin / name, "build everything first (scripts/test, or cmake --build)")

    @staticmethod
    def output(command):
        ended = programs.execute(command)
        if ended.status != 0:
            raise Unusable(f"{' '.join(map(str, command))}: exit status {ended.status}: {ended.said or 'no message'}")
        return ended.output

    def _facts(self):
        with tempfile.TemporaryDirectory() as folder:
            run = self._run(folder, "--connector", "null", "--attempts", 1, "--syscalls", "off")
        return facts_of(run)

    def _run(self, folder, *arguments):
        """A run with as few repetitions and samples as possible."""
        out, program = Path(folder) / "run", self.program("connbench")
        self.output([program, "run", "--repetitions", 1, "--samples", "none", *arguments, "--out", out])
        return Run(out)

    def measure(self, names=None, kinds=KINDS):
        """The figures of these connectors, or of all, in the order of the list. Those that cannot be measured here are
        in `skipped` afterwards."""
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
            chosen = ["--connector", ",".join(names), "--target", ",".join(load.targets), "--attempts", load.attempts]
            with tempfile.TemporaryDirectory() as folder:
                run = self._run(folder, *chosen, "--concurrency", CONCURRENCY, "--timeout", load.timeout)
            self._read_run(run, names, load, figures)

    def _read_run(self, run, names, load, figures):
        for skip in run.skips():
            self.skipped[skip["connector"]] = skip["reason"]
        counted = {(case.get("connector"), case.get("target")): case for case in run.facts["syscalls"]}
        for name in names:
            for target in load.targets:
                case = counted.get((name, target))
                if case is not None and case.get("calls") is not None and case.get("attempts"):
                    self.facts["counted_by"] = case.get("method")
                    figures[name] |= per_attempt(case, target)
                elif name not in self.skipped:
                    why = next((w for w in run.facts["warnings"] if "not counted" in w), "run.json gives no reason")
                    raise Unusable(f"{name} on {target}: no system calls: {why}")

    def _allocations(self, wanted, figures):
        counter = self.program("count_allocations")
        counted = programs.parse_json(self.output([counter, *wanted]), f"the answer of {counter}")
        for name, counts in counted["connectors"].items():
            if "skipped" in counts:
                self.skipped[name] = counts["skipped"]
            else:
                figures[name][ALLOCATIONS] = round(counts["per_attempt"], 4)

    def _pending(self, wanted, figures):
        program = self.program("floor_bench")
        listed = self.output([program, "--benchmark_list_tests", f"--benchmark_filter={pending.PREFIX}"]).split()
        benched = {pending.connector_of(benchmark) for benchmark in listed}
        names = [name for name in wanted if name in benched]
        if not names:
            return  # these connectors hold nothing while attempts are pending
        chosen = f"--benchmark_filter={pending.PREFIX}({'|'.join(names)})/"
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "pending.json"
            self.output([program, chosen, "--benchmark_out_format=json", f"--benchmark_out={out}"])
            entries = pending.read(out)
        for entry in entries:
            if entry.skipped is not None:
                self.skipped[entry.connector] = entry.skipped
            else:
                self.pending[entry.connector] = entry.pending
                figures[entry.connector] |= {THREADS: entry.threads, BYTES: round(entry.bytes_each, 1)}
        if missing := set(names) - {entry.connector for entry in entries}:
            raise Unusable(f"floor_bench did not report {', '.join(sorted(missing))}")


def per_attempt(case, target):
    """{what: calls per attempt} of one entry of `syscalls` in run.json."""
    figures = {}
    for name, calls in case["calls"].items():
        if name not in WAITS | UNEVEN:
            what = f"{target}/{SAME.get(name, name)}"
            figures[what] = round(figures.get(what, 0) + calls / case["attempts"], 4)
    return figures


def facts_of(run):
    """What figures may depend on besides the sources. It is reported with every difference."""
    libraries = run.need_known("environment.libraries")
    return {
        "commit": run.need_known("environment.build.git_commit"),
        "compiler": run.need_known("environment.build.compiler"),
        "build_type": run.need_known("environment.build.type"),
        "kernel": run.need_known("environment.kernel.release"),
        "machine": run.need_known("environment.kernel.machine"),
        "glibc": run.need_known("environment.libraries.glibc"),
        "libraries": {name: version for name, version in libraries.items() if name != "glibc"},
    }
