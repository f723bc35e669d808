"""The small table of the README."""

import re

from connbench_tools.table.markdown import BEGIN, END
from connbench_tools.table.portrait import portrait
from made_runs import ROOT, RunsTest, wave

MIX = "fleet:accepting=75,blackhole=25:poisson:1000/s"


class PortraitTest(RunsTest):
    def make(self):
        for name, rate, size in (("scaling", 30000, 1024), ("scaling-far", 5000, 128)):
            rows = [wave("epoll", n, concurrency=size, connects_per_s=rate + n, threads_peak=1) for n in (1, 2, 3)]
            self.run_of(name, [*rows, wave("epoll", 4, concurrency=16, connects_per_s=1)])
        fleet = [
            wave("epoll", n, scenario=MIX, attempts=75, connected=connected) for n, connected in ((1, 75), (2, 60))
        ]
        self.run_of("fleet", [*fleet, wave("epoll", 3, scenario=MIX, target="*")])
        late = {"timeout_ns": 10**8, "overshoot_p50_ns": 31000, "overshoot_p99_ns": 90000}
        pool = wave("poll-pool", 2, queue_p50_ns=87 * 10**6, **late)
        self.run_of("overshoot", [wave("epoll", 1, queue_p50_ns=9_000, **late), pool])
        return portrait(self.folder)

    def test_has_a_row_of_medians_and_the_share_of_all_healthy_hosts(self):
        self.assertIn(
            "| `epoll` | 30,000 (30,000–30,000) | 5,000 (5,000–5,000) | 1 | 90 % | 31.0 | 90.0 |", self.make()
        )

    def test_says_how_long_attempts_of_a_pool_waited_for_a_thread(self):
        text = self.make()
        self.assertIn("Attempts of `poll-pool` first waited 87.0 ms (p50) for a thread", text)
        self.assertNotIn("Attempts of `epoll`", text)

    def test_tells_rows_apart_only_with_enough_repetitions(self):
        self.assertIn("too few repetitions to tell rows apart", self.make())

    def test_of_the_readme_is_what_the_committed_records_say(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        table = re.search(f"{BEGIN}\n(.*){END}", readme, re.DOTALL)[1]
        self.assertEqual(table, portrait(ROOT / "results/reference"))
