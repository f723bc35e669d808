"""What the steps of a study have left, for its rules, its table and its chart."""

from ..records import samples
from ..records.files import read_json
from ..records.repetitions import by_repetition, number
from ..records.run import Run
from ..records.tables import case_of, read_table
from ..records.waves import ALL_TARGETS, each_per_attempt, median, rate_of, server_bound
from ..vocabulary import OUTCOMES
from .plan import Lacking

# Figures of a wave: a row of summary.csv to a value, or None.
p50, p99, longest = number("p50_ns"), number("p99_ns"), number("max_ns")
late_p50, late_p99 = number("overshoot_p50_ns"), number("overshoot_p99_ns")
memory_kib, threads, syscalls = number("rss_peak_kib"), number("threads_peak"), number("syscalls")


def rate(row):
    return rate_of(row) if row["makespan_ns"] else None


def cpu(row):
    return next(iter(each_per_attempt([row], "cpu_ns")), None)


def share_of(outcome):
    """The share of a wave's attempts with an outcome."""
    return lambda row: int(row[outcome]) / int(row["attempts"]) if int(row["attempts"]) else None


class Finished:
    """`steps`: the entries that measure.py wrote, `folder`: where their records are."""

    def __init__(self, folder, steps):
        self.folder = folder
        self._steps = {}
        for step in steps:
            self._steps.setdefault(step["name"], []).append(step)
        self._runs = {}

    def runs(self, name):
        """The runs of a step, one for each round. Raises Lacking with the reason when there is none."""
        if name not in self._runs:
            self._runs[name] = [Run(self.folder / step["folder"]) for step in self._measured(name)]
        return self._runs[name]

    def _measured(self, name):
        steps = self._steps.get(name) or [{"why_not": "it was not run"}]
        done = [step for step in steps if not step.get("why_not")]
        if not done:
            raise Lacking(f"the step “{name}” has no records: {steps[0]['why_not']}")
        return done

    def others_ready(self):
        """(threads of other programs that were ready to run, processors), of the busiest step: the mean of its runs,
        each of which looked before its waves. (0, 1) where no run says so."""
        found = [(0.0, 1)]
        for name, steps in self._steps.items():
            if any((self.folder / step["folder"] / "run.json").is_file() for step in steps if not step.get("why_not")):
                facts = [run.facts["fitness"] for run in self.runs(name)]
                ready = [one.get("ready_threads") or 0.0 for one in facts]
                found.append((sum(ready) / len(ready), max(one.get("processors") or 1 for one in facts)))
        return max(found, key=lambda one: one[0] / one[1])

    def path(self, name, file):
        """A file in the folder of a step."""
        return self.folder / self._measured(name)[0]["folder"] / file

    def answer(self, name, file):
        """The JSON object in a file of a step's folder."""
        value = read_json(self.path(name, file))
        if not isinstance(value, dict):
            raise Lacking(f"{file} of the step “{name}” is not an object")
        return value

    def has(self, name):
        return any(not step.get("why_not") for step in self._steps.get(name, ()))

    def rows(self, name, **columns):
        """Rows of summary.csv with these values. Of a step of several rounds, the repetition is the round."""
        runs, found = self.runs(name), []
        for place, run in enumerate(runs, 1):
            rows = [row for row in run.rows if all(row[key] == str(value) for key, value in columns.items())]
            found += rows if len(runs) == 1 else [type(row)(row | {"repetition": str(place)}) for row in rows]
        return found

    def figures(self, name, figure, **columns):
        """{repetition: figure}. Raises Lacking when it is not known in any."""
        found = by_repetition(self.rows(name, **columns), figure)
        if not found:
            raise Lacking(self._why_not(name, columns))
        return found

    def _why_not(self, name, columns):
        what = " on ".join(str(columns[key]) for key in ("connector", "target") if key in columns) or name
        for run in self.runs(name):
            for skip in run.facts["skipped"]:
                if all(
                    skip.get(key) in (None, value) for key, value in columns.items() if key in ("connector", "target")
                ):
                    return f"{what} was skipped: {skip.get('reason')}"
            for failure in run.facts["failures"]:
                if failure.get("connector") == columns.get("connector"):
                    return f"{what} failed: {failure.get('failure')}"
        return f"{what} has no such figure"

    def connectors(self, name):
        """Those that were measured, in the order in which they were given. A program that could not be started has
        failed waves only, and no figures: it must not take the table from all others."""
        runs = self.runs(name)
        measured = {row["connector"] for run in runs for row in [*run.rows, *run.exhaustion]}
        found = dict.fromkeys(one for run in runs for one in run.connectors_in_order())
        return [one for one in found if one in measured]

    def version(self, name, connector):
        """Of the library or program that connects: libuv 1.44.2, Node.js 20.20.2. "-" for connectors of our own."""
        for run in self.runs(name):
            program = ((run.facts.get("connectors") or {}).get(connector) or {}).get("program") or {}
            if program.get("version"):
                used = [f"{one.get('name')} {one.get('version')}" for one in program.get("libraries") or ()]
                return ", ".join([f"{program.get('language')} {program['version']}", *used])
            libraries = run.facts["environment"].get("libraries") or {}
            base = connector.partition("+")[0].partition("-")[0]
            if libraries.get(base):
                return str(libraries[base])
        return "-"

    def counts(self, name, **columns):
        """{outcome: attempts} over all waves, and `attempts`: their sum."""
        rows = [row for row in self.rows(name, **columns) if row["target"] != ALL_TARGETS]
        found = {outcome: sum(int(row[outcome]) for row in rows) for outcome in OUTCOMES}
        return found | {"attempts": sum(int(row["attempts"]) for row in rows)}

    def waves(self, name, **columns):
        """The samples of each wave with these values."""
        found = []
        for run in self.runs(name):
            kept = {case_of(row) for row in run.rows if all(row[key] == str(value) for key, value in columns.items())}
            found += [wave for case, wave in samples.waves_of(run).items() if case in kept]
        if not found:
            raise Lacking(self._why_not(name, columns))
        return found

    def column(self, name, column):
        """A column of samples.csv, wave after wave, as numbers; None where the records have no such column. (Some
        versions of connbench do not write local_port.)"""
        found = []
        for run in self.runs(name):
            path = run.samples_file()
            rows = read_table(path, ("outcome",)).rows if path else []
            if not rows or not all(row[column] for row in rows if row["outcome"] == "connected"):
                return None
            found.append([int(row[column]) for row in rows if row["outcome"] == "connected"])
        return found

    def is_server_bound(self, name, **columns):
        """Whether the server was the limit of most waves, and not who connects."""
        rows = self.rows(name, **columns)
        return 2 * sum(map(server_bound, rows)) > len(rows)

    def responses(self, name, figure, **columns):
        """{repetition: figure} of run.json's `arrivals`: response_p99_ns, for example. Infinite where the percentile
        falls on an attempt that did not connect."""
        (run,) = self.runs(name)
        found = {}
        for entry in run.facts.get("arrivals") or ():
            if all(entry.get(key) == value for key, value in columns.items()):
                value = entry.get(figure)
                found[int(entry["repetition"])] = float("inf") if value is None else float(value)
        if not found:
            raise Lacking(self._why_not(name, columns))
        return found

    def calls(self, name, connector):
        """{system call: number per attempt} as counted in a wave of its own."""
        for run in self.runs(name):
            for entry in run.facts["syscalls"]:
                if entry.get("connector") == connector and entry.get("calls"):
                    return {call: count / entry["attempts"] for call, count in entry["calls"].items()}
        raise Lacking(f"the system calls of {connector} were not counted")

    def ramps(self, name, connector):
        """(last row, entry of run.json) of each ramp of `connbench exhaust`."""
        (run,) = self.runs(name)
        entries = (run.facts.get("exhaustion") or {}).get("ramps") or []
        found = []
        for entry in entries:
            rows = [row for row in run.exhaustion if row["connector"] == entry["connector"] == connector]
            rows = [row for row in rows if row["repetition"] == str(entry["repetition"])]
            if rows:
                found.append((rows, entry))
        if not found:
            raise Lacking(f"{connector} has no ramp in the step “{name}”")
        return found


def middle(figures):
    """The median over the repetitions."""
    return median(figures.values())


def bar(label, figures):
    """A bar of a chart: the median over the repetitions, from the least to the greatest."""
    return label, middle(figures), min(figures.values()), max(figures.values())
