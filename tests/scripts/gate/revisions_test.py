"""scripts/regress with git revisions, in a repository whose programs are made by copying."""

import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path
from unittest import mock

from connbench_tools import ROOT
from gate.pretended import PretendedBuilds, first_of, wait_until_gone


class Repository(PretendedBuilds):
    """A repository whose revisions build pretended programs."""

    CMAKE = """cmake_minimum_required(VERSION 3.25)
project(pretended NONE)
foreach(target connbench floor_bench count_allocations)
  add_custom_target(${target} COMMAND sh ${CMAKE_SOURCE_DIR}/make_it ${CMAKE_BINARY_DIR})
endforeach()
"""
    PRESETS = """{"version": 6, "configurePresets": [{"name": "release", "generator": "Ninja",
      "binaryDir": "${sourceDir}/build/release"}]}"""

    def setUp(self):
        super().setUp()
        self.root = self.folder / "repository"
        self.root.mkdir()
        shutil.copytree(
            ROOT / "scripts",
            self.root / "scripts",
            ignore=lambda folder, _: {"exact", "__pycache__"} if Path(folder) == ROOT / "scripts" else {"__pycache__"},
        )
        self.program("repository/made")
        (self.root / "CMakeLists.txt").write_text(self.CMAKE)
        (self.root / "CMakePresets.json").write_text(self.PRESETS)
        (self.root / "make_it").write_text(
            'flock "$1" cp -r made/bin "$1" || exit 1\n'.replace("made", "$(dirname $0)/made")
        )
        (self.root / ".gitignore").write_text("/build/\n/results/\n")
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *words):
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *words]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self, message):
        self.git(
            "add", "--all", "--force", "scripts", "made", "CMakeLists.txt", "CMakePresets.json", "make_it", ".gitignore"
        )
        self.git("commit", "--quiet", "--message", message)

    def start(self, *words):
        command = [self.root / "scripts/regress", *words]
        return subprocess.Popen(command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def regress(self, *words):
        process = self.start(*words)
        out, err = process.communicate()  # CTest's limit bounds the wait
        return subprocess.CompletedProcess((), process.returncode, out, err)


class RevisionsTest(Repository):
    """What is checked out, built, and left behind."""

    def assert_nothing_left(self):
        self.assertEqual(len(self.git("worktree", "list").splitlines()), 1)
        self.assertFalse((self.root / "build/regress").exists())

    def exact(self, text):
        (self.root / "scripts/exact").write_text(f"#!/bin/sh\n{text}\n")
        (self.root / "scripts/exact").chmod(0o755)
        self.commit("exact")

    def test_builds_two_revisions_and_leaves_no_worktree(self):
        with open(self.root / "make_it", "a") as file:
            file.write("# not committed\n")
        done = self.regress("HEAD", "--pairs", "2")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        self.assertIn("uncommitted changes are not judged", done.stdout)
        commit = self.git("rev-parse", "HEAD")[:12]
        self.assertIn(f"base: HEAD ({commit})", done.stdout)
        self.assertIn("were not judged (there is no scripts/exact)", done.stdout)
        self.assert_nothing_left()

    def test_fails_on_a_difference_of_the_exact_gate_whatever_the_times_are(self):
        self.exact('echo "$1: close +1"; exit 1')
        done = self.regress("HEAD~1", "--pairs", "2")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, "/head/build/release: close .1")
        self.assertIn("they differ from the baseline", done.stdout)
        self.assertIn(self.regress("HEAD~1", "--pairs", "2", "--no-exact").returncode, (0, 4))

    def test_passes_accept_on_to_the_exact_gate(self):
        self.exact('echo "$@"')
        done = self.regress("--accept")
        self.assertEqual((done.returncode, done.stdout), (0, f"{self.root}/build/release --accept\n"))

    def test_refuses_an_unknown_revision(self):
        done = self.regress("nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(
            done.stderr,
            rf"\Ascripts/regress: 'nowhere' is no revision of {self.root}: fatal: Needed a single revision\n\Z",
        )

    def test_says_that_a_shallow_clone_lacks_a_revision(self):
        self.git("commit", "--quiet", "--allow-empty", "--message", "second")
        shallow = self.folder / "shallow"
        self.git("clone", "--quiet", "--depth", "1", f"file://{self.root}", str(shallow))
        self.root = shallow
        done = self.regress("HEAD~1")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(
            done.stderr, r"\A.*Needed a single revision. This clone is shallow .*: git fetch --unshallow\n\Z"
        )

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a repository to somebody else")
    def test_passes_on_what_git_says_of_a_repository_that_belongs_to_somebody_else(self):
        os.chown(self.root / ".git", 1234, 1234)
        os.chown(self.root, 1234, 1234)
        nobody = {"HOME": "/nonexistent", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        with mock.patch.dict(os.environ, nobody):
            done = self.regress("HEAD")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"\A.*dubious ownership.*safe\.directory.*\n\Z")

    def test_names_a_revision_that_does_not_build_with_the_end_of_the_log(self):
        (self.root / "make_it").write_text("echo broken here; exit 1\n")
        self.commit("broken")
        done = self.regress("HEAD~1")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "head does not build")
        self.assertIn("broken here", done.stderr)
        self.assert_nothing_left()

    def test_leaves_no_worktree_and_no_compiler_when_interrupted_during_a_build(self):
        waiting = self.folder / "waiting"
        one_by_one = (
            f"flock \"$1\" sh -c 'echo $$ > {waiting}; exec sleep 1000'\n"  # so that the file names one process
        )
        (self.root / "make_it").write_text(one_by_one)
        self.commit("slow")
        process = self.start("HEAD")
        first_of(process, waiting)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 130, err)
        self.assert_nothing_left()
        wait_until_gone(int(waiting.read_text()))

    def test_removes_what_a_killed_process_left(self):
        waiting = self.folder / "waiting"
        (self.root / "make_it").write_text(f"echo $$ > {waiting}; exec sleep 1000\n")
        self.commit("slow")
        process = self.start("HEAD")
        first_of(process, waiting)
        process.kill()
        process.communicate()
        os.kill(int(waiting.read_text()), signal.SIGTERM)
        self.assertGreater(len(self.git("worktree", "list").splitlines()), 1)
        self.assertIn(self.regress("HEAD~1", "HEAD~1", "--pairs", "2").returncode, (0, 4))
        self.assert_nothing_left()


