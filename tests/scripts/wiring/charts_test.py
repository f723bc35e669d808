"""Each curve of the report comes from its own samples or columns: its stamps, repetition, load, connector and run."""

import shutil

from made_records import Records
from report.made_report import ReportTest, numpy  # first: it skips the tests without numpy

from connbench_tools.report.charts import Material
from connbench_tools.report.comparison import lines_of
from connbench_tools.records.folders import runs_in
from connbench_tools.report import curves, sections
from wiring import known

NAMES = ("epoll", "pool")
OPEN = "steady:uniform:1000/s"


def samples(run):
    """{(connector, scenario, target, repetition): its samples}"""
    found = {}
    for sample in run.samples:
        key = sample["connector"], sample["scenario"], sample["target"], sample["repetition"]
        found.setdefault(key, []).append(sample)
    return found


def stamped(run):
    """Gives each sample stamps of its own: every difference of two stamps is one that no other sample has."""
    for number, sample in enumerate(run.samples):
        due = 10**9 + 1000 * number
        steps = 3 + number, 10_000 + 7 * number, 100_000 + 13 * number
        sample |= {"scheduled_ns": due, "started_ns": due + steps[0], "finished_ns": due + sum(steps[:2])}
        sample |= {"reaped_ns": due + sum(steps)}
        if sample["handshake_ns"] != "":
            sample["handshake_ns"] = 1 + number
    return run


def between(found, first, last, minus=0):
    return sorted(one[last] - one[first] - (one[minus] if minus else 0) for one in found)


class SamplesTest(ReportTest):
    """Two connectors, two loads and two repetitions, all with different samples."""

    def made(self):
        run = Records(command_line=["connbench", "run", "--connector", ",".join(NAMES)])
        for repetition in (1, 2):
            for name in NAMES:
                run.wave(name, repetition, times=[1] * 40)
                run.wave(
                    name, repetition, scenario=OPEN, concurrency=64, times=[1] * 40, connects_per_s=1000, added_p50_ns=1
                )
                for timeout in (9_000, 8_000):
                    more = {"timeout_ns": timeout, "outcome": "deadline_exceeded"}
                    run.wave(name, repetition, f"blackhole:{timeout}", "burst", 64, times=[1] * 40, **more)
        return stamped(run)

    def check(self, section, chart, wanted):
        """`wanted`: {view: function of connector that gives the values}."""
        self.assertEqual(len(section["views"]), len(wanted), [view["label"] for view in section["views"]])
        for view in section["views"]:
            (values_of,) = [
                values for words, values in wanted.items() if all(w in view["label"] for w in words.split("|"))
            ]
            self.assertEqual(len(view["data"][chart]), len(NAMES))
            for curve in view["data"][chart]:
                self.assertEqual(curve["values"], values_of(NAMES[curve["c"]]), view["label"])
                self.assertEqual(curve["sure"], curves.supported(curve["of"]))
                self.assertEqual(curve["of"], len(curve["values"]))

    def pooled(self, run, name, scenario, target="accepting"):
        by_key = samples(run)
        return [one for repetition in (1, 2) for one in by_key[name, scenario, target, repetition]]

    def test_latency_is_from_the_actual_or_the_intended_start_to_the_end(self):
        run = self.made()
        closed, open_loop = (lambda name, s=s: self.pooled(run, name, s) for s in ("burst", OPEN))
        wanted = {
            "closed loop": lambda name: between(closed(name), "started_ns", "finished_ns"),
            "steady|intended": lambda name: between(open_loop(name), "scheduled_ns", "finished_ns"),
            "steady|actual": lambda name: between(open_loop(name), "started_ns", "finished_ns"),
        }
        self.check(self.section("latency", run), "latency", wanted)

    def test_overshoot_is_beyond_the_timeout_of_its_own_load(self):
        run = self.made()

        def late(timeout, end):
            def values(name):
                found = self.pooled(run, name, "burst", f"blackhole:{timeout}")
                return [value - timeout for value in between(found, "started_ns", end)]

            return values

        ends = {"given up": "finished_ns", "the caller received them": "reaped_ns"}
        wanted = {
            f"blackhole:{timeout}|{words}": late(timeout, end)
            for timeout in (9_000, 8_000)
            for words, end in ends.items()
        }
        self.check(self.section("overshoot", run), "overshoot", wanted)

    def test_lateness_is_of_the_attempts_that_timed_out(self):
        run = Records().wave("epoll", target="blackhole", times=[10**9] * 9, outcome="deadline_exceeded", failed=5)
        self.assertEqual(self.curves(self.section("overshoot", run), "overshoot")[0]["of"], 9)

    def test_added_is_connecting_without_the_handshake(self):
        run = self.made()

        def added(name):
            return between(self.pooled(run, name, OPEN), "started_ns", "finished_ns", "handshake_ns")

        self.check(self.section("added", run), "added", {"steady": added})

    def test_attempts_with_a_retransmitted_syn_or_an_unknown_handshake_add_nothing(self):
        run = self.made()
        own = [one for one in run.samples if one["scenario"] == OPEN and one["connector"] == "epoll"]
        own[0]["syn_retransmits"], own[1]["handshake_ns"] = 1, ""
        values = self.curves(self.section("added", run), "added")[0]["values"]
        self.assertEqual(values, between(own[2:], "started_ns", "finished_ns", "handshake_ns"))

    def test_lines_over_time_show_the_first_repetition(self):
        run = self.made()
        by_key = samples(run)
        for place, name in enumerate(NAMES):
            own = by_key[name, OPEN, "accepting", 1]
            origin = own[0]["scheduled_ns"]
            lag = self.curves(self.section("open-loop", run), "lag")[place]
            self.assertEqual(lag["x"], [one["scheduled_ns"] - origin for one in own])
            self.assertEqual(lag["y"], [one["started_ns"] - one["scheduled_ns"] for one in own])
            section = self.section("timeline", run)
            (view,) = [number for number, view in enumerate(section["views"]) if "steady" in view["label"]]
            line = self.curves(section, "timeline", view)[place]
            events = sorted(
                [(one["finished_ns"] - origin, -1) for one in own] + [(one["started_ns"] - origin, 1) for one in own]
            )
            self.assertEqual(line["x"], [time for time, _ in events])
            self.assertEqual(line["y"], numpy.cumsum([step for _, step in events]).tolist())


