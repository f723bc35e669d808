"""The undamaged records from which the fuzzer starts, made once."""

import csv
import functools
import json
import shutil
import tempfile
from pathlib import Path

from connbench_tools import ROOT
from connbench_tools.exact import baseline
from connbench_tools.gate import collect, pairs, self_test
from connbench_tools.records import files, pending
from connbench_tools.vocabulary import SCHEMA
from made_records import ENVIRONMENT, SUMMARY, Records, judged, ramp, searched
from made_runs import wave

MIX = "fleet:accepting=75,blackhole=25:poisson:1000/s"


def copy(words, folder):
    """Copies what the words of a command line name from the undamaged records into the folder."""
    made = Path(_made().name)
    if Path(words[-1]) == folder:
        words = [folder / "rest"]
    for word in words:
        if isinstance(word, Path) and (made / word.relative_to(folder)).exists():
            whole = made / word.relative_to(folder)
            shutil.copytree(whole, word) if whole.is_dir() else shutil.copytree(whole.parent, word.parent)


def read_the_rest(folder):
    """The files that only long measurements read."""
    rest = folder / "rest"
    baseline.read(rest / "baseline.json")
    self_test.kept_noise(rest)
    collect.read_facts(rest / "collection.json")
    pairs.read(rest / "pairs.csv")
    pending.read(rest / "pending.json")
    files.read_text(rest / "lacks.txt")


@functools.cache
def _made():
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name)
    _report(path)
    _compare(path)
    _table(path)
    _answer(path)
    _method(path / "method")
    _rest(path / "rest")
    return folder


def _report(path):
    run = Records(
        warnings=["slow"],
        command_line=["connbench", "run", "--connector", "epoll,null,pool"],
        syscalls=[{"connector": "epoll", "target": "accepting", "method": "x", "attempts": 9, "calls": {"close": 9}}],
    )
    run.facts["skipped"] = [{"connector": "select", "target": "accepting", "concurrency": 64, "reason": "FD_SETSIZE"}]
    run.facts["failures"] = [{"connector": "epoll", "target": "accepting", "wave": 3, "failure": "killed by signal 9"}]
    times = [1000 + 7 * i for i in range(12)]
    for place, name in enumerate(("epoll", "null", "pool"), 1):
        for repetition in (1, 2, 3):
            costs = {"cpu_ns": 900, "syscalls": 90, "threads_peak": 2, "rss_peak_kib": 5000, "p50_ns": 1000}
            costs |= {"connects_per_s": 100 * place, "server_cpu_ns": 10**9, "voluntary_switches": 3}
            for concurrency in (1, 8):
                run.wave(name, repetition, concurrency=concurrency, times=times, involuntary_switches=1, **costs)
            open_loop = {"added_p50_ns": 9, "connects_per_s": 990}
            run.wave(name, repetition, "delayed:20ms", "steady:poisson:1000/s", 64, times=times, late=5, **open_loop)
            run.wave(name, repetition, "blackhole", "burst", 64, 900, times, "deadline_exceeded", overshoot_p50_ns=5)
            for share in (75, 50):
                fleet = f"fleet:accepting={share},blackhole={100 - share}"
                run.wave(name, repetition, "accepting", fleet, 64, times=times, connects_per_s=90, p99_ns=1000)
                run.wave(name, repetition, "blackhole", fleet, 64, times=times, outcome="deadline_exceeded")
        run.exhaustion += ramp(name, stopped_at=300 if place == 2 else None)
    run.facts["rates"] = [searched(name, 4000, 4200) for name in ("epoll", "pool")]
    run.write(path / "run")
    gate = Records().wave("epoll", times=[9])
    gate.verdicts = [judged("epoll/a", "regressed", 0.12), judged("pool/a", "same", 0.001)]
    gate.write(path / "gate")


