"""The two sides of a comparison: programs that are there, or revisions that are built first; and their suite."""

import hashlib
from pathlib import Path

from .. import HERE, PROGRAMS, RESULTS, ROOT, cache, command, git, programs
from ..failures import Unusable, say
from . import builds, loads, suite

EXACT_TARGETS = ["floor_bench", "count_allocations"]  # what scripts/exact runs besides connbench
BASELINE = "connbench-baseline.json"  # of a program that is not ours, in the folder of its repository


class Exact:
    """How the head is compared with its baseline. `command`: without it nothing is compared, and `why` says why not."""

    def __init__(self, command, why=""):
        self.command, self.why = command, why


def is_ours(given):
    """Whether the sides are builds of this project, with its own targets and baseline."""
    return not (given.program or given.head_program)


def of(given, stack):
    """(base, head), the head's Exact, and notes for the reader."""
    if given.head_program:
        files = {"base": given.base_program.absolute(), "head": given.head_program.absolute()}
        sides = [suite.Side(name, file.parent, file=file.name) for name, file in files.items()]
        sides, notes = _with_suite(given, sides)
        return sides, _exact_of_theirs(given, sides[1], Path()), notes
    if given.head_build:
        folders = {"base": given.base_build.resolve(), "head": given.head_build.resolve()}
        sides, notes = _with_suite(given, [suite.Side(name, folder / "bin") for name, folder in folders.items()])
        return sides, _exact_of_ours(given, PROGRAMS / "exact", folders["head"]), notes
    return _of_revisions(given, stack)


def _of_revisions(given, stack):
    ours = is_ours(given)
    repository = ROOT if ours else Path(git.ask("rev-parse", "--show-toplevel", folder="."))
    revisions = {"base": given.base, "head": given.head or "HEAD"}
    commits = {side: git.commit_of(revision, HERE if ours else repository) for side, revision in revisions.items()}
    notes = [f"{side}: {revisions[side]} ({commit[:12]})" for side, commit in commits.items()]
    if not given.head and builds.uncommitted(repository):
        notes.append("uncommitted changes are not judged: head is the last commit")
    worktrees = stack.enter_context(builds.Worktrees(repository, builds.PLACE if ours else _place_for(repository)))
    sides = []
    for side, commit in commits.items():
        say(f"{side}: building {revisions[side]} ({commit[:12]})")
        tree = worktrees.check_out(side, commit)
        if ours:
            counted = side == "head" and not given.no_exact and (tree / "scripts/exact").exists()
            targets = ["connbench", *(EXACT_TARGETS if counted else [])]
            sides.append(suite.Side(side, builds.build(tree, targets) / "bin"))
        else:
            builds.build_with(tree, given.build, worktrees.folder / f"{side}.log")
            program = tree / given.program
            if not program.exists():
                raise Unusable(f"{side}: '{given.build}' did not make {given.program}: name what it makes in --program")
            sides.append(suite.Side(side, program.parent, file=program.name))
    sides, more = _with_suite(given, sides)
    if ours:
        return sides, _exact_of_ours(given, tree / "scripts/exact", tree / "build/release"), notes + more
    return sides, _exact_of_theirs(given, sides[1], tree), notes + more


def _place_for(repository):
    """Where a repository's worktrees go: not into it, because it may not ignore them."""
    return cache.folder() / "worktrees" / hashlib.sha256(str(repository).encode()).hexdigest()[:12]


def _exact_of_ours(given, program, build):
    if given.no_exact:
        return Exact(None, "--no-exact")
    if not program.exists() or (RESULTS.parent != ROOT and not (RESULTS / "baseline.json").exists()):
        return Exact(None, f"there is no {command('exact')}" if not program.exists() else "there is no baseline")
    return Exact([program, build])


def _exact_of_theirs(given, head, folder):
    if given.no_exact:
        return Exact(None, "--no-exact")
    file = given.baseline or folder / BASELINE
    if not file.exists():
        names = ",".join(head.suite.connectors)
        hint = f"{command('exact')} --program {given.program or head.program} --connector {names} --accept writes it"
        return Exact(None, f"there is no {file.name}; {hint}")
    words = ["--program", head.program, "--baseline", file]
    return Exact([PROGRAMS / "exact", *words, *(["--connector", ",".join(given.connector)] if given.connector else [])])


def _with_suite(given, sides):
    """The sides with the suite that was asked for, and notes on what it leaves out."""
    chosen, notes = suite_for(given, sides[1].program)
    for side in sides:
        side.suite = chosen
    return sides, notes


def suite_for(given, program):
    """The suite that was asked for, and notes on what it leaves out."""
    if not (given.connector or given.target or given.load):
        return suite.OURS, []
    answer = programs.ask(program, "list")
    of_loads = loads.chosen(
        loads.read(given.load) if given.load else loads.OURS, given.connector, given.target, answer.get("targets", [])
    )
    keeps = {entry["name"]: (entry["capabilities"] or {}).get("has_deadline", True) for entry in answer["connectors"]}
    of_loads, notes = loads.without_deadlines(of_loads, keeps)
    if not of_loads:
        raise Unusable("nothing would be measured: " + "; ".join(notes))
    names = dict.fromkeys(name for load in of_loads.values() for name in load.connectors)
    return suite.Suite(of_loads, [name for name in names if loads.base_name(name) in keeps]), notes
