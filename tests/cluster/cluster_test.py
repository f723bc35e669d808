#!/usr/bin/env python3
"""connbench cluster on several hosts, which are namespaces of this machine (tests/cluster/hosts).

cluster_test.py BUILD [--agent nsenter|ssh] [--skew SECONDS] [--slurm] CLASS...: the tests of these classes. Exit
status 77: something that they need is missing here; the reason is printed.
"""

import argparse
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from kept_samples import KeptSamples  # noqa: F401  one of the classes
from on_hosts import AGENT, LOST_WITHIN, PROGRAMS, RANK_OF_THIS_HOST, OnHosts, on, rows, words
from on_slurm import OnSlurm  # noqa: F401  another one

HERE = Path(__file__).resolve().parent


class Runs(OnHosts):
    def test_two_hosts_connect_to_a_third(self):
        load = ("--attempts", "1001", "--concurrency", "8", "--repetitions", "2")
        out = self.fine("--connector", "epoll,blocking", *load, "--by-host")
        self.assertRegex(out, "by host:\n(.*\n)* *epoll on h0 .*\n *epoll on h1 ")
        facts = self.facts()
        self.assertTrue(facts["complete"])
        self.assertEqual(facts["failures"], [])
        told = {host["name"]: host["does"] for host in facts["cluster"]["hosts"]}
        self.assertEqual(told, {"h0": "connects", "h1": "connects", "h2": "serves"})
        waves = {}
        for row in rows(self.out):
            waves.setdefault((row["connector"], row["repetition"]), {})[row["rank"]] = row
        self.assertEqual(len(waves), 4)
        for wave in waves.values():
            self.assertEqual(sorted(wave), ["*", "0", "1"])
            self.assertEqual([wave[rank]["attempts"] for rank in ("0", "1", "*")], ["501", "500", "1001"])
            self.assertEqual([wave[rank]["connected"] for rank in ("0", "1", "*")], ["501", "500", "1001"])
            # No server is on a host that connects.
            self.assertEqual([bool(wave[rank]["server_cpu_ns"]) for rank in ("0", "1", "*")], [False, False, True])
        samples = rows(self.out, "samples.csv")
        self.assertEqual(len(samples), 4 * 1001)
        for sample in samples:
            self.assertEqual(int(sample["rank"]), int(sample["attempt"]) % 2)
            self.assertEqual(sample["outcome"], "connected")

    def test_clocks_are_compared_within_a_bound_before_and_after_each_wave(self):
        self.fine("--connector", "epoll", "--attempts", "200", "--concurrency", "4", "--repetitions", "3")
        for host in self.facts()["cluster"]["hosts"]:
            if host["does"] == "serves":
                continue
            self.assertEqual(len(host["clocks"]), 3)
            for reading in host["clocks"]:
                skew = 1e9 * int(os.environ["CONNBENCH_SKEW"]) * host["rank"]
                self.assertLessEqual(abs(reading["offset_ns"] - skew), reading["bound_ns"] + 1000)
                self.assertLess(reading["bound_ns"], 10e6)

    def test_the_hosts_of_a_wave_begin_at_one_instant(self):
        self.fine("--connector", "epoll", "--attempts", "200", "--concurrency", "4", "--arrival", "uniform:2000/s")
        by_wave = {}
        for row in rows(self.out):
            by_wave.setdefault(row["wave"], set()).add(row["wave_started_ns"])
        spread = [max(map(int, started)) - min(map(int, started)) for started in by_wave.values()]
        bounds = [
            reading["bound_ns"] for host in self.facts()["cluster"]["hosts"] for reading in host.get("clocks", ())
        ]
        self.assertLessEqual(max(spread), 3 * max(bounds))

    def test_all_targets_that_can_be_served(self):
        targets = "accepting,speaking-first,closing-first,resetting,refusing,backlog-full,slow-accept,overflowing"
        out = self.fine("--connector", "epoll", "--target", targets, "--attempts", "40", "--concurrency", "8",
                        "--timeout", "300ms", "--repetitions", "1")  # fmt: skip
        self.assertEqual(
            {row["target"] for row in rows(self.out)}, {*targets.split(",")[:6], "slow-accept:1ms", "overflowing:8"}
        )
        self.assertNotIn("unexpected", out)

    def test_shards_and_a_fleet_add_up(self):
        self.fine("--connector", "epoll", "--mix", "accepting=75,refusing=25", "--shards", "2", "--attempts", "103",
                  "--concurrency", "8", "--repetitions", "1")  # fmt: skip
        by = {(row["target"], row["rank"]): row for row in rows(self.out)}
        self.assertEqual(int(by["*", "*"]["attempts"]), 103)
        self.assertEqual(int(by["*", "0"]["attempts"]) + int(by["*", "1"]["attempts"]), 103)
        self.assertEqual(int(by["accepting", "*"]["connected"]) + int(by["refusing", "*"]["refused"]), 103)
        samples = rows(self.out, "samples.csv")
        self.assertEqual(sorted(int(sample["attempt"]) for sample in samples), list(range(103)))
        for sample in samples:
            self.assertEqual(int(sample["shard"]), int(sample["attempt"]) // 2 % 2)

    def test_several_rates_are_cases_of_their_own(self):
        self.fine("--connector", "epoll", "--attempts", "100", "--concurrency", "4", "--repetitions", "1",
                  "--arrival", "uniform:500/s,1000/s")  # fmt: skip
        due = {}
        for sample in rows(self.out, "samples.csv"):
            due.setdefault(sample["scenario"], {})[int(sample["attempt"])] = int(sample["scheduled_ns"])
        lasted = {name: times[98] - times[0] for name, times in due.items()}  # both made by the same host
        self.assertEqual(lasted, {"steady:uniform:500/s": 196e6, "steady:uniform:1000/s": 98e6})

    @unittest.skipUnless(shutil.which("zstd"), "zstd is not installed")
    def test_a_closed_loop_for_a_given_time(self):
        self.fine("--connector", "epoll", "--duration", "200ms", "--concurrency", "4", "--repetitions", "2",
                  "--percentiles", "50,99", "--samples-format", "zst", "--local-port")  # fmt: skip
        made = {}
        for row in rows(self.out):
            self.assertEqual(row["attempts"], row["connected"])  # none was wanted and never started
            made.setdefault(row["repetition"], {})[row["rank"]] = int(row["attempts"])
        for wave in made.values():
            self.assertEqual(wave["*"], wave["0"] + wave["1"])
            self.assertGreater(min(wave.values()), 0)
        plain = subprocess.run(
            ["zstd", "-dcq", self.out / "samples.csv.zst"], capture_output=True, text=True, check=True
        )
        samples = list(csv.DictReader(plain.stdout.splitlines()))
        self.assertEqual(len(samples), sum(wave["*"] for wave in made.values()))
        for sample in samples:
            self.assertEqual(int(sample["rank"]), int(sample["attempt"]) % 2)
            self.assertTrue(sample["local_port"])
        facts = self.facts()
        self.assertEqual([sorted(wave["connecting_ns"]) for wave in facts["percentiles"]], 2 * [["p50", "p99"]])
        self.assertEqual(facts["fitness"]["processors"] % 3, 0)  # the sum of three hosts, which are one machine
        self.assertIsNotNone(facts["fitness"]["ready_threads"])

    def arrivals(self, hosts):
        shutil.rmtree(self.out, ignore_errors=True)
        load = ("--attempts", "300", "--concurrency", "6", "--arrival", "poisson:3000/s")
        self.fine("--connector", "epoll", "--repetitions", "1", "--seed", "7", *load, hosts=hosts, serve=None)
        begun = {
            row["rank"]: int(row["wave_started_ns"]) for row in rows(self.out)
        }  # of each, on its clock as it was known
        samples = rows(self.out, "samples.csv")
        return {int(row["attempt"]): int(row["scheduled_ns"]) - begun[row["rank"]] for row in samples}

    def test_the_same_seed_gives_the_same_arrivals_on_one_two_and_three_hosts(self):
        one, two, three = map(self.arrivals, ("h0", "h0,h1", "h0,h1,h2"))
        self.assertEqual(one, two)
        self.assertEqual(one, three)

    def test_every_host_has_its_own_lab(self):
        self.fine("--connector", "epoll", "--target", "blackhole", "--attempts", "40", "--concurrency", "40",
                  "--timeout", "100ms", "--repetitions", "1", serve=None)  # fmt: skip
        overall = rows(self.out)[-1]
        self.assertEqual(overall["deadline_exceeded"], "40")
        self.assertEqual(self.facts()["network"], "lab")

    def test_each_host_makes_a_whole_run(self):
        out = self.fine("--each-host", "--connector", "epoll,poll", "--attempts", "100", "--concurrency", "8",
                        "--seed", "7", serve=None)  # fmt: skip
        folders = [self.out / name for name in ("h0", "h1")]
        self.assertIn(f"records: {folders[0]} {folders[1]}", out)
        orders = []
        for folder in folders:
            facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            self.assertTrue(facts["complete"])
            self.assertNotIn("cluster", facts)
            orders.append([(row["connector"], row["repetition"], row["connected"]) for row in rows(folder)])
            self.assertNotIn("rank", rows(folder)[0])
        self.assertEqual(orders[0], orders[1])
        compare = [PROGRAMS / "connbench", "compare", "--across", *folders]
        compared = subprocess.run(compare, capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(compared.returncode, (0, 1, 4), compared.stderr)  # equal, not equal, unstable


class DryRuns(unittest.TestCase):
    LOAD = ("--connector", "epoll", "--attempts", "10000000", "--concurrency", "10000000", "--serve", "s1,s2")

    def plan(self, limits, *more):
        hosts = ",".join(f"n{i}" for i in range(1, 21))
        command = words(hosts, None, *self.LOAD, "--dry-run", "--limits", limits, *more)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_of_ten_million_attempts_on_twenty_hosts(self):
        done = self.plan("descriptors=1048576,ports=28232,memory=64GiB")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split() for line in done.stdout.splitlines() if re.match(" *n[0-9]+ ", line)]
        self.assertEqual([line[0] for line in lines], [f"n{i}" for i in range(1, 21)])
        self.assertEqual({line[1] for line in lines}, {"500,000"})
        self.assertIn("nothing that is known would stop it", done.stdout)
        kept = "Every host keeps its own samples, because there are 50,000,000: samples.0.csv, and so on."
        self.assertIn(kept, " ".join(done.stdout.split()))

    def test_says_what_would_stop_it(self):
        done = self.plan("descriptors=65536,ports=1000,memory=1GiB", "--addresses", "1")
        self.assertEqual(done.returncode, 3, done.stderr)
        for what in ("descriptors in a shard", "ports towards one address", "bytes of memory"):
            self.assertRegex(done.stdout, rf"would stop it on n1 and 19 others: [0-9,]+ {what}")


class Ends(OnHosts):
    """What happens when something breaks. Every wave of these runs takes a while, and there are many."""

    LONG = ("--connector", "epoll", "--attempts", "1000", "--concurrency", "8", "--arrival", "uniform:2000/s")

    def broken(self, do, *more):
        """The exit status of a run during which `do` is done after the first wave, its facts and its messages."""
        process = self.start(*self.LONG, "--repetitions", "100", *more)
        self.wait_for_waves(process, 1)
        do()
        out, err = process.communicate(timeout=LOST_WITHIN)
        return process.returncode, self.facts(), out + err

    def lost(self, do):
        status, facts, said = self.broken(do)
        self.assertEqual(status, 5, said)
        self.assertFalse(facts["complete"])
        self.assertIn("h1", [loss["host"] for loss in facts["cluster"]["lost"]])
        self.assertIn("h1", said)
        self.assertGreaterEqual(len(rows(self.out)), 3)

    def test_a_worker_is_killed(self):
        self.lost(lambda: on("h1", "pkill -KILL -f '[c]onnbench cluster-worker .*--name h1'"))

    def test_a_new_run_goes_on_without_the_host_that_was_lost(self):
        process = self.start(*self.LONG, "--repetitions", "4", "--continue-without")
        self.wait_for_waves(process, 1)
        on("h1", f"pkill -KILL {RANK_OF_THIS_HOST}")
        out, err = process.communicate(timeout=60)
        late = "after the instant that all hosts had agreed on" in out  # on a busy machine
        self.assertEqual(process.returncode, 1 if late else 0, out + err)
        self.assertIn("a new run begins without h1", err)
        self.assertFalse(self.facts()["complete"])
        self.out = self.folder / "run.2"
        facts = self.facts()
        self.assertTrue(facts["complete"])
        self.assertEqual([host["name"] for host in facts["cluster"]["hosts"]], ["h0", "h2"])
        self.assertIn("this run was begun after others had lost h1", json.dumps(facts["warnings"]))
        connected = [row["connected"] for row in rows(self.out) if row["rank"] == "*"]
        self.assertEqual(len(connected), 4)
        self.assertLessEqual(set(connected), {"1000", "0"} if late else {"1000"})

    def test_no_host_that_serves_is_left(self):
        process = self.start(*self.LONG, "--repetitions", "100", "--continue-without")
        self.wait_for_waves(process, 1)
        on("h2", f"pkill -KILL {RANK_OF_THIS_HOST}")
        out, err = process.communicate(timeout=LOST_WITHIN)
        self.assertEqual(process.returncode, 5, out + err)
        self.assertIn("without h2, too few hosts are left", err)

    def test_a_rank_is_killed(self):
        self.lost(lambda: on("h1", f"pkill -KILL {RANK_OF_THIS_HOST}"))

    def test_a_rank_is_stopped(self):
        self.lost(lambda: on("h1", f"pkill -STOP {RANK_OF_THIS_HOST}"))

    def test_the_link_is_cut(self):
        self.addCleanup(lambda: subprocess.run(["nsenter", "-t", Path(os.environ["ROOM"], "h1.pid").read_text().strip(),
                        "--net", "ip", "link", "set", "eth0", "up"], check=False))  # fmt: skip
        self.lost(lambda: subprocess.Popen([*AGENT.split(), "h1", "ip link set eth0 down"]))

    def test_mpirun_is_killed(self):
        status, facts, said = self.broken(lambda: subprocess.run(["pkill", "-KILL", "-x", "mpirun"], check=True))
        self.assertEqual(status, 5, said)
        self.assertFalse(facts["complete"])

    def test_a_wave_child_that_dies_is_a_failed_part(self):
        worker = f"$(pgrep -P $(pgrep {RANK_OF_THIS_HOST}) -x connbench)"
        child = f"until pkill -KILL -P {worker}; do sleep 0.01; done"  # there is none between two waves
        process = self.start(*self.LONG, "--repetitions", "6")
        self.wait_for_waves(process, 1)
        on("h1", child)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out + err)
        facts = self.facts()
        self.assertTrue(facts["complete"])
        failures = [one["failure"] for one in facts["failures"]]  # on a busy machine, other waves begin late
        self.assertTrue(any("h1: killed by signal 9" in failure for failure in failures), failures)

    def test_ctrl_c_records_what_was_measured(self):
        process = self.start(*self.LONG, "--repetitions", "100")
        self.wait_for_waves(process, 4)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertFalse(self.facts()["complete"])
        self.assertGreaterEqual(len(rows(self.out)), 3)

    def test_the_conductor_is_killed(self):
        process = self.start(*self.LONG, "--repetitions", "100")
        self.wait_for_waves(process, 1)
        process.kill()
        process.communicate()


