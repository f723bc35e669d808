"""Our own finding, made so that a sceptic can check each part of it: what SO_ERROR 0 means just after an ICMP error."""

import json
import struct

from connbench_tools.records.facts import read_facts
from connbench_tools.study.chart import Bars
from connbench_tools.study.plan import LEFT_OUT, Claim, Lacking, Source, Step, Study, Table
from connbench_tools.study.verdicts import Answer, any_of, rarer, share_interval, verdict_of

OURS = Source("connbench", "Connecting correctly on Linux: an error that is not there yet", 2026)
TARGET = "host-unreachable:100us"
# These take 0 for success without another look, by their source or by what was seen before.
BELIEVERS = "io-uring,libuv,libevent,asio,asio-coroutines"
CAREFUL = "select,poll,epoll,epoll-edge,poll-threads,blocking-threads,epoll+detect:getpeername"
OTHERS = "libev,libcurl,boost-fiber,go-dialer,rust-threads,tokio,mio,java-threads,java-nio,netty,asyncio,node,erlang"
USUAL = f"--target {TARGET} --concurrency 1 --timeout 2s"
TRACED = ("epoll", "libuv", "libevent", "asio")
RAREST = 1e-4  # a share below this counts as never
MET = 0.99  # share of the attempts that must meet the ICMP error; otherwise the set-up failed, and not the claim


def count_packets(folder):
    """Counts what the capture saw, and removes it: was any SYN answered?"""
    path = folder.parent / "capture.pcap"
    data = path.read_bytes()
    counts, at = {"syn": 0, "syn_ack": 0, "unreachable": 0}, 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        packet = data[at + 16 : at + 16 + size]
        at += 16 + size
        kind = _kind(packet[20:]) if len(packet) > 24 and packet[:2] == b"\x08\x00" else None
        if kind and struct.unpack_from(">I", packet, 4)[0] == 10:  # the client's end of the link
            counts[kind] += 1
    path.unlink()
    counts["dropped"] = read_facts(folder, folder)["lab"]["capture"]["drops"]
    (folder / "packets.json").write_text(json.dumps(counts), encoding="utf-8")


def _kind(ip):
    header = (ip[0] & 15) * 4
    if ip[9] == 1 and ip[header] == 3:
        return "unreachable"
    if ip[9] != 6 or len(ip) < header + 14 or not ip[header + 13] & 2:
        return None
    return "syn_ack" if ip[header + 13] & 16 else "syn"


def counts_of(records):
    """{connector: its outcomes} of all that were measured."""
    steps = [step for step in ("believe", "others") if step == "believe" or records.has(step)]
    return {name: records.counts(step, connector=name) for step in steps for name in records.connectors(step)}


def met(count):
    """Whether nearly all attempts met the ICMP error: they ended with it, or were taken for connected."""
    return count["connected"] + count["unreachable"] >= MET * count["attempts"] > 0


def those_that_met_it(counts, names):
    """Those of these connectors whose attempts met the ICMP error. What others report says nothing about it."""
    found = [name for name in names.split(",") if name in counts and met(counts[name])]
    if not found:
        raise Lacking(f"no attempts of {names} met the ICMP error")
    return found


def together(counts, names):
    """(taken for connected, attempts)"""
    return tuple(sum(counts[name][key] for name in names) for key in ("connected", "attempts"))


def of_the_kernel(records):
    seen = records.answer("plain", "answer.json")["asleep"]
    if seen["reported"] + seen["zero"] < MET * seen["attempts"]:
        raise Lacking(f"{seen['other']:,} of {seen['attempts']:,} attempts did not meet the ICMP error")
    found = any_of(seen["zero"], seen["attempts"], RAREST)
    alike = ("zero_not_connected", "zero_with_pollerr_alone", "unreachable_afterwards", "error_in_queue")
    if found.value and any(seen[key] != seen["zero"] for key in alike):
        return verdict_of({"": Answer(None, f"not alike: {json.dumps(seen)}")}, "")
    return verdict_of({"0 and yet not connected": found}, "")


def nobody_answered(records):
    """What the capture says. Raises Lacking unless it is complete and has no SYN+ACK: without it, a connect that was
    reported could be one."""
    packets = records.answer("capture", "packets.json")
    false, attempts = together({"": records.counts("capture")}, [""])
    if packets["syn_ack"]:
        raise Lacking(f"the capture has {packets['syn_ack']} SYN+ACKs: somebody did answer")
    if packets["syn"] < attempts or packets["dropped"]:
        seen = f"{packets['syn']:,} SYNs of {attempts:,} attempts, {packets['dropped']:,} dropped"
        raise Lacking(f"the capture is incomplete: {seen}")
    return f"in the run that was captured {false} of {attempts:,}, with {packets['syn']:,} SYNs and no SYN+ACK"


def of_the_believers(records):
    counts = counts_of(records)
    known = those_that_met_it(counts, BELIEVERS)
    captured = nobody_answered(records)
    total = any_of(*together(counts, known), RAREST)
    each = [f"{name} {any_of(*together(counts, [name]), RAREST).text}" for name in known]
    others = [f"{n} {one['connected']} of {one['attempts']:,}" for n, one in counts.items() if is_news(n, one)]
    said = f"reported as connected: {'; '.join(each)}; {captured}"
    said += f"; others too: {', '.join(others)}" if others else ""
    return verdict_of({"": Answer(total.value, said)}, "")


def is_news(connector, count):
    return count["connected"] > 0 and connector not in f"{BELIEVERS},{CAREFUL}".split(",")


