"""The tables about channels of gRPC, made of a pretended answer of grpc_channels."""

import json
import unittest

from connbench_tools.failures import Unusable
from connbench_tools.method import grpc_channels, laboratory
from made_packets import MS, STARTED, capture, packet
from made_runs import ENVIRONMENT, RunsTest

US, ROUNDS = 1_000, 8
DEAD, ALSO_DEAD = "198.18.128.2", "198.18.128.3"


def block(case, way, number, took_us, **changed):
    """One round of one way at one host: two attempts, one after the other."""
    one = {"case": case, "way": way, "round": number, "attempts": 2, "at_once": 1, "timeout_ns": 10 * 10**9}
    one |= {"ends": ["ready"] * 2, "took_ns": [took_us * US] * 2, "prepared_ns": [70 * US] * 2, "accepted": 2}
    return one | {"batches_ns": [took_us * US] * 2, "cpu_ns": 60 * US, "switches": 6, "threads": 9} | changed


def blocks(case, **took_us):
    return [block(case, way, number, took_us[way]) for way in took_us for number in range(1, ROUNDS + 1)]


def ended(end, case, timeout_ns=10 * 10**9, **took_us):
    found = blocks(case, **took_us)
    for one in found:
        one |= {"ends": [end] * 2, "timeout_ns": timeout_ns}
        del one["accepted"]
    return found


def watched(to, changes, min_timeout_ns=0):
    states = [{"after_ns": round(after * 10**9), "state": state} for after, state in changes]
    return {"host": "dead", "min_timeout_ns": min_timeout_ns, "to": f"{to}:7000", "changes": states} | {
        "begun_realtime_ns": STARTED,
        "length_ns": 42 * 10**9,
    }


