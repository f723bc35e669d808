"""The tables of docs/connect.md about runtimes, made of the records of beliefs.py."""

from ..failures import Unusable
from ..records.files import read_json
from ..records.run import Run
from ..table.cells import table_text
from ..table.legend import version_of
from ..units import counted, duration, exact_duration
from ..vocabulary import OUTCOMES
from .beliefs import FILE, RUN, TIMEOUTS, WAITS

RIGHT = "unreachable"
WAITS_FOR_EVENTS = ("poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait2", "io_uring_enter")
FATES = {"OUT", "ERR", "HUP"}  # events of a socket that connects; IN alone is that of a pipe or a timer


def tables(folder):
    """All of them, with where they are from."""
    run = Run(folder / RUN)
    run.require_complete()
    found = read_json(folder / FILE)
    answers = found["runtimes"]
    parts = [
        unreachable(run, folder, found["libraries"]),
        first_address(answers),
        timeouts(answers),
        interruptions(answers),
    ]
    return "\n\n".join([*parts, f"{run.origin()}."])


def versions(run, libraries, name):
    """ "Go 1.26.8, tokio 1.54.1"; of a linked connector its library"""
    facts = run.facts["connectors"].get(name) or {}
    if facts.get("program"):
        return version_of(facts["program"]) or "-"
    library = libraries.get(name)
    return f"{library['name']} {library['version']}" if library else "-"


def unreachable(run, folder, libraries):
    """How many of a host's attempts were reported as connected, and by which calls."""
    lines = []
    for name in run.connectors_in_order():
        (row,) = [row for row in run.rows if row["connector"] == name]
        connected = int(row["connected"])
        others = [one for one in OUTCOMES if one not in ("connected", RIGHT) and int(row[one] or 0)]
        cell = ", ".join([f"{connected:,}", *(f"and {int(row[one]):,} as {one}" for one in others)])
        lines.append([f"`{name}`", versions(run, libraries, name), cell, calls(folder / f"trace-{name}.json")])
    attempts = sorted({int(row["attempts"]) for row in run.rows})
    title = f"A host that a router reports as unreachable 100 µs after the SYN, {counted(attempts[0], 'attempt')} each:"
    heads = ["connector", "versions", "taken for connected", "how it finds out, traced"]
    return f"{title}\n\n{table_text(heads, lines)}"


def calls(path):
    """`connect` EINPROGRESS, `epoll_wait` OUT|ERR|HUP, `getsockopt(SO_ERROR)` EHOSTUNREACH"""
    trace = read_json(path)
    if trace.get("means", {}).get("calls") is None:
        raise Unusable(f"{path}: no trace")
    made = trace.get("calls", [])
    first = next((call for call in made if call["name"] == "connect"), None)
    if first is None:
        return "not by system calls"
    fd, seen = _fd(first), []
    # A wait of another thread may have begun before. It tells something when it ends.
    ended = [call for call in made if (call["end_ns"] or 0) > first["begin_ns"]]
    for call in sorted(ended, key=lambda call: call["end_ns"]):
        if call["name"] == "close" and _fd(call) == fd:
            break
        told = _told(call, fd)
        if told and seen[-1:] != [told]:
            seen.append(told)
    while seen and seen[-1][0] in WAITS_FOR_EVENTS:  # after the last question it tells nothing
        seen.pop()
    return ", ".join(f"`{name}` {result}".strip() for name, result in seen)


def _fd(call):
    return call["arguments"].partition(",")[0]


def _told(call, fd):
    """(name, result) of a call that says how the attempt is going; None of another one."""
    name, result = call["name"], call["result"] or ""
    inside = result.partition("[")[2].partition("]")[0]
    if name in WAITS_FOR_EVENTS:
        events = [event.split()[-1] for event in inside.split(", ") if set("|".join(event.split()).split("|")) & FATES]
        return (name, ", ".join(events)) if events else None
    if _fd(call) != fd:
        return None
    if name == "getsockopt":
        return ("getsockopt(SO_ERROR)", inside) if "SO_ERROR" in call["arguments"] else None
    return (name, inside or result) if name in ("connect", "getpeername") else None


def first_address(answers):
    lines = []
    for name, answer in answers.items():
        found = answer["first_dead"]
        tries = "tries all" if answer["described"].get("uses_all_addresses") else "uses the first"
        lines.append([f"`{name}`", tries, _outcomes_text(found), _took(found, "connected")])
    heads = ["connector", "addresses", "5 attempts, timeout 2 s", "connected after"]
    title = "A host whose first address (`::1`) never answers, and whose second (`127.0.0.1`) does:"
    return f"{title}\n\n{table_text(heads, lines)}"


def _outcomes_text(found):
    if "broke" in found:
        return f"broke: {found['broke']}"
    outcomes = sorted(found["outcomes"].items(), key=lambda pair: (-pair[1], pair[0]))
    if len(outcomes) == 1:
        return outcomes[0][0]
    return ", ".join(f"{outcome} {count}" for outcome, count in outcomes)


def _took(found, outcome=None):
    if "broke" in found or (outcome and outcome not in found["outcomes"]):
        return "-"
    return duration(found["median"])


def timeouts(answers):
    heads, lines = ["connector"], []
    for timeout in TIMEOUTS:
        title = exact_duration(timeout) if timeout else "0"
        heads += [f"{title}: a host that listens", f"{title}: one that is silent"]
    for name, answer in answers.items():
        cells = []
        for timeout in TIMEOUTS:
            for host in ("listening", "silent"):
                found = answer[f"{host} {timeout}"]
                text = _outcomes_text(found)
                if text == "timeout" and host == "silent":
                    text = f"{duration(found['least'])} – {duration(found['most'])}"
                cells.append("waits for the kernel" if text == WAITS else text)
        lines.append([f"`{name}`", *cells])
    title = (
        "A timeout of 0, 1 ms and 100 ms, on this machine: the outcomes, and where all were timeouts, after which time "
        "(least – most):"
    )
    return f"{title}\n\n{table_text(heads, lines)}"


def interruptions(answers):
    lines = []
    for name, answer in answers.items():
        stopped, descriptors = answer["stopped"], answer["descriptors"]
        if "broke" in stopped:
            cells = [f"broke: {stopped['broke']}", "-"]
        else:
            late = stopped["gives_up"]
            cells = [
                _outcomes_text(stopped["connects"]),
                f"{_outcomes_text(late)} after {duration(late['median'])}",
            ]
        if "broke" in descriptors:
            cells += [f"broke: {descriptors['broke']}", "-"]
        else:
            after = descriptors["afterwards"]
            cells += [_outcomes_text(descriptors), f"{after.get('connected', 0)} of {sum(after.values())}"]
        lines.append([f"`{name}`", *cells])
    heads = [
        "connector",
        "EINTR while it connects",
        "EINTR, timeout 300 ms",
        "40 attempts, 8 descriptors",
        "afterwards",
    ]
    title = (
        "Waits that end with EINTR (the process is stopped and continued every few milliseconds), and too few "
        "descriptors: what is reported, and how many attempts connect once there are descriptors again:"
    )
    return f"{title}\n\n{table_text(heads, lines)}"
