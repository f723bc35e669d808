"""What runtimes take for the truth. Records: what they report of hosts that do not exist, of timeouts that are 0, after
signals, and without descriptors; and by which calls they find out."""

import json
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

from .. import programs
from ..dialogue import Dialogue, Full, address, describe, listener
from ..failures import Unusable, say
from ..output import write_text
from ..records.waves import median

QUESTION = "What do runtimes take for the truth? (Its tables are in docs/connect.md.)"
MS = 1_000_000
RUN, FILE = "unreachable", "dialogues.json"  # in the folder of the experiment
UNREACHABLE = "host-unreachable:100us"
TIMEOUTS = (0, MS, 100 * MS)
LINKED = ("epoll", "io-uring", "libuv", "libevent", "libev", "asio", "asio-coroutines", "libcurl", "boost-fiber")
PATIENCE = 30  # seconds in which every wave here ends
WAITS = "waits"  # no timeout: it was stopped after WAITING seconds
WAITING = 1


def measure(bin_folder, folder, quick):
    """Fills `folder`: a run of connbench, traces of one attempt each, and what the programs answered to us."""
    connbench = programs.require_program(bin_folder / "connbench", "scripts/test builds it")
    listed = [one for one in programs.ask(connbench, "list")["connectors"] if one["available"]]
    runtimes = [one["name"] for one in listed if (one.get("program") or {}).get("language") not in (None, "", "C++")]
    if not runtimes:
        raise Unusable("no connector in another language is built: cmake --build build/release --target runtimes")
    names = [one["name"] for one in listed if one["name"] in LINKED] + runtimes
    folder.mkdir(parents=True, exist_ok=True)
    _run(connbench, names, folder / RUN, 200 if quick else 10_000)
    for name in names:
        _trace(connbench, name, folder)
    paths = json.loads((folder / RUN / "run.json").read_text(encoding="utf-8"))["connectors"]
    answers = {}
    for name in runtimes:
        say(f"+ {name}: a dead first address, timeouts, signals, descriptors")
        answers[name] = ask(paths[name]["program"]["path"], quick)
    libraries = {one["name"]: one["library"] for one in listed if one["name"] in names and one.get("library")}
    write_text(folder / FILE, json.dumps({"libraries": libraries, "runtimes": answers}, indent=1) + "\n")


def _run(connbench, names, out, attempts):
    command = [connbench, "run", "--connector", ",".join(names), "--target", UNREACHABLE, "--concurrency", "1"]
    command += ["--attempts", attempts, "--repetitions", "1", "--timeout", "1s", "--syscalls", "off"]
    command += ["--samples", "none", *programs.cpus_flag(connbench), "--out", out]
    say("+ " + " ".join(map(str, command)))
    ended = programs.execute(command)
    if ended.status not in (0, 1):
        raise Unusable(f"connbench ended with {ended.status}: {ended.said}")


def _trace(connbench, name, folder):
    command = [connbench, "trace", "--quiet", "--connector", name, "--target", UNREACHABLE, "--format", "json"]
    say("+ " + " ".join(map(str, command)))
    ended = programs.execute([*command, "--out", folder / f"trace-{name}.json"])
    if ended.status != 0:
        raise Unusable(f"connbench ended with {ended.status}: {ended.said}")


def ask(program, quick=False):
    """What one program answers in each situation. A situation in which it breaks has {"broke": reason}."""
    situations = {"first_dead": first_address_dead, "stopped": stopped_and_continued, "descriptors": no_descriptors}
    answers = {"described": describe(program)}
    for name, situation in situations.items():
        answers[name] = _guarded(situation, program)
    for timeout in TIMEOUTS:
        for host in ("listening", "silent"):
            count = 5 if quick or (host, timeout) != ("listening", MS) else 400
            answers[f"{host} {timeout}"] = _guarded(short_timeout, program, host, timeout, count)
    return answers


def _guarded(situation, *arguments):
    try:
        return situation(*arguments)
    except (AssertionError, OSError, ValueError) as error:
        return {"broke": str(error)}


