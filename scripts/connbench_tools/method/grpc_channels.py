"""How long channels of gRPC take to become READY and what they cost, next to bare sockets: an experiment with
grpc_channels, a program of its own, because a channel is no connector (docs/decisions.md)."""

import math
from collections import Counter, defaultdict

from .. import programs
from ..failures import Unusable, say
from ..output import write_text
from ..records.files import read_json, read_text
from ..records.run import origin_of
from ..records.waves import median
from ..table.cells import NOTHING, Column, figure, microseconds, relation, table_text
from ..units import counted, exact_duration
from . import packets

QUESTION = "How long does a channel of gRPC take to become READY, and what does it cost?"
PROGRAM, FILE, PCAP = "grpc_channels", "grpc.json", "grpc.pcap"
LIMIT = 600  # seconds; it takes two minutes
ENOUGH_FOR_P99 = 100  # attempts of one round

WAYS = {
    "connect": "`connect()`",
    "first_bytes": "`connect()`, and the server's first bytes",
    "channel": "a channel until it is READY",
    "awaited_channel": "a channel, `WaitForConnected()`",
}
HOSTS = {"near": "this machine", "far": "20 ms away"}
CONTAINS = """\
The time of a channel runs from `GetState(true)` to the state READY, or to the return of `WaitForConnected()`. It
contains the resolver (of an address: nothing is looked up), the load-balancing policy (`pick_first`), the hand-over
between gRPC's threads and the completion queue, `socket()` and `connect()`, and the exchange of HTTP/2: the preface and
the SETTINGS of both sides. So it contains what the server does: it must be woken, accept and answer, which `connect()`
does not wait for. The row "and the server's first bytes" waits for the same with plain sockets; what a channel takes
beyond it is gRPC's.

It does not show when the socket was connected, nor how much of the time any of these parts takes. It says
nothing about TLS, names, another server (this one sends an empty SETTINGS frame at once and does nothing else), or the
first call on a channel. And each channel has a connection of its own here (`grpc.use_local_subchannel_pool`): by
default, channels to one address share one."""


def lacks(bin_folder):
    """Why the program was not built, and what to install; None when the build knows no reason."""
    absent = bin_folder / f"{PROGRAM}.absent"
    return f"{PROGRAM} is {read_text(absent).strip()}" if absent.exists() else None


def measure(bin_folder, folder, quick):
    """Fills `folder` with the program's answer and the packets of channels that cannot connect."""
    if reason := lacks(bin_folder):
        raise Unusable(reason)
    program = programs.require_program(bin_folder / PROGRAM, "scripts/test builds it")
    folder.mkdir(parents=True, exist_ok=True)
    command = [program, *(["--quick"] if quick else []), "--pcap", folder / PCAP]
    say("+ " + " ".join(map(str, command)))
    ended = programs.execute(command, limit=LIMIT)
    if ended.status != 0:
        end = f"did not end within {LIMIT} s" if ended.status is None else f"ended with {ended.status}: {ended.said}"
        raise Unusable(f"{PROGRAM} {end}")
    write_text(folder / FILE, ended.output)


def table(folder):
    """The tables, what they contain, and where they are from."""
    found = read_json(folder / FILE)
    by_case = _by_case(found["blocks"])
    parts = [_answering(by_case), _costs(found, by_case), _not_answering(by_case)]
    if found["watched"]:
        parts.append(_watched(found["watched"], packets.openings(folder / PCAP)))
    parts.append(CONTAINS)
    rounds = counted(max(block["round"] for block in found["blocks"]), "round")
    last = [f"gRPC {found['grpc']}; {origin_of(found['environment'])}; {rounds}. {_connections(found['blocks'])}"]
    if cpus := found["cpus"]:
        last += [f"Processors: client={cpus['client']}, which gRPC's threads share, server={cpus['server']}."]
    last += [f"Not measured: {one['what']}: {one['why']}." for one in found["skipped"]]
    return "\n\n".join([*parts, " ".join(last)])


def _by_case(blocks):
    """{(case, way): its blocks}"""
    found = defaultdict(list)
    for block in blocks:
        found[block["case"], block["way"]].append(block)
    return dict(found)


def _connections(blocks):
    """Whether each channel had a connection of its own, as the server has counted them."""
    known = [block for block in blocks if "accepted" in block]
    attempts, accepted = (sum(block[key] for block in known) for key in ("attempts", "accepted"))
    return f"The server accepted {accepted:,} connections of {counted(attempts, 'attempt')}."


def _times(block, end):
    """How long the attempts took that ended so, in ns, sorted."""
    return sorted(took for took, ended in zip(block["took_ns"], block["ends"]) if ended == end)


def _rank(values, share):
    """A percentile by nearest rank; None of nothing."""
    return values[math.ceil(share * len(values)) - 1] if values else None


def _by_round(blocks, figure_of):
    """{round: figure}, without those that are not known"""
    figures = {block["round"]: figure_of(block) for block in blocks}
    return {number: value for number, value in figures.items() if value is not None}


def _cell(figures, text):
    column = Column({"": figures}, text)
    column.places = {}
    return column.cell("")


def _p99(blocks, end):
    """The cell of a percentile that so few attempts do not have."""
    if min(block["attempts"] for block in blocks) < ENOUGH_FOR_P99:
        return NOTHING
    return _cell(_by_round(blocks, lambda block: _rank(_times(block, end), 0.99)), microseconds)


def _share(blocks, end):
    ended = sum(block["ends"].count(end) for block in blocks)
    return f"{ended:,} of {sum(block['attempts'] for block in blocks):,}"


