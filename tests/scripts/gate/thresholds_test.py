"""From which record thresholds come, and that a verdict says which."""

import json
import os
from unittest import mock

from connbench_tools.gate import judge, loads, suite, thresholds
from connbench_tools.gate.runs import JudgedRun
from made_runs import RunsTest, wave

HERE, ROW = "2 × Abacus, Linux 6.1", ("epoll/accepting/concurrency:8/timeout:1s", "connects_per_s")
THEIRS = suite.Suite({"rate": loads.Load(("my-way",), ("accepting",), 10, "1s")})


class ThresholdsTest(RunsTest):
    def setUp(self):
        super().setUp()
        for patch in (
            mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")}),
            mock.patch.object(thresholds, "RECORD", self.folder),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def record(self, machine, noise=0.1):
        rows = [{"benchmark": ROW[0], "metric": ROW[1], "noise": noise}]
        (self.folder / "result.json").write_text(json.dumps({"machine": machine, "noise": rows}))

    def of(self, measured=suite.OURS):
        """The threshold of a row that no record knows, that of ROW, and the note."""
        noise, (note,) = thresholds.of(HERE, measured)
        gate = judge.Gate(None, noise, None)
        return [round(judge.threshold(gate._noise_of(key)), 4) for key in (("new", ROW[1]), ROW)], note

    def test_the_self_test_of_this_machine_decides(self):
        self.record(HERE)
        found, note = self.of()
        self.assertEqual(found, [0.15, 0.15])
        self.assertIn(f"noise of A against A on {HERE}", note)

    def test_that_of_another_machine_does_not_and_the_verdict_says_so(self):
        self.record("1 × Slide Rule, Linux 5", noise=0.01)
        found, note = self.of()
        self.assertEqual(found, [thresholds.WIDE, thresholds.WIDE])
        self.assertIn("the wide default, 15 % or more, because the self-test is of another machine (1 × Slide", note)
        self.record("1 × Slide Rule, Linux 5", noise=0.2)
        self.assertEqual(self.of()[0], [0.3, 0.3], "what is noisy elsewhere was assumed to be less noisy here")

    def test_without_a_self_test_the_default_is_wide(self):
        found, note = self.of()
        self.assertEqual(found, [thresholds.WIDE] * 2)
        self.assertIn("because there is no self-test. --calibrate measures", note)

    def calibrate(self):
        """Calibrates with turns that alternate between two rates; returns the notes and the number of turns."""
        turns = []

        def measured(side, load, _more, _folder):
            turns.append(load)
            rows = [wave("my-way", 1, connects_per_s=1000 + 20 * (len(turns) % 3), cpu_ns=5, makespan_ns=7)]
            return JudgedRun(self.run_of(f"turn{len(list(self.folder.iterdir()))}", rows), side.name), 0.1

        program = self.folder / "my_bench"
        program.touch(mode=0o755)
        head = suite.Side("head", self.folder, file="my_bench", suite=THEIRS)
        advice = mock.patch.object(thresholds.programs, "cpus_flag", return_value=[])
        with mock.patch.object(suite, "measure", measured), advice:
            return thresholds.calibrate(head, ["rate"], 1, lambda text: None), len(turns)

    def test_a_calibration_is_made_once_and_used_from_then_on(self):
        self.record("1 × Slide Rule, Linux 5")
        said, turns = self.calibrate()
        self.assertEqual(turns, 1 + thresholds.PAIRS * len(suite.TURNS["rate"]))
        self.assertIn(f"{self.folder}/cache/connbench/calibration/2-Abacus-Linux-6-1-", said[0])
        noise, (note,) = thresholds.of(HERE, THEIRS)
        self.assertIn("of this machine (calibrated on ", note)
        self.assertIn(("my-way/accepting/concurrency:8/timeout:1s", "connects_per_s"), noise)
        said, turns = self.calibrate()
        self.assertEqual(turns, 1, "it was measured again")
        self.assertIn("not calibrated again", said[0])

    def test_a_calibration_of_other_loads_or_another_machine_is_not_used(self):
        self.calibrate()
        self.assertIn("wide default", thresholds.of(HERE, suite.OURS)[1][0])
        self.assertIn("wide default", thresholds.of("another machine", THEIRS)[1][0])

    def test_a_damaged_calibration_is_named_with_a_remedy(self):
        file = thresholds.file_for(HERE, THEIRS)
        file.parent.mkdir(parents=True)
        file.write_text("{")
        with self.assertRaisesRegex(Exception, "remove it, and measure again with scripts/regress --calibrate"):
            thresholds.of(HERE, THEIRS)

    def test_a_user_without_a_home_has_no_cache_and_gets_a_verdict_all_the_same(self):
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": ""}), mock.patch(
            "pathlib.Path.home", side_effect=RuntimeError
        ):
            self.assertEqual(self.of()[0], [thresholds.WIDE] * 2)
            with self.assertRaisesRegex(Exception, "name one for the cache in XDG_CACHE_HOME"):
                self.calibrate()

    def test_a_relative_cache_folder_is_ignored(self):
        with mock.patch.dict(os.environ, {"XDG_CACHE_HOME": "here", "HOME": "/home/somebody"}):
            self.assertEqual(str(thresholds.cache.folder()), "/home/somebody/.cache/connbench")
