"""What every connector in another language must do, over the protocol alone (docs/programs.md): it is started, given
waves, and its records are compared with what the other end saw.

  tests/runtimes/programs_test.py PROGRAMS_FOLDER NAME [Class.test]

Exit status: that of unittest, or 77 when the program was not built.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import sys
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from connbench_tools.dialogue import Dialogue, Full, accept_all, address, describe, listener  # noqa: E402

MS = 1_000_000
LONG = 120_000 * MS  # a timeout that no test waits for

# What a timeout of 0 means to them at a host that never answers, if it does not end the attempt (docs/runtimes.md).
# "cancelled": they wait for ever.
MEANING_OF_0 = {
    **dict.fromkeys(["go-dialer", "java-threads", "java-virtual-threads", "netty", "netty-epoll"], "cancelled"),
    **dict.fromkeys(["python-threads", "gevent"], "EINPROGRESS"),
    "rust-threads": "other:InvalidInput",
}


def refusing():
    """An address whose port is bound, so that nobody gets it, and not listened on."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


def ending(connection):
    """What the other end did: "open", "fin" or "rst"."""
    try:
        return "fin" if connection.recv(1) == b"" else "data"
    except BlockingIOError:
        return "open"
    except ConnectionResetError:
        return "rst"


def most_at_once(records):
    events = sorted([(r.started, 1) for r in records] + [(r.finished, 0) for r in records])
    now = most = 0
    for _, begins in events:
        now += 1 if begins else -1
        most = max(most, now)
    return most