def of_the_careful(records):
    """Refuted by a single one that was misled. Confirmed only where others were: a run in which the moment never came
    would acquit everybody."""
    counts = counts_of(records)
    known, misled = (those_that_met_it(counts, names) for names in (CAREFUL, BELIEVERS))
    ours, theirs = together(counts, known), together(counts, misled)
    rare = any_of(*ours, RAREST)
    is_rare = rare.value is False and rarer(ours, theirs)
    value = False if ours[0] else True if is_rare else None
    alone = max(share_interval(*together(counts, [name]))[1] for name in known)
    said = f"reported as connected: {rare.text} together, and at most {alone:.2g} of any alone ({', '.join(known)})"
    said += f"; {theirs[0]:,} of {theirs[1]:,} of those that take 0 for success, in the same run"
    return verdict_of({"": Answer(value, said)}, "")


def calls(records, connector):
    """The system calls after connect(), of the first traced attempt."""
    if not records.has(f"trace-{connector}"):
        return "-"
    told = [call for call in records.answer(f"trace-{connector}", "trace.json").get("calls", []) if call.get("told")]
    names = [call["name"] for call in told]
    after = told[names.index("connect") + 1 :] if "connect" in names else told
    return ", ".join(dict.fromkeys(map(told_text, after[:6]))) or "-"


def told_text(call):
    """epoll_wait [OUT|ERR|HUP], or getsockopt SO_ERROR [EHOSTUNREACH]"""
    what = " SO_ERROR" if call["name"] == "getsockopt" else ""
    answer = str(call.get("result") or "").partition("[")[2]
    return f"{call['name']}{what}" + (f" [{answer}" if answer else "")


def table(records):
    lines = []
    for name, count in counts_of(records).items():
        step = "believe" if name in records.connectors("believe") else "others"
        shown = [f"{count[key]:,}" for key in ("connected", "attempts")]
        version = records.version(step, name)
        lines.append(
            [f"`{name}`", version, *shown, per_million(count["connected"], count["attempts"]), calls(records, name)]
        )
    if records.has("plain"):
        answer = records.answer("plain", "answer.json")
        for mode in ("asleep", "awake"):
            zero, attempts = answer[mode]["zero"], answer[mode]["attempts"]
            shares = per_million(zero, attempts)
            plain = ["poll, getsockopt SO_ERROR"]
            lines.append(
                [f"plain calls, {mode}", f"Linux {answer['kernel']}", f"{zero:,}", f"{attempts:,}", shares, *plain]
            )
    heads = ("who", "version", "took it for connected", "attempts", "per million, 95 %", "calls after connect()")
    return Table(heads, sorted(lines, key=lambda line: -int(line[2].replace(",", ""))))


def per_million(hits, trials):
    low, high = share_interval(hits, trials)
    return f"{1e6 * low:,.0f} to {1e6 * high:,.0f}"


def chart(records):
    bars, counts = [], counts_of(records)
    for name, count in counts.items():
        if not count["connected"] and any(other["connected"] for other in counts.values()):
            continue
        low, high = share_interval(count["connected"], count["attempts"])
        bars.append((name, 1e6 * count["connected"] / count["attempts"], 1e6 * low, 1e6 * high))
    return Bars("An unreachable host reported as connected", "per million", sorted(bars, key=lambda bar: -bar[1]))


STUDY = Study(
    question="Who reports a dead host as connected, because SO_ERROR is 0?",
    claims=(
        Claim(
            (
                "An ICMP error wakes the waiter before SO_ERROR has it: poll() reports POLLERR alone, SO_ERROR is 0,"
                " and the socket is not connected"
            ),
            OURS,
            of_the_kernel,
        ),
        Claim("Programs that take this 0 for success report a dead host as connected", OURS, of_the_believers),
        Claim("Programs that wait for POLLOUT, or ask getpeername(), never do", OURS, of_the_careful),
    ),
    steps=(
        Step("plain", "program who-believes-zero 40000", {"who-believes-zero": "8000"}),
        Step(
            "believe",
            f"run --connector {BELIEVERS},{CAREFUL} {USUAL} --attempts 4000 --repetitions 3",
            {"--attempts": "1000", "--repetitions": "1"},
        ),
        Step(
            "others",
            f"run --connector {OTHERS} {USUAL} --attempts 2000 --repetitions 2",
            {"--attempts": "500", "--repetitions": "1"},
        ),
        Step(
            "capture",
            f"run --connector {BELIEVERS} {USUAL} --attempts 4000 --repetitions 1 --pcap {{folder}}/capture.pcap",
            {"--attempts": "500"},
            then=count_packets,
        ),
        *(Step(f"trace-{name}", f"trace --connector {name} --target {TARGET}", LEFT_OUT) for name in TRACED),
    ),
    table=table,
    chart=chart,
    limits=(
        (
            "How often depends on the machine: the waiter must run on another processor than the one that handles the"
            " ICMP error. On one processor it cannot happen."
        ),
        (
            "The traced attempts show which calls a connector makes, and what it was told. They were stopped at each"
            " call, so that the error was complete when they looked: this is the usual end, not the misleading one."
        ),
        (
            "A connector with 0 is not shown to be immune: the figure beside it is what it may be. Of the careful ones,"
            " the verdict rests on all together, and on their sources: they look at POLLOUT or at the peer's name, or"
            " block in connect()."
        ),
        (
            "`plain calls` are studies/who-believes-zero.cpp, which needs no other code of ours: `c++ -O2"
            " studies/who-believes-zero.cpp -o who-believes-zero && ./who-believes-zero 40000`."
        ),
        (
            "Linux 6.18's tcp_v4_err() puts the error into the socket's error queue, which wakes the waiter, and then"
            " sets what SO_ERROR reads. That programs come in between is what the figures show: each of the plain"
            " program's zeros had POLLERR alone, no peer name, the error in that queue, and EHOSTUNREACH later. Other"
            " kernels may differ."
        ),
    ),
)
