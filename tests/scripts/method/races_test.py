"""When the second try of a race began, from made-up packets."""

import unittest

from connbench_tools.failures import Unusable
from connbench_tools.method import laboratory, packets, races
from made_packets import MS, SYN_ACK, capture, packet
from made_records import Records
from made_runs import RunsTest

FIRST, SECOND = "2001:2::1", "198.19.0.1"


class RacesTest(RunsTest):
    def setUp(self):
        super().setUp()
        self.races = self.folder / "races"

    def racer(self, name, *timed, times=(270 * MS,), apart=0):
        """A run in which each target got one attempt, all of them at once and with the same packets, or so far
        `apart`."""
        run = Records()
        for place, answer in enumerate(races.ANSWERS):
            run.wave(name, target=f"dual-stack:{answer}~20ms", times=times, p50_ns=times[0], late=place * apart)
        run.write(self.races / name)
        capture(self.races / f"{name}.pcap", *timed)

    def cells(self, name):
        (line,) = [line for line in laboratory.table("races", self.folder).splitlines() if f"`{name}`" in line]
        return [cell.strip() for cell in line.split("|")[2:-1]]

    def test_takes_the_time_between_the_first_syns_to_the_two_addresses(self):
        first, second = packet("2001:2::99", FIRST), packet("198.18.0.1", SECOND)
        self.racer("eyeballs", (1, first), (200, first), (251, second), (260, second))
        self.assertEqual(self.cells("eyeballs"), ["250.0 (250.0–250.0)", "270.0"] * 4)

    def test_does_not_invent_a_second_try(self):
        self.racer("stubborn", (1, packet("2001:2::99", FIRST)))
        self.assertEqual(self.cells("stubborn")[0], "-")

    def test_ignores_what_is_no_syn_of_the_client_and_what_comes_after_the_attempt(self):
        second = {"source": "198.18.0.1", "destination": SECOND}
        self.racer(
            "calm",
            (1, packet("2001:2::99", FIRST)),
            (2, packet(**second, flags=SYN_ACK)),
            (3, packet(**second, interface=20)),
            (4, packet(**second, kind=0)),
            (5, b"short"),
            (271, packet(**second)),
        )
        self.assertEqual(self.cells("calm")[0], "-")

    def test_puts_the_soonest_first(self):
        first, second = packet("2001:2::99", FIRST), packet("198.18.0.1", SECOND)
        self.racer("a-never", (1, first))
        self.racer("b-late", (1, first), (251, second))
        self.racer("c-soon", (1, first), (51, second))
        names = [line.split("`")[1] for line in laboratory.table("races", self.folder).splitlines() if "`" in line]
        self.assertEqual(names, ["c-soon", "b-late", "a-never"])

    def test_the_order_is_that_of_a_first_address_that_is_dead(self):
        for name, delays in (("a-late", (50, 100, 150, 250)), ("b-soon", (250, 200, 150, 50))):
            syns = []
            for place, delay in enumerate(delays):
                syns.append((1000 * place + 1, packet("2001:2::99", FIRST, port=40_000 + place)))
                syns.append((1000 * place + 1 + delay, packet("198.18.0.1", SECOND, port=40_000 + place)))
            self.racer(name, *syns, apart=1000 * MS)
        delays = [cell.split(" ")[0] for cell in self.cells("a-late")[::2]]
        self.assertEqual(delays, ["50.0", "100.0", "150.0", "250.0"])
        names = [line.split("`")[1] for line in laboratory.table("races", self.folder).splitlines() if "`" in line]
        self.assertEqual(names, ["b-soon", "a-late"])

    def test_connections_are_in_the_order_of_their_syns_whatever_that_of_the_capture(self):
        path = self.folder / "two.pcap"
        capture(path, (2, packet("198.18.0.1", SECOND)), (1, packet("2001:2::99", FIRST)))
        self.assertEqual([one.destination.address for one in packets.openings(path)], [FIRST, SECOND])

    def test_says_what_is_no_capture(self):
        self.racer("eyeballs")
        (self.races / "eyeballs.pcap").write_bytes(b"not a capture, however long it may be")
        with self.assertRaisesRegex(Unusable, "eyeballs.pcap is not a capture with nanoseconds"):
            laboratory.table("races", self.folder)
        self.assertRaises(Unusable, packets.openings, self.races / "eyeballs.pcap")


if __name__ == "__main__":
    unittest.main()