class Program(unittest.TestCase):
    program = None

    @classmethod
    def setUpClass(cls):
        cls.described = describe(cls.program)

    def setUp(self):
        self.server = listener()
        self.addCleanup(self.server.close)

    def full(self):
        full = Full()
        self.addCleanup(full.close)
        return full

    def accept(self, server):
        accepted = accept_all(server)
        for connection in accepted:
            self.addCleanup(connection.close)
        return accepted

    def dialogue(self, hosts, attempts, **wave):
        dialogue = Dialogue(self.program, {"hosts": hosts, "attempts": attempts, "in_flight": 4, **wave})
        self.addCleanup(dialogue.end)
        return dialogue

    def wave(self, hosts, attempts, **wave):
        """A whole wave, with what holds for each one: (dialogue, records by id)."""
        dialogue = self.dialogue(hosts, attempts, **wave)
        dialogue.start()
        dialogue.await_done()
        return dialogue, self.records(dialogue)

    def records(self, dialogue):
        records = dialogue.report()
        self.assertEqual(sorted(r.id for r in records), list(range(dialogue.wave["attempts"])))
        self.assertEqual(dialogue.errors(), "", "stderr")
        self.assertEqual(dialogue.status, 0)
        bound = dialogue.clock_error
        self.assertLessEqual(bound, 10_000)
        for record in records:
            if (record.started, record.finished) != (0, 0):
                self.assertLessEqual(dialogue.origin, record.started + bound, record)
                self.assertLessEqual(record.started, record.finished, record)
                self.assertLessEqual(record.finished, dialogue.done + bound, record)
        begun = [r for r in records if r.started]
        self.assertLessEqual(most_at_once(begun), dialogue.wave["in_flight"])
        return sorted(records, key=lambda record: record.id)

    def outcomes(self, *wave, **more):
        return [record.outcome for record in self.wave(*wave, **more)[1]]

    def test_describes_itself(self):
        self.assertEqual(self.described["protocol"], 1)
        self.assertEqual(self.described["name"], Path(self.program).name)
        for key in ("summary", "language", "version"):
            self.assertTrue(self.described[key], key)
        for library in self.described.get("libraries", []):
            self.assertTrue(library["name"] and library["version"], library)

    def test_connects_each_attempt_to_its_host(self):
        others = [listener(), listener()]
        for other in others:
            self.addCleanup(other.close)
        hosts = [address(self.server), address(others[0]), address(others[1])]
        self.assertEqual(self.outcomes(hosts, 30, route=[0, 0, 1] * 10), ["connected"] * 30)
        self.assertEqual([len(self.accept(each)) for each in [self.server, *others]], [20, 10, 0])

    def test_distributes_attempts_over_hosts_without_a_route(self):
        held = refusing()
        self.addCleanup(held.close)
        outcomes = self.outcomes([address(self.server), address(held)], 9)
        self.assertEqual(outcomes, [*["connected", "ECONNREFUSED"] * 4, "connected"])

    def test_reports_the_errno_of_a_missing_route(self):
        if not NAMESPACE:
            self.skipTest("no network namespace of its own: this machine does not let the test make one")
        if any(each["target"] == "net-unreachable" for each in self.described.get("misleading", [])):
            self.skipTest("it declares that it reports another one")
        self.assertEqual(self.outcomes([[{"ip": "192.0.2.1", "port": 9}]], 3), ["ENETUNREACH"] * 3)

    def test_connects_to_a_host_that_closes_at_once(self):
        """Its FIN may be there before the program has come to act on the connection."""
        server = socket.create_server(("127.0.0.1", 0), backlog=500)

        def close_all():
            with contextlib.suppress(OSError):  # shut down, at the end
                while True:
                    server.accept()[0].close()

        closing = threading.Thread(target=close_all)
        closing.start()
        self.addCleanup(server.close)
        self.addCleanup(closing.join)
        self.addCleanup(server.shutdown, socket.SHUT_RDWR)
        self.assertEqual(self.outcomes([address(server)], 400, in_flight=16), ["connected"] * 400)

    def test_connects_by_ipv6(self):
        if "6" not in self.described.get("families", ["4"]):
            self.skipTest("it does not declare IPv6")
        server = socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=50)
        self.addCleanup(server.close)
        self.assertEqual(self.outcomes([address(server)], 5), ["connected"] * 5)

    def test_tries_the_second_family_if_it_claims_to_try_all_addresses(self):
        if not self.described.get("uses_all_addresses"):
            self.skipTest("it declares that it tries the first address only")
        port = self.server.getsockname()[1]
        host = [{"ip": "::1", "port": port}, {"ip": "127.0.0.1", "port": port}]  # nobody listens at the first
        self.assertEqual(self.outcomes([host, address(self.server)], 6), ["connected"] * 6)

    def test_gives_up_at_the_deadline_and_never_before_what_it_declares(self):
        for timeout in (20 * MS, 75_300_000):
            records = self.wave([address(self.full().server)], 12, in_flight=8, timeout_ns=timeout)[1]
            for record in records:
                self.assertEqual(record.outcome, "timeout")
                early = self.described.get("early_ns", 0)
                self.assertGreaterEqual(record.finished - record.started + early, timeout, record)

    def test_means_by_a_timeout_of_0_what_is_documented(self):
        full = self.full()
        expected = MEANING_OF_0.get(Path(self.program).name, "timeout")
        dialogue = self.dialogue([address(full.server)], 2, timeout_ns=0)
        dialogue.start()
        if expected == "cancelled":
            while full.syn_sent() < 2:
                self.assertTrue(dialogue.is_silent())
            dialogue.stop()
        dialogue.await_done()
        self.assertEqual([r.outcome for r in self.records(dialogue)], [expected] * 2)

    def test_reports_that_descriptors_have_run_out(self):
        host = address(self.full().server)
        warm_up = {"hosts": [host], "attempts": 2, "in_flight": 2, "timeout_ns": 50 * MS, "close": "rst"}
        dialogue = self.dialogue([host], 40, in_flight=40, timeout_ns=300 * MS, warm_up=warm_up)
        dialogue.leave_descriptors(8)
        dialogue.start()
        dialogue.await_done()
        outcomes = {record.outcome for record in self.records(dialogue)}
        hidden = {"ECONNREFUSED"} if self.described.get("language") == "Bun" else set()
        self.assertTrue(outcomes <= {"timeout", "EMFILE"} | hidden, outcomes)
        self.assertTrue(outcomes & ({"EMFILE"} | hidden), "40 sockets do not fit into 8 descriptors")

    def test_keeps_the_limit_in_flight_and_ends_on_stop(self):
        full = self.full()
        cancellable = self.described.get("cancellable", True)
        timeout = LONG if cancellable else 2_000 * MS
        dialogue = self.dialogue([address(full.server)], 12, in_flight=5, timeout_ns=timeout)
        dialogue.start()
        while (pending := full.syn_sent()) < 5:
            self.assertTrue(dialogue.is_silent())
        self.assertEqual(pending, 5)
        dialogue.stop()
        dialogue.await_done()
        self.assertEqual(full.syn_sent(), 0, "nothing is left when it is done")
        records = self.records(dialogue)
        expected = "cancelled" if cancellable else "timeout"
        self.assertEqual([r.outcome for r in records], [expected] * 5 + ["cancelled"] * 7)
        self.assertEqual([r.started > 0 for r in records], [True] * 5 + [False] * 7)

    def test_ends_when_stdin_is_closed(self):
        dialogue = self.dialogue([address(self.full().server)], 3, in_flight=2, timeout_ns=500 * MS)
        dialogue.start()
        dialogue.close_stdin()
        dialogue.await_done()
        dialogue.await_end()

    def test_honours_the_schedule(self):
        schedule = [0, 0, 7 * MS, *range(20 * MS, 120 * MS, 7 * MS + 321)]
        dialogue, records = self.wave([address(self.server)], len(schedule), in_flight=64, schedule_ns=schedule)
        for record, due in zip(records, schedule):
            self.assertEqual(record.outcome, "connected")
            self.assertGreaterEqual(record.started + dialogue.clock_error, dialogue.origin + due, record)

    def test_stops_while_it_waits_for_the_next_attempt(self):
        dialogue = self.dialogue([address(self.server)], 3, schedule_ns=[0, LONG, LONG])
        dialogue.start()
        while not (accepted := self.accept(self.server)):
            pass
        while ending(accepted[0]) == "open":
            pass
        dialogue.stop()
        dialogue.await_done()
        self.assertEqual([r.outcome for r in self.records(dialogue)], ["connected", "cancelled", "cancelled"])

    def test_closes_as_it_is_told(self):
        for close in ("rst", "fin"):
            self.assertEqual(self.outcomes([address(self.server)], 6, close=close), ["connected"] * 6)
            self.assertEqual([ending(each) for each in self.accept(self.server)], [close] * 6)

    def test_holds_connections_until_the_end(self):
        full, accepted = self.full(), []
        hosts = [address(self.server), address(full.server)]
        dialogue = self.dialogue(hosts, 6, route=[0] * 5 + [1], close="hold", in_flight=2)
        dialogue.start()
        while len(accepted) < 5 or full.syn_sent() < 1:
            accepted += self.accept(self.server)
        self.assertEqual([ending(each) for each in accepted], ["open"] * 5)
        self.assertTrue(dialogue.is_silent())
        full.drain()  # the last attempt connects when its SYN is sent again
        dialogue.await_done()
        self.assertEqual([ending(each) for each in accepted], ["fin"] * 5)
        self.assertEqual([r.outcome for r in self.records(dialogue)], ["connected"] * 6)

    def test_warms_up_first_and_forgets_it(self):
        warm_up = {"hosts": [address(self.server)], "attempts": 25, "in_flight": 3, "timeout_ns": LONG, "close": "rst"}
        dialogue = self.dialogue([address(self.server)], 4, warm_up=warm_up)
        self.assertEqual(len(self.accept(self.server)), 25, "it is ready, so the warm-up is over")
        dialogue.start()
        dialogue.await_done()
        self.assertEqual([r.outcome for r in self.records(dialogue)], ["connected"] * 4)
        self.assertEqual(len(self.accept(self.server)), 4)

    def test_fails_with_a_reason_on_nonsense(self):
        for nonsense in (b"this is no wave\n", b""):
            dialogue = Dialogue(self.program, nonsense)
            self.addCleanup(dialogue.end)
            self.assertNotEqual(dialogue.await_end(), 0)
            self.assertTrue(dialogue.errors().strip(), "a reason on stderr")


def own_network():
    """Gives this process a network of its own, in which only loopback exists. False: this machine does not allow it."""
    new_user, new_network, set_flags, up_and_running = 0x10000000, 0x40000000, 0x8914, 0x41
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(new_user | new_network):
        return False
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, set_flags, struct.pack("16sh22x", b"lo", up_and_running))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    folder, name = Path(sys.argv[1]), sys.argv[2]
    if not os.access(folder / name, os.X_OK):
        absent = folder / f"{name}.absent"
        print(absent.read_text(encoding="utf-8") if absent.exists() else f"{name} is not built (target runtimes)")
        sys.exit(77)
    NAMESPACE = own_network()
    Program.program = str(folder / name)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
