"""The tables of docs/connect.md about runtimes, made of the records of beliefs.py."""

from ..failures import Unusable
from ..records.files import read_json
from ..records.run import Run
from ..table.cells import table_text
from ..table.legend import version_of
from ..units import counted, duration, exact_duration
from .beliefs import FILE, RUN, TIMEOUTS, WAITS

RIGHT = "unreachable"
# What says how an attempt is going. Anything else in a trace prepares, wakes another thread or tidies up.
TELLING = (
    "connect",
    "getpeername",
    "poll",
    "ppoll",
    "select",
    "pselect",
    "epoll_wait",
    "epoll_pwait2",
    "io_uring_enter",
)


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
        attempts, connected, right = (int(row[column]) for column in ("attempts", "connected", RIGHT))
        others = attempts - connected - right
        cell = f"{connected:,}" if others == 0 else f"{connected:,}; otherwise wrong: {others:,}"
        lines.append([f"`{name}`", versions(run, libraries, name), cell, calls(folder / f"trace-{name}.json")])
    attempts = sorted({int(row["attempts"]) for row in run.rows})
    title = f"A host that a router reports as unreachable 100 µs after the SYN, {counted(attempts[0], 'attempt')} each:"
    heads = ["connector", "versions", "taken for connected", "how it finds out, traced"]
    return f"{title}\n\n{table_text(heads, lines)}"


def calls(path):
    """`connect` EINPROGRESS, `epoll_wait` OUT|ERR|HUP, `getsockopt(SO_ERROR)` EHOSTUNREACH"""
    trace = read_json(path)
    told, seen, fd = [], [], None
    for call in trace.get("calls", []):
        name, arguments, result = call["name"], call["arguments"], call["result"] or ""
        if name == "connect" and fd is None:
            fd = arguments.partition(",")[0]
        of_it = fd is not None and arguments.partition(",")[0] == fd
        if name == "close" and of_it:
            break
        if fd is None or not _is_telling(call, of_it):
            continue
        told.append((_called(name, arguments), _short(name, result)))
    for call in told:
        if not seen or seen[-1] != call:
            seen.append(call)
    if trace.get("means", {}).get("calls") is None:
        raise Unusable(f"{path}: no trace")
    return ", ".join(f"`{name}` {result}".strip() for name, result in seen)


def _is_telling(call, of_it):
    name, result = call["name"], call["result"] or ""
    if name == "getsockopt":
        return of_it and "SO_ERROR" in call["arguments"]
    if name in ("connect", "getpeername"):
        return of_it
    return name in TELLING and "[" in result  # a wait that ended with an event


def _called(name, arguments):
    return "getsockopt(SO_ERROR)" if name == "getsockopt" else name


def _short(name, result):
    inside = result.partition("[")[2].partition("]")[0]
    return inside or result


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
