"""What scripts/exact reports for a real build (CONNBENCH_BUILD, CONNBENCH_COMPILER)."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from connbench_tools import ROOT
from connbench_tools.exact import baseline

BUILD, COMPILER = Path(os.environ.get("CONNBENCH_BUILD", "none")), os.environ.get("CONNBENCH_COMPILER", "")


@unittest.skipUnless(
    (BUILD / "bin/count_allocations").exists(), "no build whose allocations can be counted (CONNBENCH_BUILD)"
)
class Gate(unittest.TestCase):
    """With real programs, and a shim that makes each connect() more expensive."""

    NAMES = "epoll,blocking-threads"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.baseline = cls.folder / "baseline.json"
        cls.accepted = cls.exact("--accept", "--runs", "2")

    @classmethod
    def exact(cls, *more, shim=None, baseline_file=None, build=BUILD, what="system-calls", names=NAMES):
        command = [
            ROOT / "scripts/exact",
            build,
            "--connector",
            names,
            "--what",
            what,
            "--baseline",
            baseline_file or cls.baseline,
            *more,
        ]
        environment = os.environ | ({"LD_PRELOAD": str(shim)} if shim else {})
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    def shim(self, *flags):
        shim = self.folder / f"shim{len(flags)}.so"
        subprocess.run(
            [
                COMPILER,
                "-x",
                "c",
                "-shared",
                "-fPIC",
                "-O1",
                *flags,
                "-o",
                shim,
                ROOT / "tests/scripts/exact/one_call_more.c",
            ],
            check=True,
        )
        return shim

    def setUp(self):
        if "not counted" in self.accepted.stderr:
            self.skipTest(self.accepted.stderr)
        self.assertEqual(self.accepted.returncode, 0, self.accepted.stderr)

    def test_reports_one_more_system_call_per_connect_every_time(self):
        shim = self.shim()
        for _ in range(3):
            changed = self.exact(shim=shim)
            self.assertEqual(changed.returncode, 1, changed.stdout + changed.stderr)
            self.assertIn("| `epoll` | getsockopt() per attempt, accepting | 1 | 2 |", changed.stdout)
            self.assertIn("| `epoll` | getsockopt() per attempt, backlog-full | 0 | 1 |", changed.stdout)
            self.assertIn("| `blocking-threads` | getsockopt() per attempt, refusing | 0 | 1 |", changed.stdout)
            self.assertIn("--accept", changed.stdout)
            same = self.exact()
            self.assertEqual(same.returncode, 0, same.stdout + same.stderr)

    def test_accepts_a_change_only_on_request_and_says_what_changed(self):
        shim, mine = self.shim(), self.folder / "mine.json"
        shutil.copy(self.baseline, mine)
        one = {"shim": shim, "baseline_file": mine, "names": "epoll"}
        before = mine.read_text()
        self.assertEqual(self.exact(**one).returncode, 1)
        self.assertEqual(mine.read_text(), before)
        accepted = self.exact("--accept", "--runs", "2", **one)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        self.assertIn("| `epoll` | getsockopt() per attempt, accepting | 1 | 2 |", accepted.stdout)
        self.assertEqual(self.exact(**one).returncode, 0)
        kept, was = (json.loads(text)["connectors"] for text in (mine.read_text(), before))
        self.assertEqual(
            kept["blocking-threads"], was["blocking-threads"], "a connector that was not measured has changed"
        )

    def test_reports_more_memory_and_one_more_allocation_per_connect(self):
        kinds = {"what": "allocations,pending", "names": "epoll", "baseline_file": self.folder / "memory.json"}
        accepted = self.exact("--accept", "--runs", "1", **kinds)
        self.assertEqual(accepted.returncode, 0, accepted.stderr)
        changed = self.exact(shim=self.shim("-DALLOCATE=64"), **kinds)
        self.assertEqual(changed.returncode, 1, changed.stdout + changed.stderr)
        self.assertIn("| `epoll` | allocations per attempt | 0 | 1 |", changed.stdout)
        self.assertIn("| `epoll` | bytes per pending attempt |", changed.stdout)
        self.assertNotIn("threads", changed.stdout)

    def test_says_which_connector_is_new_and_which_is_gone(self):
        document = baseline.read(self.baseline)
        document["connectors"]["carrier-pigeon"] = document["connectors"].pop("epoll")
        mine = self.folder / "renamed.json"
        baseline.write(mine, document)
        command = [ROOT / "scripts/exact", BUILD, "--what", "allocations", "--baseline", mine]
        changed = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(changed.returncode, 1, changed.stderr)
        self.assertIn("| `epoll` | the connector | - | new |", changed.stdout)
        self.assertIn("| `carrier-pigeon` | the connector | measured | gone |", changed.stdout)

    def test_refuses_missing_files_and_unknown_names(self):
        for more, said in (
            ({"baseline_file": self.folder / "none.json"}, "--accept"),
            ({"build": self.folder}, "is not there"),
            ({"names": "epol"}, "epol"),
            ({"what": "time"}, "--what"),
        ):
            ended = self.exact(**more)
            self.assertEqual(ended.returncode, 2, more)
            self.assertIn(said, ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)

    def test_says_in_one_line_that_a_baseline_is_damaged_or_cannot_be_written(self):
        damaged = self.folder / "damaged.json"
        damaged.write_text('{"version": 1}')
        for more, said in (([], "it has no made_with"), (["--accept"], "it has no made_with")):
            ended = self.exact(*more, baseline_file=damaged)
            self.assertEqual(ended.returncode, 2)
            self.assertRegex(ended.stderr, rf"\Ascripts/exact: .*{said}.*\n\Z")
        ended = self.exact("--accept", baseline_file=self.folder / "nowhere/baseline.json")
        self.assertEqual(ended.returncode, 2)
        self.assertRegex(ended.stderr, r"\Ascripts/exact: .*/nowhere/baseline.json cannot be written: .*\n\Z")

    def test_refuses_a_build_of_another_type(self):
        mine = self.folder / "debug.json"
        mine.write_text(self.baseline.read_text().replace('"build_type": "', '"build_type": "Other'))
        ended = self.exact(baseline_file=mine)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("Other", ended.stderr)

    def as_user(self, path):
        """scripts/exact run by an ordinary user, who cannot read this build or these sources."""
        place = Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, place)
        (place / "bin").mkdir()
        for name in ("connbench", "floor_bench", "count_allocations"):
            shutil.copy(BUILD / "bin" / name, place / "bin")
        shutil.copy(ROOT / "scripts/exact", place)
        shutil.copytree(ROOT / "scripts/connbench_tools", place / "connbench_tools")
        shutil.copy(self.baseline, place)
        for file in (place, place / "bin"):
            file.chmod(0o755)
        (place / "baseline.json").chmod(0o644)
        command = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "env",
            f"PATH={path}",
            "/usr/bin/python3",
            place / "exact",
            place,
            "--connector",
            self.NAMES,
            "--what",
            "system-calls",
            "--baseline",
            place / "baseline.json",
        ]
        return subprocess.run(command, capture_output=True, text=True)

    @unittest.skipUnless(os.geteuid() == 0, "the user is an ordinary user already")
    def test_counts_the_same_for_an_ordinary_user_or_says_why_not(self):
        ended = self.as_user("/usr/bin:/bin")
        if ended.returncode == 2:
            self.assertIn("not counted", ended.stderr)
        else:
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        blind = self.as_user("/nowhere")
        if blind.returncode != 0:
            self.assertEqual(blind.returncode, 2, blind.stdout + blind.stderr)
            self.assertIn("no system calls", blind.stderr)
