"""Builds of git revisions, in worktrees that are removed afterwards."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from .. import ROOT, git
from ..failures import Unusable

PLACE = ROOT / "build/regress"  # of this project; one folder per process


def uncommitted(repository=ROOT):
    return bool(git.ask("status", "--porcelain", "--untracked-files=no", folder=repository))


class Worktrees:
    """Checks out revisions of a repository in a place. Leaving the block removes them; entering it removes those of
    processes that were killed."""

    def __init__(self, repository=ROOT, place=PLACE):
        self.repository, self.place = repository, place

    def __enter__(self):
        if self.place.exists():
            for folder in self.place.iterdir():
                if not Path("/proc", folder.name).exists():
                    self._remove(folder)
        self.folder = self.place / str(os.getpid())
        self._remove(self.folder)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        self._remove(self.folder)
        if not any(self.place.iterdir()):
            self.place.rmdir()

    def check_out(self, side, revision):
        """A new tree. The names `base` and `head` are equally long, because the length of a path shifts a program's
        stack."""
        tree = self.folder / side
        commit = git.commit_of(revision, self.repository)
        git.ask("worktree", "add", "--detach", "--quiet", tree, commit, folder=self.repository)
        return tree

    def _remove(self, folder):
        for tree in folder.glob("*") if folder.exists() else []:
            git.run("worktree", "remove", "--force", "--force", tree, folder=self.repository)
        shutil.rmtree(folder, ignore_errors=True)


def build(tree, targets):
    """The build folder of a tree, with these programs in its bin/."""
    jobs = str(len(os.sched_getaffinity(0)))
    _must(["cmake", "--preset", "release"], tree, tree / "build.log")
    _must(["cmake", "--build", "build/release", "-j", jobs, "--target", *targets], tree, tree / "build.log")
    return tree / "build/release"


def build_with(tree, command, log):
    """Runs the command of a shell that builds the tree of another project. Output goes into the file `log`."""
    _must(["sh", "-c", command], tree, log)


def _must(command, tree, log):
    environment = dict(os.environ)
    if shutil.which("ccache"):  # compiles files that both sides share only once
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        environment |= {"CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "1"}
    if _run_to_the_end(command, tree, environment, log) != 0:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        raise Unusable(f"{tree.name} does not build ({' '.join(command)}):", said)


def _run_to_the_end(command, folder, environment, log):
    """Exit status. An interruption ends the compilers too, because they run in a process group of their own."""
    with open(log, "a", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
