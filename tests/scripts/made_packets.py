"""Captures of the lab, made for the tests."""

import ipaddress
import struct

ORIGIN = 1_700_000_000 * 10**9
STARTED = ORIGIN + 10**9  # of the attempts of made_records.Records
MS = 1_000_000
SYN, SYN_ACK = 0x02, 0x12


def packet(source, destination, port=40_000, flags=SYN, interface=10, kind=4):
    """A TCP packet with cooked headers, as a capture of the lab has it."""
    tcp = struct.pack("!HHIIBBHHH", port, 7000, 1, 0, 5 << 4, flags, 100, 0, 0)
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if len(ends) == 8:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + ends
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + ends
    return struct.pack("!HHIHBB8x", 0x86DD, 0, interface, 1, kind, 6) + ip + tcp


def capture(path, *timed):
    """Writes a capture of (ms after the start of the attempt, packet) pairs."""
    data = struct.pack("=IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 276)
    for after_ms, content in timed:
        seconds, nanoseconds = divmod(STARTED + round(after_ms * MS), 10**9)
        data += struct.pack("=IIII", seconds, nanoseconds, len(content), len(content)) + content
    path.write_bytes(data)
