"""The two builds: of git revisions, in worktrees that are gone afterwards."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from gate_runs import Unusable

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build/regress"  # a folder a process


def git(*arguments):
    ended = subprocess.run(["git", "-C", ROOT, *arguments], check=False, capture_output=True, text=True)
    if ended.returncode != 0:
        raise Unusable(f"git {' '.join(map(str, arguments))}: {ended.stderr.strip()}")
    return ended.stdout.strip()


def commit_of(revision):
    try:
        return git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except Unusable:
        raise Unusable(f"'{revision}' is no revision of this repository") from None


def uncommitted():
    return bool(git("status", "--porcelain", "--untracked-files=no"))


class Worktrees:
    """Checks out and builds; what it made is removed when the block is left, and what a killed one left, when it is entered."""

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
        """A tree of its own. `base` and `head` are equally long, as the length of a path shifts a program's stack."""
        tree = self.folder / side
        git("worktree", "add", "--detach", "--quiet", tree, commit_of(revision))
        return tree


def build(tree, targets):
    """The build folder of a tree, with these programs in its bin/."""
    environment = dict(os.environ)
    if shutil.which("ccache"):  # a file that both sides have is compiled once
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
        environment |= {"CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "1"}
    log, jobs = tree / "build.log", str(os.cpu_count() or 1)
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "build/release", "-j", jobs, "--target", *targets]):  # fmt: skip
        if _run_to_the_end(command, tree, environment, log) != 0:
            said = "\n  ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            raise Unusable(f"{tree.name} does not build ({' '.join(command)}):\n  {said}")
    return tree / "build/release"


def _run_to_the_end(command, folder, environment, log):
    """Exit status. Left early, it ends the compilers too: they are in a group of their own."""
    with open(log, "a", encoding="utf-8") as file:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _remove(folder):
    for tree in folder.glob("*") if folder.exists() else []:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", "--force", tree], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
