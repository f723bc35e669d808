"""What the tests of connbench cluster share: its command line, and what a run leaves on hosts and in its folder."""

import csv
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

AGENT = os.environ.get("CONNBENCH_AGENT")
PROGRAMS = Path(os.environ.get("CONNBENCH_PROGRAMS", ""))
LOST_WITHIN = 30  # seconds; what a loss takes at most, on a busy machine too
# For pgrep on a host, which may share its processes with the others.
RANK_OF_THIS_HOST = "--ns $$ --nslist net -x connbench-mpi"


def words(hosts="h0,h1", serve="h2", *more):
    """The command line of a run, and the folder of its records is the last word."""
    served = ["--serve", serve] if serve else []
    run = [PROGRAMS / "connbench", "cluster", "run", "--host", hosts, *served, "--agent", AGENT, "--syscalls", "off"]
    return [*map(str, run), "--quiet", *more]


def on(host, command):
    return subprocess.run([*AGENT.split(), host, command], capture_output=True, text=True, timeout=30, check=False)


def rows(folder, name="summary.csv"):
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class OnHosts(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.out = self.folder / "run"
        self.addCleanup(shutil.rmtree, self.folder)
        self.addCleanup(self.nothing_is_left)

    def nothing_is_left(self):
        """No process 5 s after the end, on any host, and no file."""
        deadline = time.monotonic() + 5
        left = "?"
        while left and time.monotonic() < deadline:
            lines = "".join(on(host, "ps -e -o stat=,comm=").stdout for host in ("h0", "h1", "h2")).splitlines()
            # Nobody waits for orphans in this PID namespace.
            ours = re.compile("[^Z][^ ]* +(connbench|orted|mpirun|srun|slurmstepd)")
            left = "\n".join(line for line in lines if ours.match(line))
            if left:
                time.sleep(0.1)
        self.assertEqual(left, "")
        self.assertEqual([*Path(os.environ["ROOM"], "tmp").iterdir(), *Path("/dev/shm").iterdir()], [])

    def command(self, hosts, serve):
        return words(hosts, serve)

    def start(self, *more, hosts="h0,h1", serve="h2"):
        command = [*self.command(hosts, serve), "--out", str(self.out), *more]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_it(self, *more, hosts="h0,h1", serve="h2"):
        process = self.start(*more, hosts=hosts, serve=serve)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def facts(self):
        return json.loads((self.out / "run.json").read_text(encoding="utf-8"))

    def wait_for_waves(self, process, count):
        """Waits until so many rows are recorded."""
        file, deadline = self.out / "summary.csv", time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if file.exists() and len(file.read_text(encoding="utf-8").splitlines()) > count:
                return
            time.sleep(0.05)
        self.fail(f"no wave was recorded: {process.communicate()}")

    def fine(self, *more, hosts="h0,h1", serve="h2"):
        if "--timeout" not in more:
            more = (*more, "--timeout", "10s")  # a SYN that finds a queue full is sent again after 1 s
        for _ in range(10):
            status, out, err = self.run_it(*more, hosts=hosts, serve=serve)
            if status != 1 or "after the instant that all hosts had agreed on" not in out:
                break
            shutil.rmtree(self.out)  # the machine was too busy: a part of a wave that begins late has failed, rightly
        self.assertEqual(status, 0, out + err)
        return out