class SummaryTest(ReportTest):
    """Curves that are drawn from summary.csv."""

    def test_scaling_shows_median_and_range_of_its_column_at_each_concurrency(self):
        run, sizes = Records(), (1, 8, 64)
        for repetition in (1, 2, 3, 4, 5):
            for size in reversed(sizes):
                for name in NAMES:
                    place = sizes.index(size) * 2 + NAMES.index(name)
                    run.wave(name, repetition, concurrency=size, **known.figures(repetition, place))
        run.samples = []
        section = self.section("scaling", run)
        for chart, column in (
            ("scaling-rate", "connects_per_s"),
            ("scaling-cpu", "cpu_ns"),
            ("scaling-memory", "rss_peak_kib"),
            ("scaling-threads", "threads_peak"),
        ):
            for curve in section["views"][0]["data"][chart]:
                self.assertEqual(curve["x"], list(sizes))
                for i, size in enumerate(sizes):
                    place = i * 2 + ("epoll", "pool").index(self.names(run)[curve["c"]])
                    values = sorted(self.value(column, repetition, place) for repetition in (1, 2, 3, 4, 5))
                    found = curve["low"][i], curve["y"][i], curve["high"][i]
                    self.assertEqual(found, (values[0], values[2], values[-1]), f"{chart} {size}")

    def names(self, run):
        return self.material(run).connectors

    def value(self, column, repetition, place):
        row = known.figures(repetition, place)
        return row[column] / row["attempts"] if column == "cpu_ns" else row[column]

    def fleet(self, with_samples):
        """Three shares of dead hosts, of which no two have a figure in common."""
        run = Records()
        for place, dead in enumerate((50, 10, 30)):
            scenario = f"fleet:accepting={100 - dead},blackhole={dead}"
            for number, name in enumerate(NAMES):
                times = [10_000 * (1 + place) + 1000 * number + i for i in range(400)]
                own = {"p50_ns": 7 + place + 100 * number, "p99_ns": 50 + place + 100 * number}
                more = {"connects_per_s": 900 - 10 * place - number}
                run.wave(name, 1, "accepting", scenario, 9, times=times, late=5, **own, **more)
                run.wave(name, 1, "blackhole", scenario, 9, times=[1], outcome="deadline_exceeded", connects_per_s=3)
                run.wave(name, 1, "*", scenario, 9, connects_per_s=4, p50_ns=1, p99_ns=2)
        if not with_samples:
            run.samples = []
        return self.section("fleet", run)

    def test_a_fleet_is_drawn_over_its_share_of_dead_hosts(self):
        for with_samples in (True, False):
            shutil.rmtree(self.folder / "run", ignore_errors=True)
            section = self.fleet(with_samples)
            for number in (0, 1):
                drawn = {
                    chart: self.curves(section, chart)[number] for chart in ("fleet-p50", "fleet-p99", "fleet-rate")
                }
                places = [1, 2, 0]  # 10 %, 30 %, 50 %
                if with_samples:
                    first = [10_000 * (1 + place) + 1000 * number + 5 for place in places]
                    wanted = [[one + 199 for one in first], [one + 395 for one in first]]
                else:
                    wanted = [[base + place + 100 * number for place in places] for base in (7, 50)]
                wanted.append([900 - 10 * place - number for place in places])
                for curve, values in zip(drawn.values(), wanted):
                    self.assertEqual((curve["x"], curve["y"]), ([0.1, 0.3, 0.5], values))

    def test_one_disturbed_wave_of_three_does_not_move_a_fleet(self):
        run = Records()
        for repetition, disturbance in ((1, 20), (2, 10**9), (3, 0)):
            for dead in (10, 30):
                scenario = f"fleet:accepting={100 - dead},blackhole={dead}"
                times = [10_000 * dead + i + disturbance for i in range(400)]
                run.wave("epoll", repetition, "accepting", scenario, 9, times=times)
                run.wave("epoll", repetition, "blackhole", scenario, 9, times=[1], outcome="deadline_exceeded")
        curve = self.curves(self.section("fleet", run), "fleet-p99")[0]
        self.assertEqual((curve["x"], curve["y"]), ([0.1, 0.3], [100_000 + 395 + 20, 300_000 + 395 + 20]))

    def test_two_runs_keep_their_samples_apart(self):
        for number in (1, 2):
            Records().wave("epoll", times=[number * 100 + i for i in range(9)]).write(self.folder / f"run{number}")
        runs = runs_in([self.folder])
        material = Material(runs, lines_of(runs), sections.colour_order(runs), 800)
        (section,) = [one for one in sections.all_sections(material) if one["id"] == "latency"]
        found = {view["label"].partition(" ")[0]: view["data"]["latency"][0]["values"] for view in section["views"]}
        self.assertEqual(found, {f"run{number}": [number * 100 + i for i in range(9)] for number in (1, 2)})
