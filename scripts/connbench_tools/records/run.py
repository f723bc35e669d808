"""Run folders as the report reads them: what run.json says, the rows of summary.csv, and what stands beside them."""

import csv
import json
import lzma
import zlib
from collections import namedtuple

from connector_records import SCHEMA, Unusable

# One block of the table is one load: what the ways to connect are compared under. It never spans two runs.
Load = namedtuple("Load", "run scenario target family concurrency shards timeout_ns")

COMMANDS = ("run", "exhaust")  # of connbench, whose records are read
CASE = ("scenario", "connector", "target", "family", "concurrency", "timeout_ns", "repetition")
OUTCOMES = (
    "connected refused reset unreachable peer_timeout deadline_exceeded never_started cancelled exhausted "
    "not_permitted self_connected unexpected"
).split()


def whole_rows(file, path):
    """Rows of a CSV file as lists, its header first. A last row without its line end is void: the run was killed."""
    ends = [True]

    def lines():
        for line in file:
            ends[0] = line.endswith("\n")
            yield line

    try:
        held = None
        for row in csv.reader(lines(), strict=False):
            if held is not None:
                yield held
            held = row
        if held is not None and ends[0]:
            yield held
    except (csv.Error, UnicodeDecodeError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise Unusable(f"{path}: cannot be read as CSV: {error}") from error


def read_table(path, wanted):
    """Rows of a small CSV file as dictionaries of text. `wanted` columns must be there; others that miss are empty."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = whole_rows(file, path)
        header = next(rows, [])
        lacking = [column for column in wanted if column not in header]
        if lacking:
            raise Unusable(f"{path}: no column {', '.join(lacking)}; results/README.md says what must be there")
        # A row of another length is damage, and there is no telling which field is which.
        return [Row(zip(header, row)) for row in rows if len(row) == len(header)]


class Row(dict):
    """A row; a column that the file does not have is empty, which means: not known."""

    def __missing__(self, _column):
        return ""


class Run:
    """One run folder. `name` tells it from the others of this report."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.facts = _facts(folder / "run.json")
        broken = {failure.get("wave") for failure in self.facts["failures"]}
        self.all_rows = _summary(folder / "summary.csv")
        # A wave whose process broke is told of, and in no figure.
        self.rows = [row for row in self.all_rows if _wave_number(row, folder) not in broken]
        self.exhaustion = _optional(folder / "exhaustion.csv", ("connector", "resource", "pending"))

    def missing(self):
        """The file that a run of its kind has, and this one has not; None: it has it."""
        name = "exhaustion.csv" if _command(self.facts) == "exhaust" or self.exhaustion else "summary.csv"
        return None if (self.folder / name).exists() else name

    def load_of(self, row):
        return Load(
            self.name, row["scenario"], row["target"], row["family"], int(row["concurrency"]), int(row["shards"] or 1),
            int(row["timeout_ns"]),
        )  # fmt: skip

    def began(self):
        """In ns since 1970; 0 when it does not say."""
        moment = (self.facts.get("origin") or {}).get("realtime_ns")
        return moment if isinstance(moment, int) else 0

    def targets_in_order(self):
        """As they were given; waves have a random order."""
        seen = [row["target"] for row in self.all_rows]
        given = _given(self.facts.get("command_line", []), "--target")
        return list(dict.fromkeys([*(name for name in given if name in seen), *sorted(seen)]))

    def samples_file(self):
        for ending in ("", ".gz", ".xz", ".zst"):
            path = self.folder / f"samples.csv{ending}"
            if path.exists():
                return path
        return None

    def connectors_in_order(self):
        given = _given(self.facts.get("command_line", []), "--connector")
        # Waves have a random order; system calls were counted in that of the plan.
        planned = [case.get("connector") for case in self.facts.get("syscalls") or []]
        seen = {row["connector"] for row in [*self.all_rows, *self.exhaustion]}
        return [name for name in dict.fromkeys([*given, *planned, *sorted(seen)]) if name in seen]


def runs_in(folders):
    """The runs of these folders; a folder may be a run, hold runs, or hold a gate's verdicts alone.

    Each has a short name of its own. Those of one folder come in the order in which they were made. Records of another kind
    that lie among runs are left out, as anything else there is; alone they are refused.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise Unusable(f"{folder}: no such folder")
        inside = [path.parent for path in [folder / "run.json", *sorted(folder.glob("*/run.json"))] if path.exists()]
        others = {path: command for path in inside if (command := other_command(path))}
        inside = [path for path in inside if path not in others]
        if others and not inside:
            path, command = next(iter(others.items()))
            raise Unusable(f"{path}: records of `connbench {command}`, of which there is no page; "
                           "`connbench run` and `connbench exhaust` make what can be shown")  # fmt: skip
        if not inside and not (folder / "verdicts.csv").exists():
            raise Unusable(
                f"{folder}: neither a run nor a folder of runs (run.json is missing). "
                "`connbench run --out DIR` makes one, scripts/bench several"
            )
        found += [path for path in inside if path.resolve() not in {other.resolve() for other in found}]
    names = _short_names(found)
    made = [Run(folder, name) for folder, name in zip(found, names)]
    return sorted(made, key=Run.began) if len(folders) == 1 else made


def other_command(folder):
    """The command whose records these are, if it is none that measures ways to connect: probe. Its run.json looks like that of
    a run, so that it is told by what it was called as, and by the files of a run not being there."""
    if any((folder / name).exists() for name in ("summary.csv", "exhaustion.csv")):
        return None
    command = _command(_facts(folder / "run.json"))
    return None if command in COMMANDS else command


def _command(facts):
    command_line = facts.get("command_line")
    return command_line[1] if isinstance(command_line, list) and len(command_line) > 1 else "run"


def verdicts_of(folders, given):
    """Rows of verdicts.csv: of the file that was named, or of those in the folders."""
    wanted = ("benchmark", "metric", "effect", "verdict")
    if given:
        if not given.is_file():
            raise Unusable(f"{given}: no such file")
        return read_table(given, wanted)
    return [row for folder in folders for row in _optional(folder / "verdicts.csv", wanted)]


def _short_names(folders):
    names = [folder.resolve().name for folder in folders]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders)]


def _facts(path):
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unusable(f"{path}: {error}") from error
    version = facts.get("schema_version") if isinstance(facts, dict) else None
    if version != SCHEMA:
        raise Unusable(f"{path}: schema version {version}, and {SCHEMA} is what is read here: make its report with the "
                       "scripts of its own commit")  # fmt: skip
    for key in ("skipped", "warnings", "failures", "rates"):
        facts[key] = facts.get(key) or []
    return facts


def _summary(path):
    if not path.exists():
        return []  # killed before its first wave, or a run of another kind (exhaust)
    rows = read_table(path, (*CASE, "attempts", "wave", *OUTCOMES))
    for row in rows:
        for column in ("concurrency", "timeout_ns", "repetition", "attempts", *OUTCOMES):
            if not row[column].isascii() or not row[column].isdigit():
                raise Unusable(f"{path}: {column} is '{row[column]}', which is no number")
    return rows


def _wave_number(row, folder):
    try:
        return int(row["wave"])
    except ValueError as error:
        raise Unusable(f"{folder / 'summary.csv'}: wave is '{row['wave']}', which is no number") from error


def _optional(path, wanted):
    return read_table(path, wanted) if path.exists() else []


def _given(command_line, flag):
    """The values of a list flag: --flag a,b or --flag a b"""
    if flag not in command_line:
        return []
    given = command_line[command_line.index(flag) + 1 :]
    end = next((i for i, word in enumerate(given) if word.startswith("--")), len(given))
    return [name for word in given[:end] for name in word.split(",") if name]
