"""The gate in CI systems: our action and our template judge clones of the example repositories, with and without a
regression.

Usage: ci_systems_test.py CMAKE BUILD_FOLDER SOURCE_FOLDER COMPILER
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml  # noqa: F401
except ImportError:
    print("skipped: this Python has no yaml (scripts/setup --dev)")
    sys.exit(77)

from runners import Action, Job

CMAKE, BUILD, SOURCE, COMPILER = sys.argv[1], *map(pathlib.Path, sys.argv[2:5])
SLOWER = """
  // The regression: 200 µs of work for every attempt.
  for (const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
       std::chrono::steady_clock::now() < until;) {
  }
"""
# Few, so that the test is short: as many as so large a regression needs, and as few as the rest can pass with.
PAIRS = {"slow": "10", "same": "2"}
FAKE = """#!/bin/sh
printf '%s\\n' "$0 $*" >>"$CALLS"
for word; do [ ! -f "${word#body@}" ] || cat "${word#body@}" >>"$CALLS"; done
"""


def must(*command, **how):
    ended = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **how)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {ended.returncode}\n{ended.stdout}")
    return ended.stdout.strip()


class Repository:
    """A clean clone of an example with two commits: the base, and a head that may have a regression."""

    def __init__(self, example, folder, slow_file):
        self.origin = folder / "origin"
        shutil.copytree(SOURCE / "examples" / example, self.origin, ignore=shutil.ignore_patterns("build"))
        self._git("init", "--quiet", "--initial-branch", "main")
        self._commit("base")
        self.base = self._git("rev-parse", "HEAD")
        self._git("commit", "--quiet", "--allow-empty", "--message", "nothing")
        self.same = self._git("rev-parse", "HEAD")
        self._git("checkout", "--quiet", "-b", "slow", self.base)
        source = self.origin / slow_file[0]
        text = source.read_text()
        assert text.count(slow_file[1]) == 1, f"the test does not know what {source} does for every attempt"
        source.write_text(text.replace(slow_file[1], slow_file[1] + SLOWER))
        self._commit("slow")
        self.slow = self._git("rev-parse", "HEAD")

    def _git(self, *words):
        return must("git", "-c", "user.name=T", "-c", "user.email=t@localhost", "-C", self.origin, *words)

    def _commit(self, message):
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def clone(self, folder, commit):
        must("git", "clone", "--quiet", "--no-checkout", self.origin, folder)
        must("git", "-C", folder, "checkout", "--quiet", "--detach", commit)
        return folder


class CiSystems(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.prefix = cls.folder / "connbench"
        must(CMAKE, "--install", BUILD, "--prefix", cls.prefix)
        fakes = cls.folder / "fakes"
        fakes.mkdir()
        for name in "gh", "curl":
            (fakes / name).write_text(FAKE)
            (fakes / name).chmod(0o755)
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "GITHUB_"))}
        cls.environment |= {
            "PATH": f"{fakes}:{cls.prefix}/bin:{os.environ['PATH']}",
            "CMAKE_PREFIX_PATH": str(cls.prefix),
            "CMAKE_GENERATOR": "Ninja",
            "CXX": str(COMPILER),
            "XDG_CACHE_HOME": str(cls.folder / "cache"),
        }

    def calls(self, name):
        file = self.folder / f"{name}.calls"
        self.environment["CALLS"] = str(file)
        return file

    def act(self, repository, commit, name, wrap=()):
        """Runs the action on a pull request with this head. Returns (whether it succeeded, the action, its folder)."""
        workspace = repository.clone(self.folder / name, commit)
        temporary = self.folder / f"{name}.temporary"
        temporary.mkdir()
        workflow = yaml.safe_load((workspace / ".github/workflows/gate.yml").read_text())
        (step,) = [s for s in workflow["jobs"]["gate"]["steps"] if s.get("uses", "").startswith("OWNER/connbench@")]
        inputs = step["with"] | {"connbench": "installed", "calibrate": "false", "pairs": PAIRS[name]}
        action = Action(SOURCE / "action.yml", workspace, temporary, self.environment, wrap)
        event = {"base.sha": repository.base, "head.sha": commit, "number": "7"}
        github = {f"github.event.pull_request.{key}": value for key, value in event.items()}
        return action.run(inputs, github | {"github.repository": "owner/dialer"}), action, temporary

    def test_the_action_keeps_a_connbench_only_for_the_sources_that_it_was_built_from(self):
        sources = self.folder / "sources"
        for folder in ".git", "build":
            (sources / folder).mkdir(parents=True)
        keys = []
        changes = ("one.cpp", "1"), ("one.cpp", "2"), ("two.cpp", "2"), (".git/index", "x"), ("build/one.o", "x")
        for name, text in changes:
            (sources / name).write_text(text)
            action = Action(SOURCE / "action.yml", sources, self.folder, self.environment)
            steps = action.action["runs"]["steps"]
            (step,) = [step for step in steps if step.get("id") == "system"]
            known = {"github.action_path": str(sources)}
            self.assertEqual(action.run_step(step, known), 0, action.said)
            (kept,) = [step for step in steps if step.get("uses", "").startswith("actions/cache@")]
            keys.append(action.text_of(kept["with"]["key"], known))
        self.assertRegex(keys[0], "^connbench-[0-9a-f]{64}-[a-z0-9.]+-")
        self.assertEqual(len(set(keys)), 3, keys)
        self.assertEqual(set(keys[3:]), {keys[2]}, "what changes often is no source")

    def test_the_action_fails_with_a_regression_and_passes_without(self):
        repository = Repository("github_actions", self.folder / "github", ("dialer.cpp", "at_most) {\n"))
        calls = self.calls("github")
        # The runner allows neither namespaces nor the counting of system calls.
        wrap = []
        for call in ("unshare", "perf_event_open", "ptrace") if os.uname().machine == "x86_64" else ():
            wrap += [SOURCE / "tests/robustness/enter.py", f"{call} is refused"]
        passed, action, temporary = self.act(repository, repository.slow, "slow", wrap)
        self.assertFalse(passed, action.said)
        self.assertRegex(action.said, r"dialer-threads/accepting\S* +cpu_per_attempt .* regressed")
        self.assertEqual(action.used, ["actions/upload-artifact"])
        self.assertIn("regressed", (temporary / "GITHUB_STEP_SUMMARY").read_text())
        self.assertIn("gh pr comment 7 --body-file", calls.read_text())
        self.assertIn("<!-- connbench -->\n### Regression gate", calls.read_text())

        passed, action, temporary = self.act(repository, repository.same, "same", wrap)
        self.assertTrue(passed, action.said)
        summary = (temporary / "GITHUB_STEP_SUMMARY").read_text()
        self.assertIn("judged: dialer-threads on accepting", summary)
        if wrap:
            self.assertIn("not measured: the load 'added': ", summary)

    def test_the_template_fails_with_a_regression_and_passes_without(self):
        repository = Repository("gitlab_ci", self.folder / "gitlab", ("reactor.cpp", "uint32_t tag) {\n"))
        calls = self.calls("gitlab")
        statuses = {}
        for name in "slow", "same":
            commit = getattr(repository, name)
            clone = repository.clone(self.folder / f"gitlab-{name}", commit)
            job = Job(SOURCE / "templates/gate.yml", clone / ".gitlab-ci.yml")
            self.assertTrue((SOURCE / job.file).is_file())
            variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": repository.base, "CI_COMMIT_SHA": commit}
            variables |= {"CONNBENCH_TOKEN": "secret", "CI_API_V4_URL": "https://gitlab.example/api/v4"}
            variables |= {"CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_IID": "7"}
            options = job.values["options"].replace("--calibrate", f"--pairs {PAIRS[name]}")
            statuses[name], said = job.run(clone, self.environment | variables, {"options": options})
            self.assertIn("judged: reactor-loop on accepting", said)
            if name == "slow":
                self.assertRegex(said, r"reactor-loop/accepting\S* +cpu_per_attempt .* regressed")
                self.assertIn("/projects/1/merge_requests/7/notes", calls.read_text())
        self.assertEqual(statuses["slow"], 1)
        self.assertIn(statuses["same"], (0, job.tolerated))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
