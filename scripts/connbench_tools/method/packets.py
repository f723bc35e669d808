"""The SYNs of a capture that `connbench run --pcap` has made: the only part of a packet that the experiments need."""

import ipaddress
import struct
from collections import namedtuple

from ..failures import Unusable

# One connection that the client began: when its first SYN left, in ns of the wall clock, and its two ends.
Opening = namedtuple("Opening", "time_ns source destination")
End = namedtuple("End", "address port")

_NANOSECONDS = 0xA1B23C4D  # the magic number of pcap with nanoseconds
_COOKED_V2 = 276  # LINKTYPE_LINUX_SLL2
_OUTGOING = 4  # the packet type of what was sent by this side
_TCP, _SYN, _ACK = 6, 0x02, 0x10
_CLIENT = (10, 11)  # the interfaces of the client (docs/lab.md)
_COOKED_BYTES = 20


def openings(path):
    """Every connection that the client began, in the order of their first SYNs. Retransmissions are left out."""
    found = {}
    for time_ns, packet in _packets(path.read_bytes(), path):
        ends = _syn(packet)
        if ends:
            found.setdefault(ends, Opening(time_ns, *ends))
    return sorted(found.values())


def _packets(data, path):
    if len(data) < 24 or struct.unpack_from("=I", data)[0] != _NANOSECONDS:
        raise Unusable(f"{path} is not a capture with nanoseconds of this machine")
    if struct.unpack_from("=I", data, 20)[0] != _COOKED_V2:
        raise Unusable(f"{path} is not a capture of cooked headers (v2)")
    at = 24
    while at + 16 <= len(data):
        seconds, nanoseconds, size, _ = struct.unpack_from("=IIII", data, at)
        at += 16
        yield seconds * 1_000_000_000 + nanoseconds, data[at : at + size]
        at += size


def _syn(packet):
    """The two ends of a SYN that the client sent; None for any other packet."""
    if len(packet) < _COOKED_BYTES:
        return None
    interface, kind = struct.unpack_from("!I", packet, 4)[0], packet[10]
    if interface not in _CLIENT or kind != _OUTGOING:
        return None
    ip = packet[_COOKED_BYTES:]
    version = ip[0] >> 4 if ip else 0
    if version == 4 and len(ip) >= 20 and ip[9] == _TCP:
        addresses, tcp = (ip[12:16], ip[16:20]), ip[4 * (ip[0] & 15) :]
    elif version == 6 and len(ip) >= 40 and ip[6] == _TCP:
        addresses, tcp = (ip[8:24], ip[24:40]), ip[40:]
    else:
        return None
    if len(tcp) < 14 or tcp[13] & (_SYN | _ACK) != _SYN:
        return None
    ports = struct.unpack_from("!HH", tcp)
    return tuple(End(str(ipaddress.ip_address(bytes(one))), port) for one, port in zip(addresses, ports))
