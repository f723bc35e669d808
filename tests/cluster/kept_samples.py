"""Tests of runs whose samples stay on the hosts, because there are many. cluster_test.py runs them."""

import math
import signal
import subprocess

from on_hosts import LOST_WITHIN, OnHosts, on, rows, words

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
ENOUGH = {"p50": 6, "p90": 36, "p99": 368, "p999": 3688, "max": 1}  # attempts, as results/README.md says


def nearest_rank(values, name):
    if len(values) < ENOUGH[name]:
        return ""
    return str(sorted(values)[max(1, math.ceil(QUANTILES[name] * len(values) - 1e-6)) - 1])


def took(sample):
    return int(sample["finished_ns"]) - int(sample["started_ns"])


def waits(sample):
    """How long a user waits; for ever for what does not connect."""
    connected = sample["outcome"] == "connected"
    return int(sample["finished_ns"]) - int(sample["scheduled_ns"]) if connected else math.inf


def late(sample):
    return int(sample["started_ns"]) - int(sample["scheduled_ns"])


class KeptSamples(OnHosts):
    def kept(self):
        """The samples of all hosts, by the files that run.json names."""
        facts = self.facts()
        self.assertTrue(facts["cluster"]["samples_on_hosts"])
        self.assertFalse((self.out / "samples.csv").exists())
        files = [host["samples"] for host in facts["cluster"]["hosts"] if host["does"] == "connects"]
        self.assertEqual(files, [f"{self.out}/samples.{rank}.csv" for rank in range(len(files))])
        return [rows(self.out, f"samples.{rank}.csv") for rank in range(len(files))]

    def assert_figures(self, row, samples):
        """The row of a summary has the figures of these samples, which are its."""
        connected = [sample for sample in samples if sample["outcome"] == "connected"]
        self.assertEqual(int(row["attempts"]), len(samples))
        self.assertEqual(int(row["connected"]), len(connected))
        for name in QUANTILES:
            self.assertEqual(row[f"{name}_ns"], nearest_rank(list(map(took, connected)), name), name)
            self.assertEqual(row[f"queue_{name}_ns"], nearest_rank(list(map(late, samples)), name), name)

    def test_only_summaries_travel_and_they_are_exact(self):
        load = ("--connector", "epoll", "--attempts", "1001", "--concurrency", "8", "--repetitions", "2")
        more = ("--arrival", "uniform:5000/s", "--percentiles", "75", "--keep-samples-above", "2001")
        out = self.fine(*load, *more)
        self.assertIn(f"samples: h0:{self.out}/samples.0.csv h1:{self.out}/samples.1.csv", out)
        hosts = self.kept()
        self.assertEqual([len(samples) for samples in hosts], [1002, 1000])
        for rank, samples in enumerate(hosts):
            self.assertEqual({(int(one["attempt"]) % 2, one["rank"]) for one in samples}, {(rank, str(rank))})
        facts = self.facts()
        self.assertTrue(facts["complete"])
        answered = {wave["repetition"]: wave for wave in facts["arrivals"]}
        chosen = {wave["repetition"]: wave["connecting_ns"]["p75"] for wave in facts["percentiles"]}
        for row in rows(self.out):
            every = [one for samples in hosts for one in samples if one["repetition"] == row["repetition"]]
            of_row = [one for one in every if row["rank"] in ("*", one["rank"])]
            self.assert_figures(row, of_row)
            first = min(int(one["scheduled_ns"]) for one in of_row)
            last = max(int(one["finished_ns"]) for one in of_row)
            self.assertEqual(int(row["makespan_ns"]), last - first)
            if row["rank"] != "*":
                continue
            response = nearest_rank(list(map(waits, every)), "p99")
            self.assertEqual(str(answered[int(row["repetition"])]["response_p99_ns"]), response)
            self.assertEqual(answered[int(row["repetition"])]["completed"], 1001)
            self.assertEqual(chosen[int(row["repetition"])], sorted(map(took, every))[math.ceil(0.75 * 1001) - 1])

    def test_no_more_samples_than_the_limit_are_brought_here(self):
        self.fine("--connector", "epoll", "--attempts", "101", "--concurrency", "8", "--repetitions", "2",
                  "--keep-samples-above", "202")  # fmt: skip
        self.assertFalse(self.facts()["cluster"]["samples_on_hosts"])
        self.assertEqual(len(rows(self.out, "samples.csv")), 202)
        self.assertEqual(list(self.out.glob("samples.?.csv")), [])

    def test_a_fleet_and_shards(self):
        self.fine("--connector", "epoll", "--mix", "accepting=75,refusing=25", "--shards", "2", "--attempts", "203",
                  "--concurrency", "8", "--repetitions", "1", "--keep-samples-above", "0",
                  "--percentiles", "30,90")  # fmt: skip
        every = [sample for samples in self.kept() for sample in samples]
        self.assertEqual(sorted(int(sample["attempt"]) for sample in every), list(range(203)))
        for sample in every:
            self.assertEqual(int(sample["shard"]), int(sample["attempt"]) // 2 % 2)
        for row in rows(self.out):
            self.assert_figures(row, [one for one in every if row["target"] in ("*", one["target"])
                                      and row["rank"] in ("*", one["rank"])])  # fmt: skip
        chosen = {wave["target"]: wave["response_ns"] for wave in self.facts()["percentiles"]}
        self.assertEqual(sorted(chosen), ["*", "accepting", "refusing"])
        for target, response in chosen.items():
            of_target = [one for one in every if target in ("*", one["target"])]
            waited = sorted(waits(one) for one in of_target)
            for name, share in (("p30", 0.3), ("p90", 0.9)):
                value = waited[math.ceil(share * len(waited) - 1e-6) - 1]
                self.assertEqual(response[name], None if value == math.inf else value, (target, name))

    def test_a_given_time_without_any_rows(self):
        self.fine("--connector", "epoll", "--duration", "200ms", "--concurrency", "4", "--repetitions", "1",
                  "--samples", "none", "--keep-samples-above", "0")  # fmt: skip
        made = {row["rank"]: row for row in rows(self.out)}
        for row in made.values():
            self.assertEqual(row["attempts"], row["connected"])  # none was wanted and never started
        self.assertEqual(int(made["*"]["attempts"]), int(made["0"]["attempts"]) + int(made["1"]["attempts"]))
        self.assertTrue(made["*"]["p50_ns"])
        self.assertEqual([host.get("samples") for host in self.facts()["cluster"]["hosts"]], [None] * 3)
        self.assertEqual(list(self.out.glob("samples*")), [])

    def test_the_folder_has_the_same_path_on_every_host(self):
        command = words("h0", None, "--connector", "epoll", "--attempts", "9", "--concurrency", "2",
                        "--repetitions", "1", "--keep-samples-above", "0")  # fmt: skip
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (self.out,) = (self.folder / "results").iterdir()
        self.assertEqual(self.facts()["run_id"], self.out.name)
        self.assertEqual(len(self.kept()[0]), 9)

    def on_h1_the_folder_is(self, options, then="true"):
        self.out.mkdir()
        done = on("h1", f"mount -t tmpfs {options} tmpfs {self.out} && {then}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(on, "h1", f"umount {self.out}")

    def refused(self, why):
        status, out, err = self.run_it("--connector", "epoll", "--concurrency", "8", "--keep-samples-above", "0")
        self.assertEqual(status, 3, out + err)
        self.assertRegex(err, f"h1: .*{why}")
        self.assertEqual(list(self.out.iterdir()), [])

    def test_a_folder_that_has_samples_of_an_earlier_run(self):
        self.on_h1_the_folder_is("", f"touch {self.out}/samples.7.csv.zst")
        self.refused(r"already holds a run \(samples.7.csv.zst\)")

    def test_a_folder_that_cannot_be_written(self):
        self.on_h1_the_folder_is("-o ro")
        self.refused("cannot write to the folder")

    def test_a_disk_that_is_full(self):
        self.on_h1_the_folder_is("-o size=256k")
        status, out, err = self.run_it("--connector", "epoll", "--attempts", "10000", "--concurrency", "8",
                                       "--repetitions", "3", "--keep-samples-above", "0")  # fmt: skip
        self.assertEqual(status, 5, out + err)
        self.assertIn(f"{self.out}/samples.1.csv: No space left on device", err)
        self.assertFalse(self.facts()["complete"])

    LONG = ("--connector", "epoll", "--attempts", "1000", "--concurrency", "8", "--arrival", "uniform:2000/s",
            "--repetitions", "100", "--keep-samples-above", "0")  # fmt: skip

    def test_ctrl_c_records_what_was_measured(self):
        process = self.start(*self.LONG)
        self.wait_for_waves(process, 4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LOST_WITHIN)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertFalse(self.facts()["complete"])
        every = [sample for samples in self.kept() for sample in samples]
        whole = [row for row in rows(self.out) if row["rank"] == "*" and row["connected"] == "1000"]
        self.assertGreaterEqual(len(whole), 1)
        for row in whole:
            self.assert_figures(row, [one for one in every if one["repetition"] == row["repetition"]])

    def test_a_host_that_is_lost_takes_its_samples_with_it(self):
        process = self.start(*self.LONG)
        self.wait_for_waves(process, 1)
        on("h1", "pkill -KILL -f '[c]onnbench cluster-worker .*--name h1'")
        out, err = process.communicate(timeout=LOST_WITHIN)
        self.assertEqual(process.returncode, 5, out + err)
        self.assertEqual([loss["host"] for loss in self.facts()["cluster"]["lost"]], ["h1"])
        last = {row["rank"]: row for row in rows(self.out)[-3:]}
        self.assertEqual(sorted(last), ["*", "0", "1"])
        self.assertEqual([last[rank]["attempts"] for rank in ("0", "1", "*")], ["500", "500", "1000"])
        self.assertEqual(int(last["*"]["connected"]), int(last["0"]["connected"]) + int(last["1"]["connected"]))

    def test_the_files_can_be_put_together(self):
        self.fine("--connector", "epoll", "--attempts", "50", "--concurrency", "4", "--repetitions", "2",
                  "--keep-samples-above", "0")  # fmt: skip
        together = "head -n 1 samples.0.csv >samples.csv && tail -q -n +2 samples.[0-9]*.csv >>samples.csv"
        subprocess.run(["sh", "-c", together], cwd=self.out, check=True)
        samples = rows(self.out, "samples.csv")
        self.assertEqual(sorted(int(sample["attempt"]) for sample in samples), sorted([*range(50), *range(50)]))