class HookTest(Repository):
    """In a commit hook git sets GIT_DIR, GIT_INDEX_FILE and more. They belong to the commit under way, and to nothing
    that the hook checks out or builds."""

    def linked(self):
        """A linked worktree with a staged change and a change that is not, whose hook judges what is committed."""
        linked = self.folder / "linked"
        self.git("worktree", "add", "--quiet", str(linked))
        hook = self.root / ".git/hooks/pre-commit"
        hook.write_text(
            f"#!/bin/sh\nenv | grep ^GIT_ > {self.folder}/inherited\n"
            f"scripts/regress HEAD --pairs 2 > {self.folder}/said 2>&1; echo $? >> {self.folder}/said\n"
        )
        hook.chmod(0o755)
        with open(linked / ".gitignore", "a") as file:
            file.write("/staged/\n")
        self.root = linked
        self.git("add", ".gitignore")
        with open(linked / "make_it", "a") as file:
            file.write("# not staged\n")
        return linked

    def test_a_commit_contains_what_was_staged_although_a_hook_built_other_revisions(self):
        linked = self.linked()
        self.git("commit", "--quiet", "--message", "with a hook")
        said = (self.folder / "said").read_text()
        self.assertIn("GIT_INDEX_FILE=", (self.folder / "inherited").read_text(), "git has set nothing")
        self.assertIn(said.splitlines()[-1], ("0", "4"), said)
        self.assertEqual(self.git("show", "--name-only", "--format=", "HEAD").split(), [".gitignore"])
        self.assertEqual(self.git("status", "--porcelain", "--untracked-files=no"), " M make_it\n")
        self.assertEqual(len(self.git("worktree", "list").splitlines()), 2)
        self.assertFalse((linked / "build/regress").exists())

    def test_leaves_every_byte_of_the_index_as_it_was(self):
        self.linked()
        index = Path(self.git("rev-parse", "--path-format=absolute", "--git-path", "index").strip())
        before, directory = index.read_bytes(), self.git("rev-parse", "--absolute-git-dir").strip()
        inherited = {
            "GIT_INDEX_FILE": str(index),
            "GIT_DIR": directory,
            "GIT_PREFIX": "",
            "GIT_WORK_TREE": str(self.root),
        }
        with mock.patch.dict(os.environ, inherited | {"GIT_OBJECT_DIRECTORY": str(self.folder / "nowhere")}):
            done = self.regress("HEAD", "--pairs", "2")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        self.assertEqual(index.read_bytes(), before)
