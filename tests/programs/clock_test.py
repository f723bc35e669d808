"""The times that programs report, against the packets: no handshake begins before its `started`, or ends after its
`finished`, by more than the bound of the program's clock.

Usage: clock_test.py BUILD_FOLDER. Exit status: that of unittest, or 77 when no program is built or there is no lab.
"""

import csv
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(sys.argv[1]).resolve()
CONNBENCH = BUILD / "bin/connbench"
ATTEMPTS = 60
MOST = 10_000  # ns: what a clock may be off, its relation to that of the packets included
SYN, ACK = 0x02, 0x10
SKIPPED = 77


def offset_of_realtime():
    """CLOCK_REALTIME, which stamps packets, less CLOCK_MONOTONIC; and the bound of its error."""
    readings = []
    for _ in range(2000):
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, real - (before + after) // 2))
    width, offset = min(readings)
    return offset, width // 2 + 1


def segments(path):
    """Yields (time, source port, destination port, flags) of each TCP segment in a capture of the lab, over IPv4."""
    data = path.read_bytes()
    magic, *_, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, link) == (0xA1B23C4D, 276), "nanoseconds, and Linux cooked v2"
    at = 24
    while at < len(data):
        seconds, nanoseconds, length, _ = struct.unpack_from("<IIII", data, at)
        packet = data[at + 16 : at + 16 + length]
        at += 16 + length
        ip = packet[20:]
        if struct.unpack_from(">H", packet)[0] != 0x0800 or ip[9] != 6:
            continue
        tcp = ip[4 * (ip[0] & 15) :]
        yield seconds * 10**9 + nanoseconds, *struct.unpack_from(">HH", tcp), tcp[13]


def handshakes(path):
    """(when it began, when it ended) of each handshake, in order: the SYN, and the client's ACK."""
    begun, found = {}, []
    for stamp, source, destination, flags in segments(path):
        if flags == SYN:
            begun[source, destination] = stamp
        elif flags & ACK and not flags & SYN and (source, destination) in begun:
            found.append((begun.pop((source, destination)), stamp))
    return sorted(found)


def programs():
    listed = subprocess.run([CONNBENCH, "list", "--format", "json"], stdout=subprocess.PIPE, check=True)
    entries = json.loads(listed.stdout)["connectors"]
    return [entry["name"] for entry in entries if entry["group"] == "programs" and entry["available"]]


class Clocks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_all(self):
        """(samples by connector, handshakes, error bounds by connector); the packets' times are of CLOCK_MONOTONIC."""
        out, packets = self.folder / "out", self.folder / "packets.pcap"
        command = [CONNBENCH, "run", "--quiet", "--connector", ",".join(PROGRAMS), "--target", "accepting"]
        command += ["--concurrency", "1", "--attempts", str(ATTEMPTS), "--repetitions", "1", "--timeout", "10s"]
        command += ["--wave-limit", "100s", "--syscalls", "off", "--samples", "all", "--pcap", packets, "--out", out]
        offset, error = offset_of_realtime()
        ended = subprocess.run(command, capture_output=True, text=True)
        offset_after, error_after = offset_of_realtime()
        if ended.returncode == 3:
            self.skipTest(ended.stderr)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        if abs(offset_after - offset) > error + error_after:
            self.skipTest("the time of day was set meanwhile")
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        if record["lab"] is None:
            self.skipTest("there is no lab here")
        self.assertEqual(record["lab"]["capture"]["drops"], 0)
        origin = record["origin"]["monotonic_ns"]
        samples = {name: [] for name in PROGRAMS}
        with open(out / "samples.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                self.assertEqual(row["outcome"], "connected", row)
                samples[row["connector"]].append(
                    tuple(origin + int(row[stamp]) for stamp in ("started_ns", "finished_ns"))
                )
        bounds = {name: error + record["connectors"][name]["program"]["clock_error_ns"] for name in PROGRAMS}
        return samples, [(begin - offset, end - offset) for begin, end in handshakes(packets)], bounds

    def test_hold_every_handshake_between_started_and_finished(self):
        samples, shaken, bounds = self.run_all()
        for name in PROGRAMS:
            with self.subTest(program=name):
                bound, stamps = bounds[name], sorted(samples[name])
                self.assertLessEqual(bound, MOST)
                # Of the wave and not of its warm-up. Half of the time from the last warm-up is left to the bound.
                first, last = stamps[0][0] - MOST, stamps[-1][1] + MOST
                own = [shake for shake in shaken if first <= shake[1] and shake[0] <= last]
                self.assertEqual((len(stamps), len(own)), (ATTEMPTS, ATTEMPTS))
                early = max(started - begin for (started, _), (begin, _) in zip(stamps, own))
                late = max(end - finished for (_, finished), (_, end) in zip(stamps, own))
                print(f"{name}: bound {bound} ns; begins {-early} ns after started, ends {-late} ns before finished")
                self.assertLessEqual(early, bound, "a handshake begins before its started")
                self.assertLessEqual(late, bound, "a handshake ends after its finished")


if __name__ == "__main__":
    PROGRAMS = programs()
    if not PROGRAMS:
        print("no program is built (target runtimes)")
        sys.exit(SKIPPED)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
