"""What finished runs contribute to the tables. The target and load of a wave decide which columns it belongs to."""

import copy
from pathlib import Path

from ..failures import Unusable
from ..records import pending
from ..output import one_line
from ..records.files import read_text
from ..records.folders import run_folders
from ..records.run import Run, require_one_version
from ..records.waves import is_open_loop

BYTES_FILE = "pending.json"  # of floor_bench --benchmark_filter=pending_bytes
LACKS_FILE = "lacks.txt"  # one line for each load that the machine does not allow: why not
COST, FAR, ADDED, LATE, CLOSE = "cost", "far", "added", "late", "close"
FAR_SECONDS = 0.02  # the round trip to the host of FAR
CLOSED_BY_RST, CLOSED_BY_FIN = "+close:rst", "+close:fin"


def role_of(row):
    """Which part of the tables shows a wave; None when none does."""
    target = row["target"].partition(":")[0]
    if target == "accepting":
        return CLOSE if row["connector"].endswith((CLOSED_BY_RST, CLOSED_BY_FIN)) else COST
    if target == "delayed":
        return ADDED if is_open_loop(row["scenario"]) else FAR
    return LATE if target == "blackhole" else None


class Records:
    """Rows of summary.csv by role, what was skipped, and memory by connector."""

    def __init__(self, folders):
        self.rows = {role: [] for role in (COST, FAR, ADDED, LATE, CLOSE)}
        self.skipped, self.failures, self.memory, self.options, self.connectors = {}, [], {}, {}, {}
        self._orders, self.origins, self.lacks, self.warnings = [], set(), [], []
        self.cpus, self.accounting = set(), {}
        self.runs = []
        for folder in folders:
            self._read(Path(folder))
        require_one_version(self.runs)
        self.order = self._merged_order()
        if not any(self.rows.values()):
            raise Unusable(f"no wave in {', '.join(map(str, folders))}")
        if len(self.origins) > 1:
            raise Unusable("the runs are not of one build on one machine: " + "; ".join(sorted(self.origins)))
        for role, rows in self.rows.items():
            _require_one_load(role, rows)

    def _read(self, folder):
        runs = run_folders(folder)
        if not runs and not (folder / BYTES_FILE).exists():
            raise Unusable(f"{folder}: neither a run nor a folder of runs (run.json is missing)")
        for run in runs:
            self._read_run(Run(run))
        if (folder / BYTES_FILE).exists():
            self._read_bytes(folder / BYTES_FILE)
        if (folder / LACKS_FILE).exists():
            self.lacks += map(one_line, read_text(folder / LACKS_FILE).splitlines())

    def _read_run(self, run):
        run.require_complete()
        self.runs.append(run)
        self.origins.add(run.origin())
        self._remember_order(run)
        self.failures += run.facts["failures"]
        self.warnings += run.facts["warnings"]
        self.cpus.add(", ".join(run.given("--cpus")))
        self.accounting = run.facts["environment"].get("cpu_accounting") or {}
        self.connectors |= run.facts["connectors"]
        for name, facts in run.facts["connectors"].items():
            self.options[name] = facts.get("options") or {}
        for skip in run.skips():
            self.skipped.setdefault((skip["connector"], skip["reason"]), set()).add(skip["target"])
        for row in run.rows:
            role = role_of(row)
            if role is None:
                raise Unusable(f"{run.label}: no column shows the target {row['target']}")
            self.rows[role].append(row)

    def _read_bytes(self, path):
        for measured in pending.read(path):
            self._orders.append([measured.connector])
            if measured.skipped is not None:
                self.skipped.setdefault((measured.connector, measured.skipped), set()).add("memory")
            else:
                self.memory.setdefault(measured.connector, []).append(measured)

    def _remember_order(self, run):
        """As the connectors were given, also those that were skipped."""
        measured, skipped = run.connectors_in_order(), [skip["connector"] for skip in run.skips()]
        known = {*measured, *skipped}
        given = [name for name in run.given("--connector") if name in known]
        self._orders.append(list(dict.fromkeys([*given, *measured, *skipped])))

    def _merged_order(self):
        """The order of the run with most connectors, and then what only others have."""
        orders = sorted(self._orders, key=len, reverse=True)
        return list(dict.fromkeys(name for order in orders for name in order))

    @property
    def programs(self):
        """What run.json says of connectors that are programs, by name."""
        return {name: facts["program"] for name, facts in self.connectors.items() if (facts or {}).get("program")}

    def linked(self):
        """The same without programs: connectors in other languages have a table of their own."""
        return self._only(lambda name: name not in self.programs)

    def in_other_languages(self):
        """Programs only."""
        return self._only(lambda name: name in self.programs)

    def _only(self, is_wanted):
        part = copy.copy(self)
        part.rows = {role: [row for row in rows if is_wanted(row["connector"])] for role, rows in self.rows.items()}
        part.order = [name for name in self.order if is_wanted(name)]
        return part

    def timeouts(self):
        return sorted({int(row["timeout_ns"]) for row in self.rows[LATE]})

    def of(self, role, connector, timeout=None):
        return [
            row
            for row in self.rows[role]
            if row["connector"] == connector and (timeout is None or int(row["timeout_ns"]) == timeout)
        ]

    def named(self, role):
        """The connectors that have waves in a role, in their order."""
        there = {row["connector"] for row in self.rows[role]}
        return [name for name in self.order if name in there]

    def plain(self):
        """All connectors without an option in their name: each has a row in every table."""
        return [name for name in self.order if "+" not in name]


def _require_one_load(role, rows):
    """Figures of two loads in one column could not be compared. Lateness has one column per timeout."""
    columns = {}
    for row in rows:
        load = tuple(row[key] for key in ("scenario", "target", "family", "concurrency", "attempts", "timeout_ns"))
        columns.setdefault(row["timeout_ns"] if role == LATE else "", set()).add(load)
    for loads in columns.values():
        if len(loads) > 1:
            listed = "; ".join(", ".join(load) for load in sorted(loads))
            raise Unusable(f"two loads for one column ({role}): {listed}")