def _cpu(block):
    return block["cpu_ns"] / block["attempts"] if block["cpu_ns"] >= 0 else None


def _answering(by_case):
    heads = ["host", "until", "ready", "p50, µs", "ratio to `connect()`", "ratio to the first bytes", "p99, µs"]
    heads += ["client CPU µs each"]
    lines = []
    for (case, way), blocks in sorted(by_case.items(), key=lambda one: _place(*one[0])):
        host, _, together = case.partition(", ")
        if host not in HOSTS:
            continue
        p50 = {one: _p50(by_case.get((case, one), [])) for one in ("connect", "first_bytes", way)}
        how = f"{blocks[0]['at_once']:,} at once" if together else "one after the other"
        ratios = [relation(p50[way], p50[one]) if way != one else NOTHING for one in ("connect", "first_bytes")]
        ratios = [NOTHING, NOTHING] if way == "connect" else ratios
        line = [f"{HOSTS[host]}, {how}", WAYS[way], _share(blocks, "ready"), _cell(p50[way], microseconds), *ratios]
        lines.append([*line, _p99(blocks, "ready"), _cell(_by_round(blocks, _cpu), microseconds)])
    return f"Hosts that answer. At once: all begin before the first end is looked for.\n\n{table_text(heads, lines)}"


def _p50(blocks, end="ready"):
    return _by_round(blocks, lambda block: _rank(_times(block, end), 0.5))


def _place(case, way):
    cases = ("near", "near, at once", "far", "far, at once", "refusing", "dead")
    return cases.index(case), list(WAYS).index(way)


def _costs(found, by_case):
    """What each costs, at this machine's host, one after the other."""
    heads = ["each", "making the channel, p50, µs", "context switches", "threads", "bytes of memory held"]
    heads += ["system calls", "the most frequent"]
    lines = []
    for way in WAYS:
        blocks = by_case["near", way]
        held = [one for one in found["held"] if one["way"] == way and one["ready"] == one["held"]]
        calls = next((one for one in found["calls"] if one["way"] == way), None)
        made = _by_round(blocks, lambda block: _rank(sorted(block["prepared_ns"]), 0.5))
        switches = _by_round(blocks, lambda block: block["switches"] / block["attempts"])
        bytes_each = {place: one["bytes_each"] for place, one in enumerate(held)}
        threads = median(block["threads"] for block in blocks)
        cells = [WAYS[way], _cell(made, microseconds) if "channel" in way else NOTHING, _cell(switches, figure)]
        lines.append([*cells, f"{threads:.0f}", _cell(bytes_each, figure), *_calls(calls)])
    return f"What each costs (this machine, one after the other):\n\n{table_text(heads, lines)}"


def _calls(counted_calls):
    """Two cells: all calls of one attempt, and the six most frequent."""
    if counted_calls is None:
        return [NOTHING, NOTHING]
    each = {name: calls / counted_calls["attempts"] for name, calls in counted_calls["calls"].items()}
    often = [f"`{name}` {figure(calls)}" for name, calls in Counter(each).most_common(6)]
    return [figure(sum(each.values())), ", ".join(often)]


def _not_answering(by_case):
    heads = ["host", "until", "ended as", "p50, µs", "ratio to `connect()`", "p99, µs"]
    ends = {"failed": {"connect": "an error"}, "deadline": {}}
    lines = []
    for (case, way), blocks in sorted(by_case.items(), key=lambda one: _place(*one[0])):
        if case not in ("refusing", "dead"):
            continue
        end = "failed" if case == "refusing" else "deadline"
        late = blocks[0]["timeout_ns"] if case == "dead" else 0
        p50 = {one: _late(_p50(by_case[case, one], end), late) for one in ("connect", way)}
        name = "refused" if case == "refusing" else f"dead: late after {exact_duration(late)}"
        ended = ends[end].get(way, "TRANSIENT_FAILURE") if end == "failed" else "the deadline"
        until = WAYS[way].replace(" until it is READY", "")
        ratio = relation(p50[way], p50["connect"]) if way != "connect" else NOTHING
        lines.append([name, until, f"{ended}: {_share(blocks, end)}", _cell(p50[way], microseconds), ratio])
        lines[-1].append(_p99(blocks, end) if case == "refusing" else NOTHING)
    return f"Hosts that do not answer, one attempt after the other:\n\n{table_text(heads, lines)}"


def _late(figures, by):
    return {number: value - by for number, value in figures.items()}


def _watched(watched, opened):
    """What a channel that nobody closes does by itself."""
    heads = ["host", "`grpc.min_reconnect_backoff_ms`", "TRANSIENT_FAILURE after, s"]
    heads += ["tries begun after, s (first SYNs)"]
    lines = []
    for one in watched:
        tries = [opening.time_ns - one["begun_realtime_ns"] for opening in opened if _goes_to(opening, one["to"])]
        failed = [change["after_ns"] for change in one["changes"] if change["state"] == "TRANSIENT_FAILURE"]
        setting = exact_duration(one["min_timeout_ns"]) if one["min_timeout_ns"] else "not set"
        begun = ", ".join(f"{after / 1e9:.2f}" for after in tries) or NOTHING
        lines.append([one["host"], setting, f"{failed[0] / 1e9:.2f}" if failed else NOTHING, begun])
    seconds = exact_duration(watched[0]["length_ns"])
    return f"A channel that cannot connect, watched for {seconds}:\n\n{table_text(heads, lines)}"


def _goes_to(opening, to):
    return f"{opening.destination.address}:{opening.destination.port}" == to
