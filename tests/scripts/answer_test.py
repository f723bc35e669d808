"""The sentences of the first answer, from runs with known figures."""

from connbench_tools.answer import Figures, rate_of, sentences
from connbench_tools.failures import Unusable
from made_runs import RunsTest, wave


def waves(connector, values, **figures):
    """One wave for each value; `values` are dictionaries of figures."""
    return [wave(connector, number, **(figures | value)) for number, value in enumerate(values, 1)]


class AnswerTest(RunsTest):
    def make(self, reached=100, io_uring_far=(5900, 5920, 5940, 5950, 6000)):
        """Runs in which epoll is best, a pool is slower, and plain threads reach `reached` % of the healthy hosts."""
        rates = {
            "epoll": (30000, 30500, 31000, 31500, 32000),
            "io-uring": (29500, 30000, 30500, 31000, 31500),
            "blocking-threads": (9000, 9050, 9100, 9150, 9200),
        }
        self.run_of("loopback", [row for name, values in rates.items() for row in self._rates(name, values)])
        far = {
            "epoll": (5000, 5050, 5100, 5150, 5200),
            "io-uring": io_uring_far,
            "blocking-threads": (3000, 3050, 3100, 3150, 3200),
        }
        self.run_of("far", [row for name, values in far.items() for row in self._rates(name, values)])
        fleet = []
        for name, share in (("epoll", 100), ("io-uring", 100), ("blocking-threads", reached)):
            fleet += waves(name, [{"connected": 80 * share // 100}] * 5, attempts=80, scenario="fleet:a=80,b=20")
            fleet += waves(name, [{"attempts": 100}] * 5, target="*", scenario="fleet:a=80,b=20")
        self.run_of("fleet", fleet)
        late = waves(
            "epoll", [{"overshoot_p50_ns": ns} for ns in (30000, 30500, 31000, 31500, 32000)], deadline_exceeded=100
        )
        late += waves(
            "io-uring", [{"overshoot_p50_ns": ns} for ns in (20000, 20500, 21000, 21500, 22000)], deadline_exceeded=100
        )
        late += waves("blocking-threads", [{"cancelled": 100}] * 5, deadline_exceeded=0)
        self.run_of("timeout", late)
        return sentences(self.folder)

    @staticmethod
    def _rates(name, values):
        threads = 257 if "threads" in name else 1
        return waves(name, [{"connects_per_s": value} for value in values], threads_peak=threads, concurrency=256)

    def test_ranks_connectors_and_says_which_cannot_be_told_apart(self):
        self.assertIn(
            "epoll and io-uring 31,000/s and 30,500/s (too close to tell apart); blocking-threads", self.make()[1]
        )

    def test_none_of_a_group_can_be_told_apart_from_its_best(self):
        rates = {
            "best": (1000, 1020, 1040, 1060, 1080),
            "near": (950, 970, 990, 1010, 1030),
            "less": (910, 930, 950, 970, 990),  # its range meets that of the near one, and not that of the best
        }
        rows = [row for name, values in rates.items() for row in self._rates(name, values)]
        self.assertEqual(Figures(rows, rate_of).ranked(), [["best", "near"], ["less"]])

    def test_counts_the_threads_that_a_distant_host_needs(self):
        self.assertIn("Threads used: blocking-threads 257; epoll and io-uring 1", self.make()[2])

    def test_names_the_connectors_that_dead_hosts_hold_up(self):
        fleet = self.make(reached=25)[3]
        self.assertIn("blocking-threads 25 %", fleet)
        self.assertIn("blocking-threads: the dead hosts held up the others", fleet)

    def test_five_healthy_hosts_in_ten_thousand_are_noise(self):
        self.make()
        for name in ("summary.csv", "run.json"):
            (self.folder / "fleet" / name).unlink()
        (self.folder / "fleet").rmdir()
        rows = []
        for name, connected in (("epoll", 9995), ("io-uring", 9989)):
            rows += waves(name, [{"connected": connected}] * 5, attempts=10_000, scenario="fleet:a=80,b=20")
        self.run_of("fleet", rows)
        said = sentences(self.folder)
        self.assertIn(" %. io-uring: the dead hosts held up the others.", said[3])
        self.assertIn("use epoll.", said[0])

    def test_reports_lateness_best_first_and_who_has_no_timeout(self):
        timeout = self.make()[4]
        self.assertIn("io-uring 21.0 µs; epoll 31.0 µs", timeout)
        self.assertIn("blocking-threads has no timeout of its own", timeout)

    def test_recommends_the_fastest_of_those_that_stand_dead_hosts(self):
        self.assertEqual(
            self.make()[0],
            "If hosts may be dead, use io-uring. epoll also reached all healthy hosts here, but connected to the far "
            "host more slowly. (runs: fleet, timeout, far)",
        )

    def test_recommends_both_when_they_cannot_be_told_apart(self):
        self.assertIn("use epoll or io-uring", self.make(io_uring_far=(4950, 5000, 5050, 5100, 5150))[0])

    def test_tells_nothing_apart_with_fewer_than_five_repetitions(self):
        said = self.make(io_uring_far=(5900, 5950, 6000))
        self.assertIn("use io-uring or epoll", said[0])
        self.assertIn("(too close to tell apart)", said[2])

    def test_repeats_the_warnings_of_the_runs(self):
        self.make()
        for file in ("run.json", "summary.csv"):
            (self.folder / "far" / file).unlink()
        (self.folder / "far").rmdir()
        self.run_of("far", self._rates("epoll", (1, 2, 3)), warnings=["server-bound"])
        self.assertIn("Warning (far): server-bound", sentences(self.folder))

    def test_refuses_a_folder_without_the_runs(self):
        with self.assertRaisesRegex(Unusable, "scripts/bench --quick"):
            sentences(self.folder)
