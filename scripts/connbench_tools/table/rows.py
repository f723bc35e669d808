"""What finished runs say, for the table of all connectors.

Which column a wave belongs to is told by its target: accepting, delayed:…, or blackhole.
"""

import csv
import json
from pathlib import Path

SCHEMA = 1
BYTES_FILE = "pending.json"  # of floor_bench --benchmark_filter=pending_bytes
LACKS_FILE = "lacks.txt"  # a line for each load that the machine could not be given at all: why not
COST, ADDED, LATE = "accepting", "delayed", "blackhole"


class Unusable(Exception):
    """The runs do not make a table; the message says why, and what to do."""


class Records:
    """What the runs say: rows of summary.csv by role, what was skipped, memory by connector."""

    def __init__(self, folders):
        self.rows, self.skipped, self.failures, self.bytes = {COST: [], ADDED: [], LATE: []}, {}, [], {}
        self.order, self.machines, self.pending, self.lacks, self.warnings = [], set(), {}, [], []
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
        if (folder / LACKS_FILE).exists():
            self.lacks += (folder / LACKS_FILE).read_text(encoding="utf-8").splitlines()

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
        self.warnings += run["warnings"]
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
            told = "; ".join(", ".join(load) for load in sorted(loads))
            raise Unusable(f"two loads for one column ({role}): {told}")
