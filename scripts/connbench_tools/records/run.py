"""One run folder: what run.json says, the rows of its tables, and the files beside them."""

from pathlib import Path

from ..failures import Unusable
from ..output import one_line
from ..units import counted
from ..vocabulary import SCHEMA
from .facts import command_of, read_facts
from .files import read_json
from .tables import Row, Table, read_exhaustion, read_summary, require_columns
from .waves import ALL_RANKS, is_fleet


def _suspended_waves(facts):
    """Waves during which the run was suspended, as failures: every time in them includes the pause."""
    for seen in facts.get("suspensions") or ():
        if seen.get("wave") is not None:
            pause = (seen.get("stopped_ns") or 0) + (seen.get("asleep_ns") or 0)
            yield {**seen, "failure": f"the run was suspended for {pause / 1e9:.1f} s"}


class Run:
    """A run that may be incomplete. `label` names it in messages, `name` tells it from other runs in a report."""

    def __init__(self, folder, label=None, name=None):
        self.folder = Path(folder)
        self.label, self.name = one_line(label or folder), one_line(name or self.folder.name)
        self.facts = read_facts(self.folder, self.label)
        self.summary = self._table("summary.csv", read_summary)
        self.exhaustion = self._table("exhaustion.csv", read_exhaustion).rows
        # Of a cluster's run, the rows that describe all hosts together. Others have no such column.
        self.all_rows = [row for row in self.summary.rows if row["rank"] in ("", ALL_RANKS)]
        self.host_rows = [row for row in self.summary.rows if row["rank"] not in ("", ALL_RANKS)]
        self.facts["failures"] = [*self.facts["failures"], *_suspended_waves(self.facts)]
        # A wave whose process failed is reported, but no figure includes it.
        failed = {failure.get("wave") for failure in self.facts["failures"]}
        self.rows = [row for row in self.all_rows if int(row["wave"]) not in failed]

    def _table(self, name, read):
        """An empty table when the file is missing: the run was killed early, or is of another kind."""
        path = self.folder / name
        return read(path, f"{self.label}: {name}") if path.exists() else Table((), [], None)

    # What must hold

    def require_complete(self):
        if self.facts.get("complete") is not True:
            raise Unusable(f"{self.label} is not complete (still running, stopped or killed): measure it again")

    def require_current(self):
        """The figures of an older schema have another meaning, and cannot be compared with new ones."""
        if self.facts["schema_version"] != SCHEMA:
            raise Unusable(
                f"{self.label} has schema version {self.facts['schema_version']}, this script compares runs of version "
                f"{SCHEMA}: measure it again"
            )

    def require_no_failures(self):
        failures = self.facts["failures"]
        if failures:
            first = failures[0]
            raise Unusable(
                f"{self.label}: {counted(len(failures), 'wave')} failed, the first {first.get('connector')} on "
                f"{first.get('target')}: {first.get('failure')}"
            )

    def require_waves(self, columns=()):
        """The rows of a whole summary.csv that has these columns."""
        if not (self.folder / "summary.csv").exists():
            raise Unusable(f"{self.label}: summary.csv is missing")
        require_columns(self.summary.columns, columns, f"{self.label}: summary.csv")
        if self.summary.damage:
            raise Unusable(f"{self.label}: summary.csv is damaged: {self.summary.damage}")
        if not self.all_rows:
            raise Unusable(f"{self.label}: no wave was measured")
        return self.rows

    def need(self, path):
        """A value in run.json by its path, as in "environment.cpu.model". It may be null, but must be there."""
        value = self.facts
        for key in path.split("."):
            if not isinstance(value, dict) or key not in value:
                raise Unusable(f"{self.label}: run.json has no {path}; results/README.md says what must be there")
            value = value[key]
        return value

    def need_known(self, path):
        """The same of a value that must not be null."""
        value = self.need(path)
        if value is None:
            raise Unusable(f"{self.label}: {path} in run.json is null, that is, not known")
        return value

    # What was measured

    def connectors_in_order(self):
        """As they were given. Waves have a random order, and so have their rows; system calls were counted as
        planned."""
        planned = [case.get("connector") for case in self.facts["syscalls"]]
        seen = {row["connector"] for row in [*self.all_rows, *self.exhaustion]}
        return [name for name in dict.fromkeys([*self.given("--connector"), *planned, *sorted(seen)]) if name in seen]

    def targets_in_order(self):
        seen = {row["target"] for row in self.all_rows}
        return [name for name in dict.fromkeys([*self.given("--target"), *sorted(seen)]) if name in seen]

    def given(self, flag):
        """The values of a list flag on the command line: --flag a,b or --flag a b"""
        words = self.facts["command_line"]
        if flag not in words:
            return []
        words = words[words.index(flag) + 1 :]
        end = next((i for i, word in enumerate(words) if word.startswith("--")), len(words))
        return [name for word in words[:end] for name in word.split(",") if name]

    def attempts(self):
        return sum(int(row["attempts"]) for row in self.rows if not is_fleet(row["target"]))

    def began(self):
        """In ns since 1970; 0 when the run does not say."""
        return self.facts["origin"].get("realtime_ns") or 0

    def unfit(self):
        """Why the machine was not fit to measure, in words; nothing of a run that did not look."""
        return list(self.facts["fitness"].get("unfit") or ())

    def skips(self):
        """What was not measured, as rows of text."""
        skips = self.facts["skipped"]
        return [Row((key, str(value)) for key, value in skip.items() if value is not None) for skip in skips]

    # Where

    def processors(self):
        """2 × AMD EPYC"""
        return processors_of(self.facts["environment"])

    def machine(self):
        return machine_of(self.facts["environment"])

    def commit(self):
        return commit_of(self.facts["environment"])

    def origin(self):
        """Machine and commit: figures of two origins are not comparable."""
        return origin_of(self.facts["environment"])

    # Files beside the tables

    def missing(self):
        """The table that a run of its kind has and this one lacks; None when it is there."""
        name = "exhaustion.csv" if command_of(self.facts) == "exhaust" or self.exhaustion else "summary.csv"
        return None if (self.folder / name).exists() else name

    def samples_file(self):
        """samples.csv, perhaps compressed; None when there is none."""
        paths = [self.folder / f"samples.csv{ending}" for ending in ("", ".gz", ".xz", ".zst")]
        return next((path for path in paths if path.exists()), None)

    def samples_elsewhere(self):
        """Whether the samples are still on the hosts of a cluster, and not in this folder."""
        return self.facts["cluster"].get("samples_on_hosts") is True and not self.samples_file()

    def aggregates(self):
        """(name, time in ns) of each figure in benchmark-aggregate.json."""
        name = "benchmark-aggregate.json"
        document = read_json(self.folder / name, "aggregate", f"{self.label}: {name}")
        return [(entry["name"], float(entry["real_time"])) for entry in document["benchmarks"]]


def processors_of(environment):
    """2 × AMD EPYC, from what run.json calls `environment`"""
    cpu = environment.get("cpu") or {}
    model = cpu.get("model") or (environment.get("kernel") or {}).get("machine") or "?"
    return f"{len(cpu.get('online') or [])} × {model}"


def machine_of(environment):
    kernel = environment.get("kernel") or {}
    return f"{processors_of(environment)}, Linux {kernel.get('release', '?')}"


def commit_of(environment):
    return (environment.get("build") or {}).get("git_commit", "?")


def origin_of(environment):
    """Machine and commit: figures of two origins are not comparable."""
    return f"{machine_of(environment)}, commit {commit_of(environment)}"


def require_one_version(runs):
    """Figures of two versions of the schema do not mean the same, so they cannot stand next to each other."""
    by_version = {run.facts["schema_version"]: run.label for run in runs}
    if len(by_version) > 1:
        listed = ", ".join(f"{label} has {version}" for version, label in sorted(by_version.items()))
        raise Unusable(f"these runs have several schema versions ({listed}): show them apart, or measure again")
