"""From finished runs to the table of all connectors, in Markdown. scripts/table measures, and is what people call.

Which column a wave belongs to is told by its target: accepting, delayed:…, or blackhole. A cell is the median over the
repetitions (of an even number the lower of the middle two: a percentile is a value that occurred, and never averaged).
"""

import csv
import json
import statistics
from pathlib import Path

SCHEMA = 1
BYTES_FILE = "pending.json"  # of floor_bench --benchmark_filter=pending_bytes
COST, ADDED, LATE = "accepting", "delayed", "blackhole"
SUSTAINED = 0.8  # of the offered rate, below which a wave in open loop did not sustain it


class Unusable(Exception):
    """The runs do not make a table; the message says why, and what to do."""


class Records:
    """What the runs say: rows of summary.csv by role, what was skipped, memory by connector."""

    def __init__(self, folders):
        self.rows, self.skipped, self.failures, self.bytes = {COST: [], ADDED: [], LATE: []}, {}, [], {}
        self.order, self.machines, self.pending = [], set(), {}
        for folder in folders:
            self._read(Path(folder))
        if not any(self.rows.values()):
            raise Unusable(f"no wave in {', '.join(map(str, folders))}")
        if len(self.machines) > 1:
            raise Unusable("the runs are not of one build on one machine: " + "; ".join(sorted(self.machines)))
        for role, rows in self.rows.items():
            _expect_one_load(role, rows)

    def _read(self, folder):
        if not folder.is_dir():
            raise Unusable(f"{folder}: no such folder")
        runs = [path.parent for path in [folder / "run.json", *sorted(folder.glob("*/run.json"))] if path.exists()]
        if not runs and not (folder / BYTES_FILE).exists():
            raise Unusable(f"{folder}: neither a run nor a folder of runs (run.json is missing)")
        for run in runs:
            self._read_run(run)
        if (folder / BYTES_FILE).exists():
            self._read_bytes(folder / BYTES_FILE)

    def _read_run(self, folder):
        run = _json(folder / "run.json")
        if run.get("schema_version") != SCHEMA:
            raise Unusable(f"{folder}: schema version {run.get('schema_version')}, and {SCHEMA} is what is read here")
        if not run["complete"]:
            raise Unusable(f"{folder}: the run is not complete (under way, stopped or killed): measure it again")
        self.machines.add(_machine(run["environment"]))
        self._remember_order(_connectors_given(run["command_line"]))
        failed = {failure["wave"] for failure in run["failures"]}
        self.failures += run["failures"]
        for skip in run["skipped"]:
            self.skipped.setdefault((skip["connector"], skip["reason"]), set()).add(skip["target"])
            self._remember_order([skip["connector"]])
        with open(folder / "summary.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                role = row["target"].partition(":")[0]
                if role not in self.rows:
                    raise Unusable(f"{folder}: no column is of the target {row['target']}")
                self._remember_order([row["connector"]])
                if int(row["wave"]) not in failed:
                    self.rows[role].append(row)

    def _read_bytes(self, path):
        for entry in _json(path)["benchmarks"]:
            connector = entry["name"].split("/")[2]
            self._remember_order([connector])
            if entry.get("error_occurred"):
                reason = entry["error_message"].removeprefix("skipped: ")
                self.skipped.setdefault((connector, reason), set()).add("memory")
            elif entry.get("run_type") == "iteration":
                self.bytes.setdefault(connector, []).append(entry["bytes_per_pending"])
                self.pending[connector] = int(entry["pending"])

    def _remember_order(self, connectors):
        self.order += [name for name in connectors if name not in self.order]

    def timeouts(self):
        return sorted({int(row["timeout_ns"]) for row in self.rows[LATE]})

    def of(self, role, connector, timeout=None):
        return [
            row
            for row in self.rows[role]
            if row["connector"] == connector and (timeout is None or int(row["timeout_ns"]) == timeout)
        ]


def _json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: {error}") from error


def _machine(environment):
    build, kernel = environment["build"], environment["kernel"]
    cpu = environment["cpu"]
    return f"{len(cpu['online'])} × {cpu['model']}, Linux {kernel['release']}, commit {build['git_commit']}"


def _connectors_given(command_line):
    if "--connector" not in command_line:
        return []
    given = command_line[command_line.index("--connector") + 1 :]
    end = next((i for i, word in enumerate(given) if word.startswith("--")), len(given))
    return [name for word in given[:end] for name in word.split(",") if name]


def _expect_one_load(role, rows):
    """Figures of two loads in one column could not be compared; lateness has a column for each timeout."""
    columns = {}
    for row in rows:
        load = tuple(row[key] for key in ("scenario", "target", "family", "concurrency", "attempts", "timeout_ns"))
        columns.setdefault(row["timeout_ns"] if role == LATE else "", set()).add(load)
    for loads in columns.values():
        if len(loads) > 1:
            raise Unusable(f"two loads for one column ({role}): " + "; ".join(", ".join(load) for load in sorted(loads)))


# Cells


def median(values):
    known = [float(value) for value in values if value not in ("", None)]
    return statistics.median_low(known) if known else None


def number(value):
    if value is None:
        return "-"
    size = abs(value)
    return f"{value:.0f}" if size >= 100 or value == 0 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def duration(nanoseconds):
    """In µs; from 100 ms on in ms, and says so."""
    if nanoseconds is None:
        return "-"
    return f"{nanoseconds / 1e6:.0f} ms" if abs(nanoseconds) >= 1e8 else number(nanoseconds / 1e3)


def timeout_text(nanoseconds):
    return f"{nanoseconds // 10**9} s" if nanoseconds % 10**9 == 0 else f"{nanoseconds / 1e6:g} ms"


def rate(rows):
    # A wave in which nothing connected has a rate of nothing: it stays in the median.
    return median(row["connects_per_s"] or "0" for row in rows if row["makespan_ns"])


def per_attempt(rows, *columns, scale=1.0):
    sums = [[row[column] for column in columns] for row in rows]
    return median(
        sum(map(float, values)) * scale / int(row["attempts"]) for row, values in zip(rows, sums) if all(values)
    )


def pair(rows, p50, p99):
    cells = [duration(median(row[column] for row in rows)) for column in (p50, p99)]
    return "-" if cells == ["-", "-"] else " / ".join(cells)


def sustained(row):
    """Whether a wave in open loop kept up with its load; true in closed loop, which has no rate to keep up with."""
    offered = row["scenario"].rpartition(":")[2].removesuffix("/s")
    if not row["scenario"].startswith("steady") or not row["connects_per_s"]:
        return True
    return float(row["connects_per_s"]) >= SUSTAINED * float(offered)


def cells(records, connector):
    cost, added = records.of(COST, connector), records.of(ADDED, connector)
    threads = [int(row["threads_peak"]) for row in cost if row["threads_peak"]]
    added_cell = pair(added, "added_p50_ns", "added_p99_ns")
    if added_cell != "-" and not all(map(sustained, added)):
        added_cell += " †"
    return [
        f"`{connector}`",
        number(rate(cost)),
        number(per_attempt(cost, "cpu_ns", scale=1e-3)),
        number(per_attempt(cost, "syscalls")),
        number(per_attempt(cost, "voluntary_switches", "involuntary_switches")),
        added_cell,
        *(
            pair(records.of(LATE, connector, timeout), "overshoot_p50_ns", "overshoot_p99_ns")
            for timeout in records.timeouts()
        ),
        str(max(threads)) if threads else "-",
        number(median(records.bytes.get(connector, []))),
    ]


# Text


def load_text(rows):
    """The load of some rows: "accepting, burst, 256 in flight, 5 × 2000 attempts"."""
    row = rows[0]
    repetitions = len({other["repetition"] for other in rows})
    load = f"{row['target']}, {row['scenario']}, at most {row['concurrency']} in flight"
    return f"{load}, {repetitions} × {row['attempts']} attempts"


def notes(records):
    said = [f"Measured on {next(iter(records.machines))}. Medians over the repetitions; percentiles are never averaged."]
    if records.rows[COST]:
        said.append(
            "**connects/s**, and per attempt **CPU µs**, **system calls** (counted in an untimed wave) and context "
            f"**switches**; **threads** (peak, sampled): {load_text(records.rows[COST])}."
        )
    if records.rows[ADDED]:
        said.append(
            "**added µs**: p50 / p99 of what comes on top of the handshake, by the kernel's own reading of it: "
            f"{load_text(records.rows[ADDED])}."
        )
    for timeout in records.timeouts():
        rows = [row for row in records.rows[LATE] if int(row["timeout_ns"]) == timeout]
        said.append(f"**late after {timeout_text(timeout)}, µs**: p50 / p99 past the deadline: {load_text(rows)}.")
    if records.bytes:
        held = "–".join(dict.fromkeys(str(n) for n in (min(records.pending.values()), max(records.pending.values()))))
        said.append(
            f"**bytes**: resident memory of the process, stacks included and the kernel's own not, per pending attempt "
            f"({held} pending, `floor_bench`)."
        )
    said.append("`-`: does not exist, or too few attempts for that percentile.")
    return " ".join(said)


def footnotes(records):
    lines = []
    slow = [name for name in records.order if not all(map(sustained, records.of(ADDED, name)))]
    if slow:
        lines.append(f"† {', '.join(slow)}: did not sustain the rate; what it adds is without the others' load.")
    late = {row["connector"] for row in records.rows[LATE]}
    skipped = {connector for connector, _ in records.skipped}
    endless = [row["connector"] for row in records.rows[COST]] if late else []
    endless = [name for name in records.order if name in endless and name not in late | skipped]
    if endless:
        lines.append(f"Not measured against hosts that never answer: {', '.join(endless)}.")
    for (connector, reason), targets in records.skipped.items():
        lines.append(f"Skipped: {connector} ({', '.join(sorted(targets))}): {reason}")
    for failure in records.failures:
        lines.append(f"Failed, and in no median: {failure['connector']} on {failure['target']}: {failure['failure']}")
    return lines


def table(records):
    heads = ["connector", "connects/s", "CPU µs", "system calls", "switches", "added µs"]
    heads += [f"late after {timeout_text(timeout)}, µs" for timeout in records.timeouts()] + ["threads", "bytes"]
    lines = [heads, [":--"] + ["--:"] * (len(heads) - 1)]
    lines += [cells(records, connector) for connector in records.order]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([notes(records), text, "\n".join(f"- {line}" for line in footnotes(records))]).rstrip() + "\n"


BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


def write_between_markers(path, text):
    """Replaces what is between the two markers of a file, and nothing else."""
    path = Path(path)
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise Unusable(f"{path}: wants one {BEGIN} and one {END} after it")
    before, rest = old.split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}", encoding="utf-8")