class Starts(OnHosts):
    """What keeps a job from starting: nothing is measured, and there are no records."""

    def refused(self, wanted, *more, hosts="h0,h1", serve="h2"):
        status, out, err = self.run_it("--connector", "epoll", "--concurrency", "8", *more, hosts=hosts, serve=serve)
        self.assertEqual(status, 3, out + err)
        self.assertRegex(err, wanted)
        self.assertFalse(self.out.exists())

    def test_a_host_that_is_not_there(self):
        self.refused("h9: ", hosts="h0,h9")

    def test_no_folder_for_the_files_of_open_mpi(self):
        self.refused("cannot create a folder for Open MPI's files in /none", "--mca", "orte_tmpdir_base=/none")

    def on_h1(self, change):
        """A folder of the programs that is another one on h1."""
        place = Path(os.environ["ROOM"], "programs")
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name in ("connbench", "connbench-mpi"):
            shutil.copy2(PROGRAMS / name, place / name)
        other = "/tmp/other"
        done = on("h1", f"mkdir -p {other} && cp {place}/* {other} && {change} && mount --bind {other} {place}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.addCleanup(on, "h1", f"umount {place}; rm -r {other}")
        return ("--programs", str(place))

    def test_a_program_missing_on_one_host(self):
        self.refused("h1: .*connbench-mpi is not there", *self.on_h1("rm /tmp/other/connbench-mpi"))

    def test_another_version_on_one_host(self):
        commit = subprocess.run(
            [PROGRAMS / "connbench", "--version"], capture_output=True, text=True, check=True
        ).stdout
        commit = re.search("commit +(.*)", commit).group(1)
        other = "x" * len(commit)
        program = f"#!/bin/sh\n/tmp/other/real \"$@\" | LC_ALL=C sed 's/{commit}/{other}/g'\n"
        Path(os.environ["ROOM"], "liar").write_text(program, encoding="utf-8")
        change = "cd /tmp/other && mv connbench real && cp $ROOM/liar connbench && chmod +x connbench"
        self.refused(f"h1 has connbench .*{other}", *self.on_h1(change.replace("$ROOM", os.environ["ROOM"])))


class Checks(OnHosts):
    def check(self, *more):
        command = [PROGRAMS / "connbench", "cluster", "check", "--agent", AGENT, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_all_hosts_are_fine(self):
        done = self.check("--host", "h0,h1", "--serve", "h2")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, "h0 .*\n.*h1 .*\n.*h2 ")
        self.assertIn("a run can begin on all of these hosts", done.stdout)

    def test_one_is_not_there(self):
        done = self.check("--host", "h0,h9")
        self.assertEqual(done.returncode, 3)
        self.assertIn("no such host" if "agent" in AGENT else "h9", done.stdout)


def missing(build, agent, skew, slurm):
    """Why these tests cannot run here."""
    if not (build / "bin" / "connbench-mpi").exists():
        return "connbench-mpi is not built: apt-get install libopenmpi-dev"
    for program in ("mpirun", "ip", "nsenter", *(["/usr/sbin/sshd"] if agent == "ssh" else [])):
        if not shutil.which(program):
            return f"{program} is missing: apt-get install openmpi-bin iproute2 util-linux openssh-server"
    if (agent == "ssh" or skew or slurm) and os.geteuid() != 0:
        return "sshd, Slurm and clocks of one's own are for root"
    for program in ("slurmctld", "slurmd", "srun") if slurm else ():
        if not shutil.which(program):
            return f"{program} is missing: apt-get install slurmctld slurmd slurm-client"
    hosts = [HERE / "hosts", "--agent", agent, "--skew", str(skew), "1", "true"]
    tried = subprocess.run(hosts, capture_output=True, text=True, timeout=60, check=False)
    if tried.returncode != 0:
        return f"no hosts can be made here: {tried.stderr.strip().splitlines()[-1:]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--agent", default="nsenter")
    parser.add_argument("--skew", type=int, default=0)
    parser.add_argument("--slurm", action="store_true")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("names", nargs="+", metavar="CLASS")
    given = parser.parse_args()
    if AGENT:
        unittest.main(argv=["cluster_test", *(["-v"] if given.v else []), *given.names])
    why = missing(given.build, given.agent, given.skew, given.slurm)
    if why:
        print(f"skipped: {why}")
        sys.exit(77)
    environment = {
        **os.environ,
        "CONNBENCH_PROGRAMS": str(given.build.resolve() / "bin"),
        "CONNBENCH_SKEW": str(given.skew),
    }
    hosts = [HERE / "hosts", "--agent", given.agent, "--skew", str(given.skew), "3"]
    slurm = [HERE / "slurm", "3"] if given.slurm else []
    os.execvpe(hosts[0], [*map(str, [*hosts, *slurm]), sys.executable, "-B", *sys.argv], environment)


if __name__ == "__main__":
    main()