def _run(folder, rows, **facts):
    folder.mkdir(parents=True)
    run = {
        "schema_version": SCHEMA,
        "run_id": "r",
        "complete": True,
        "environment": ENVIRONMENT,
        "skipped": [],
        "failures": [],
    }
    run |= {"origin": {"realtime_ns": 1_700_000_000 * 10**9}, "warnings": [], "command_line": ["connbench", "run"]}
    (folder / "run.json").write_text(json.dumps(run | facts))
    with open(folder / "summary.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, SUMMARY)
        writer.writeheader()
        writer.writerows(rows)


def _compare(path):
    for name, factor in (("first", 1), ("second", 1.01), ("slower", 1.3)):
        rows = []
        for number in range(1, 10):
            cost = factor * (1 + (number * 7 % 10) / 2000)
            own = {"cpu_ns": round(3e6 * cost), "makespan_ns": round(5e6 * cost), "connects_per_s": 20000 / cost}
            rows.append(wave("epoll", number, **own))
            more = {
                "scenario": "steady:uniform:100/s",
                "target": "delayed:2ms",
                "connects_per_s": 99,
                "added_p50_ns": 70,
            }
            rows.append(wave("pool", number, wave=number + 9, cpu_ns=9, **more))
        _run(path / name, rows)
        entries = [{"name": "connect/epoll/accepting/concurrency:64/p50", "real_time": 1500.0}]
        entries.append(
            {"name": "connect/pool/delayed:2ms/concurrency:8/scenario:steady:uniform:100/s/p99", "real_time": 7}
        )
        (path / name / "benchmark-aggregate.json").write_text(json.dumps({"benchmarks": entries}))
    (path / "history").mkdir()
    head = "time,commit,branch,epoll_p50_us,machine\n"
    row = "2023-01-01T00:00:00.000000+00:00,c1,main,1.5,2 × Abacus\n"
    (path / "history/all.csv").write_text(head + row, encoding="utf-8")


def _table(path):
    rows = [wave("epoll", n, connects_per_s=n, makespan_ns=5, cpu_ns=9, threads_peak=2, syscalls=9) for n in (1, 2)]
    rows += [wave("epoll", n, "blackhole", overshoot_p50_ns=n, overshoot_p99_ns=9 * n) for n in (3, 4)]
    rows += [wave("pool", 5, "delayed:20ms", scenario="steady:uniform:9/s", connects_per_s=5, added_p50_ns=2000)]
    _run(path / "table/a", rows, skipped=[{"connector": "ring", "target": "accepting", "reason": "no"}], warnings=["w"])
    name = "floor/pending_bytes/{}/iterations:1/real_time"
    entries = [{"name": name.format("epoll"), "run_type": "iteration", "bytes_per_pending": 190.4, "pending": 8000}]
    entries.append({"name": name.format("libuv"), "error_occurred": True, "error_message": "skipped: not built in"})
    (path / "table/pending.json").write_text(json.dumps({"benchmarks": entries}))
    (path / "table/lacks.txt").write_text("blackhole: no namespaces here\n")
    for name in ("scaling", "scaling-far"):
        rows = [wave("epoll", n, concurrency=1024, connects_per_s=n, threads_peak=1) for n in (1, 2, 3)]
        _run(path / "portrait" / name, rows)
    fleet = [wave("epoll", n, scenario=MIX, target=target) for n, target in ((1, "accepting"), (2, "*"))]
    _run(path / "portrait/fleet", fleet)
    _run(path / "portrait/overshoot", [wave("epoll", 1, overshoot_p50_ns=31000, overshoot_p99_ns=90000)])


def _answer(path):
    for name in ("loopback", "far"):
        rows = [wave(c, n, connects_per_s=n * 100, threads_peak=1) for c in ("epoll", "pool") for n in (1, 2, 3)]
        _run(path / "answer" / name, rows)
    fleet = [wave(c, 1, target=t, scenario="fleet:a=80,b=20") for c in ("epoll", "pool") for t in ("accepting", "*")]
    _run(path / "answer/fleet", fleet)
    late = [wave("epoll", n, overshoot_p50_ns=n * 1000, deadline_exceeded=100) for n in (1, 2)]
    _run(path / "answer/timeout", [*late, wave("pool", 3, cancelled=100)])


def _method(folder):
    names = ("blocking-threads", "blocking-threads+stack:8MiB", "null-threads", "blocking-pool")
    figures = {"cpu_ns": 9, "makespan_ns": 9, "in_flight_mean": 2}
    rows = [wave(name, n, connects_per_s=n, **figures) for name in names for n in (1, 2, 3)]
    calls = [{"connector": name, "attempts": 4, "calls": {"mmap": 8}} for name in names]
    _run(folder / "stack", rows, syscalls=calls)
    for name, timeout in (("arrivals", 10**7), ("arrivals-2", 2 * 10**7)):
        late = [wave("poll", n, "blackhole", timeout_ns=timeout, overshoot_p50_ns=n) for n in (1, 2)]
        _run(folder / name, late)
    parts = dict.fromkeys(("bytes_per_pending", *pending.KERNEL), 7)
    entry = {"name": "floor/pending_bytes/epoll/iterations:1", "run_type": "iteration", "pending": 9} | parts
    (folder / "memory.json").write_text(json.dumps({"benchmarks": [entry, entry]}))


def _rest(folder):
    folder.mkdir()
    shutil.copy(ROOT / "results/baseline.json", folder)
    for name in ("result.json", "collection.json"):
        shutil.copy(ROOT / "results/self-test" / name, folder)
    head = (ROOT / "results/self-test/pairs.csv").read_bytes().split(b"\r\n")[:6]
    (folder / "pairs.csv").write_bytes(b"\r\n".join(head) + b"\r\n")
    (folder / "pending.json").write_text(
        '{"benchmarks": [{"name": "floor/pending_bytes/epoll", "pending": 8, "bytes_per_pending": 9}]}'
    )
    (folder / "lacks.txt").write_text("x\n")
