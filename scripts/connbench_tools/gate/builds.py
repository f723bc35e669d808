"""Builds of git revisions, in worktrees that are removed afterwards."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from .. import ROOT, git
from ..failures import Unusable

PLACE = ROOT / "build/regress"  # one folder per process


def uncommitted():
    return bool(git.ask("status", "--porcelain", "--untracked-files=no"))


class Worktrees:
    """Checks out revisions. Leaving the block removes them; entering it removes those of processes that were killed."""

    def __enter__(self):
        if PLACE.exists():
            for folder in PLACE.iterdir():
                if not Path("/proc", folder.name).exists():
                    _remove(folder)
        self.folder = PLACE / str(os.getpid())
        _remove(self.folder)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        _remove(self.folder)
        if not any(PLACE.iterdir()):
            PLACE.rmdir()

    def check_out(self, side, revision):
        """A new tree. The names `base` and `head` are equally long, because the length of a path shifts a program's
        stack."""
        tree = self.folder / side
        git.ask("worktree", "add", "--detach", "--quiet", tree, git.commit_of(revision))
        return tree


def build(tree, targets):
    """The build folder of a tree, with these programs in its bin/."""
    environment = dict(os.environ)
    if shutil.which("ccache"):  # compiles files that both sides share only once
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        environment |= {"CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "1"}
    log, jobs = tree / "build.log", str(len(os.sched_getaffinity(0)))
    configure = ["cmake", "--preset", "release"]
    compile_all = ["cmake", "--build", "build/release", "-j", jobs, "--target", *targets]
    for command in (configure, compile_all):
        if _run_to_the_end(command, tree, environment, log) != 0:
            said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
            raise Unusable(f"{tree.name} does not build ({' '.join(command)}):", said)
    return tree / "build/release"


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


def _remove(folder):
    for tree in folder.glob("*") if folder.exists() else []:
        git.run("worktree", "remove", "--force", "--force", tree)
    shutil.rmtree(folder, ignore_errors=True)
