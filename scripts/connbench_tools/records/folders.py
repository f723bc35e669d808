"""Finding runs: a folder may be a run, or hold several."""

from ..failures import Unusable
from . import verdicts
from .facts import command_of, read_facts
from .run import Run, require_one_version

COMMANDS = ("run", "exhaust")  # of connbench, whose records are about connectors


def run_folders(folder):
    """The run folder itself, then those directly inside, by name."""
    if not folder.is_dir():
        raise Unusable(f"{folder}: no such folder")
    return [path.parent for path in [folder / "run.json", *sorted(folder.glob("*/run.json"))] if path.exists()]


def runs_in(folders):
    """The runs in these folders, each with a short name of its own. Runs of one folder are sorted by time.

    A folder may hold a gate's verdicts alone. Records of other kinds among runs are left out; alone they are refused.
    """
    found = []
    for folder in folders:
        inside = run_folders(folder)
        others = {path: command for path in inside if (command := other_command(path))}
        inside = [path for path in inside if path not in others]
        if others and not inside:
            path, command = next(iter(others.items()))
            raise Unusable(
                f"{path}: records of `connbench {command}`, which have no report. `connbench run` and `connbench "
                "exhaust` make records that have one"
            )
        if not inside and not (folder / verdicts.FILE).exists():
            raise Unusable(
                f"{folder}: neither a run nor a folder of runs (run.json is missing). "
                "`connbench run --out DIR` makes one, scripts/bench several"
            )
        found += [path for path in inside if path.resolve() not in {other.resolve() for other in found}]
    made = [Run(folder, name=name) for folder, name in zip(found, _short_names(found))]
    require_one_version(made)
    return sorted(made, key=Run.began) if len(folders) == 1 else made


def other_command(folder):
    """The command that made the records, when it does not measure connectors (probe). None for a run.

    The run.json of other commands looks like that of a run, but the tables of a run are missing.
    """
    if any((folder / name).exists() for name in ("summary.csv", "exhaustion.csv")):
        return None
    command = command_of(read_facts(folder, folder))
    return None if command in COMMANDS else command


def _short_names(folders):
    names = [folder.resolve().name for folder in folders]
    return [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders)]