class TablesTest(RunsTest):
    def answer(self, **changed):
        found = {"grpc": "1.51.1", "environment": ENVIRONMENT, "skipped": [], "watched": []}
        found["cpus"] = {"client": 0, "server": 1}
        found["blocks"] = [
            *blocks("near", connect=20, first_bytes=80, channel=240, awaited_channel=300),
            *blocks("far", connect=20_000, first_bytes=40_000, channel=40_200),
            *ended("failed", "refusing", connect=10, channel=100),
            *ended("deadline", "dead", 100 * MS, connect=100_060, channel=101_000, awaited_channel=101_200),
        ]
        found["held"] = [
            {"way": way, "held": 400, "ready": 400, "threads": 9, "bytes_each": size}
            for way, size in (("connect", 40), ("channel", 51_000))
            for _ in range(ROUNDS)
        ]
        found["calls"] = [{"way": "channel", "attempts": 2, "calls": {"epoll_wait": 12, "sendmsg": 4, "futex": 2}}]
        return found | changed

    def table(self, *timed, **changed):
        folder = self.folder / "grpc"
        folder.mkdir(exist_ok=True)
        (folder / grpc_channels.FILE).write_text(json.dumps(self.answer(**changed)))
        capture(folder / grpc_channels.PCAP, *timed)
        return laboratory.table("grpc", self.folder)

    def line(self, text, *words):
        (found,) = [line for line in text.splitlines() if all(word in line for word in words)]
        return [cell.strip() for cell in found.strip("|").split("|")]

    def test_compare_a_channel_with_both_bare_sockets(self):
        text = self.table()
        cells = self.line(text, "this machine, one", "until it is READY")
        self.assertEqual(cells[2:6], ["16 of 16", "240 (240–240)", "12.00 (12.00–12.00)", "3.00 (3.00–3.00)"])
        cells = self.line(text, "20 ms away", "until it is READY")
        self.assertEqual(cells[5], "1.00 (1.00–1.00)")  # every round was a little slower, by 0.5 %
        self.assertEqual(self.line(text, "this machine, one", "| `connect()` |")[4:6], ["-", "-"])
        self.assertIn("8 rounds.", text)

    def test_count_what_did_not_become_ready(self):
        found = self.answer()
        for one in found["blocks"]:
            if one["case"] == "near" and one["way"] == "channel":
                one |= {"ends": ["deadline", "ready"], "took_ns": [1 * US, 240 * US]}
        cells = self.line(self.table(blocks=found["blocks"]), "this machine, one", "until it is READY")
        self.assertEqual(cells[2:4], ["8 of 16", "240 (240–240)"])

    def test_show_what_each_costs(self):
        text = self.table()
        cells = self.line(text.partition("What each costs")[2], "until it is READY")
        self.assertEqual(cells[1:5], ["70.0 (70.0–70.0)", "3.00 (3.00–3.00)", "9", "51,000 (51,000–51,000)"])
        self.assertEqual(cells[5:], ["9.00", "`epoll_wait` 6.00, `sendmsg` 2.00, `futex` 1.00"])
        cells = self.line(text.partition("What each costs")[2], "| `connect()`, and")
        self.assertEqual([cells[1], *cells[4:]], ["-", "-", "-", "-"])

    def test_show_no_memory_of_channels_that_did_not_become_ready(self):
        held = [one | {"ready": 399} for one in self.answer()["held"]]
        costs = self.table(held=held).partition("What each costs")[2]
        self.assertEqual(self.line(costs, "until it is READY")[4], "-")

    def test_show_how_late_it_gives_up(self):
        text = self.table().partition("do not answer")[2]
        self.assertEqual(
            self.line(text, "dead: late after 100 ms", "WaitForConnected")[2:5],
            ["the deadline: 16 of 16", "1,200 (1,200–1,200)", "20.00 (20.00–20.00)"],
        )
        self.assertEqual(self.line(text, "refused", "a channel")[2:4], ["TRANSIENT_FAILURE: 16 of 16", "100 (100–100)"])

    def test_tell_the_tries_of_a_channel_from_repeated_syns(self):
        try_again = packet("198.18.0.1", DEAD, port=40_001)
        text = self.table(
            (0.4, packet("198.18.0.1", DEAD)),
            (1000, packet("198.18.0.1", DEAD)),
            (3000, packet("198.18.0.1", ALSO_DEAD)),
            (20_000, try_again),
            (21_000, try_again),
            watched=[watched(DEAD, [(0, "CONNECTING"), (20.01, "TRANSIENT_FAILURE"), (41, "TRANSIENT_FAILURE")])],
        )
        self.assertEqual(self.line(text, "| dead | not set")[2:], ["20.01", "0.00, 20.00"])
        self.assertIn("watched for 42 s", text)

    def test_say_what_the_figure_contains_and_what_is_missing(self):
        text = self.table(skipped=[{"what": "hosts that are far away or dead", "why": "no namespaces"}])
        self.assertIn("the resolver", text)
        self.assertIn("when the socket was connected", text)
        self.assertIn("Processors: client=0, which gRPC's threads share, server=1. Not measured", text)
        self.assertNotIn("Processors", self.table(cpus=None))
        self.assertTrue(text.endswith("Not measured: hosts that are far away or dead: no namespaces."))

    def test_say_when_channels_shared_connections(self):
        found = self.answer()
        found["blocks"][0]["accepted"] = 1
        self.assertIn("accepted 111 connections of 112 attempts", self.table(blocks=found["blocks"]))

    def test_refuse_an_answer_that_lacks_a_part(self):
        with self.assertRaisesRegex(Unusable, "measure it again"):
            self.table(blocks=[])


class ProgramTest(RunsTest):
    def pretend(self, script):
        program = self.folder / grpc_channels.PROGRAM
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def test_say_what_to_install_for_a_program_that_was_not_built(self):
        self.assertIsNone(laboratory.lacks("grpc", self.folder))
        (self.folder / "grpc_channels.absent").write_text("not built in: grpc++ was not found (apt-get install it)\n")
        reason = "grpc_channels is not built in: grpc\\+\\+ was not found \\(apt-get install it\\)$"
        self.assertRegex(laboratory.lacks("grpc", self.folder), reason)
        with self.assertRaisesRegex(Unusable, reason):
            laboratory.measure("grpc", self.folder, self.folder / "out", quick=True)

    def test_keep_the_answer_of_the_program(self):
        self.pretend('echo "$*" >&2; echo "{}"')
        laboratory.measure("grpc", self.folder, self.folder / "out", quick=True)
        self.assertEqual((self.folder / "out/grpc" / grpc_channels.FILE).read_text(), "{}\n")

    def test_refuse_a_program_that_broke(self):
        self.pretend("echo it broke >&2; exit 5")
        with self.assertRaisesRegex(Unusable, "ended with 5: it broke"):
            laboratory.measure("grpc", self.folder, self.folder / "out", quick=True)


if __name__ == "__main__":
    unittest.main()