@contextmanager
def _wave(program, hosts, attempts, **wave):
    with ExitStack() as stack:
        dialogue = Dialogue(program, {"hosts": hosts, "attempts": attempts, "in_flight": attempts, **wave})
        stack.callback(dialogue.end)
        yield dialogue


def _outcomes(dialogue, wanted=None):
    if not dialogue.is_done_within(PATIENCE):
        raise ValueError(f"it was not done within {PATIENCE} s")
    dialogue.await_done()
    records = [record for record in dialogue.report() if wanted is None or record.id in wanted]
    took = [record.finished - record.started for record in records]
    return {"outcomes": Counter(record.outcome for record in records), "least": min(took), "median": median(took)} | {
        "most": max(took)
    }


def _close(stack, *hosts):
    for host in hosts:
        stack.callback(host.close)


def first_address_dead(program):
    """::1 never answers, 127.0.0.1 does, on the same port."""
    with ExitStack() as stack:
        dead = Full("::1")
        alive = listener(port=dead.server.getsockname()[1])
        _close(stack, dead, alive)
        host = [*address(dead.server), *address(alive)]
        dialogue = stack.enter_context(_wave(program, [host], 5, timeout_ns=2_000 * MS))
        dialogue.start()
        return _outcomes(dialogue)


def stopped_and_continued(program):
    """SIGSTOP and SIGCONT end epoll_wait() with EINTR, and so do a debugger, a container that is frozen, a laptop that
    sleeps. Four attempts that a full host answers after a second, then four that it never answers."""
    with ExitStack() as stack:
        late, silent = Full(), Full()
        _close(stack, late, silent)
        dialogue = stack.enter_context(_wave(program, [address(late.server)], 4, timeout_ns=20_000 * MS))
        dialogue.start()
        while late.syn_sent() < 4 and not dialogue.is_done_within(0):
            time.sleep(0.001)
        for _ in range(20):
            _stop_and_continue(dialogue.pid)
        late.drain()
        connects = _outcomes(dialogue)
        dialogue = stack.enter_context(_wave(program, [address(silent.server)], 4, timeout_ns=300 * MS))
        dialogue.start()
        until = time.monotonic() + PATIENCE
        while not dialogue.is_done_within(0.01) and time.monotonic() < until:
            _stop_and_continue(dialogue.pid)
        return {"connects": connects, "gives_up": _outcomes(dialogue)}


def _stop_and_continue(pid):
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
    os.kill(pid, signal.SIGCONT)


def no_descriptors(program):
    """Room for 8 sockets, 40 attempts at a silent host, and then 5 at one that answers."""
    with ExitStack() as stack:
        silent, alive = Full(), listener()
        _close(stack, silent, alive)
        hosts = [address(silent.server), address(alive)]
        again = [1_000 * MS + place * 20 * MS for place in range(5)]
        warm_up = {"hosts": [hosts[1]], "attempts": 4, "in_flight": 2, "timeout_ns": 500 * MS, "close": "rst"}
        wave = {"route": [0] * 40 + [1] * 5, "schedule_ns": [0] * 40 + again, "timeout_ns": 300 * MS}
        dialogue = stack.enter_context(_wave(program, hosts, 45, warm_up=warm_up, **wave))
        dialogue.leave_descriptors(8)
        dialogue.start()
        if not dialogue.is_done_within(PATIENCE):
            raise ValueError(f"it was not done within {PATIENCE} s")
        dialogue.await_done()
        records = dialogue.report()
        return {
            "outcomes": Counter(record.outcome for record in records if record.id < 40),
            "afterwards": Counter(record.outcome for record in records if record.id >= 40),
        }


def short_timeout(program, host, timeout, count):
    """One attempt after the other at a host that listens or is silent."""
    with ExitStack() as stack:
        there = listener() if host == "listening" else Full()
        _close(stack, there)
        server = there if host == "listening" else there.server
        dialogue = stack.enter_context(_wave(program, [address(server)], count, in_flight=1, timeout_ns=timeout))
        dialogue.start()
        if timeout == 0 and not dialogue.is_done_within(WAITING):
            dialogue.stop()
            return {"outcomes": {WAITS: count}} if dialogue.is_done_within(PATIENCE) else {"broke": "hangs"}
        return _outcomes(dialogue)
