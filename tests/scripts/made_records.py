"""Small runs with samples, made for the tests of scripts/report in the format that results/README.md describes."""

import csv
import io
import json
import tempfile
import unittest
from pathlib import Path

from connbench_tools import ROOT  # noqa: F401  for the tests
from connbench_tools.records.verdicts import COLUMNS as VERDICTS
from connbench_tools.vocabulary import COLUMNS, OUTCOMES, SCHEMA
from made_runs import ENVIRONMENT

SUMMARY, SAMPLES, EXHAUSTION = (COLUMNS[f"{name}.csv"] for name in ("summary", "samples", "exhaustion"))
HOSTILE = '</script><img src=x onerror="document.title=1">,"quoted"\nline $x$ {0}'
CASE = ("run_id", "scenario", "connector", "target", "family", "concurrency", "timeout_ns", "repetition")


class Records:
    """A run under construction: wave() adds waves, write() makes the folder."""

    def __init__(self, **facts):
        self.facts = {
            "schema_version": SCHEMA,
            "run_id": "made",
            "complete": True,
            "command_line": ["connbench", "run"],
            "samples": "all",
            "origin": {"monotonic_ns": 0, "realtime_ns": 1_700_000_000 * 10**9},
            "environment": ENVIRONMENT,
            "skipped": [],
            "warnings": [],
            "failures": [],
            "rates": [],
            "lab": None,
        } | facts
        self.rows, self.samples, self.exhaustion, self.verdicts = [], [], [], []

    def wave(
        self,
        connector,
        repetition=1,
        target="accepting",
        scenario="burst",
        concurrency=1,
        timeout_ns=10**9,
        times=(),
        outcome="connected",
        late=0,
        failed=0,
        reaped_after=0,
        **figures,
    ):
        """A wave of len(times) attempts, each of which took that time in ns, and `failed` attempts that were
        refused."""
        case = {"run_id": "made", "scenario": scenario, "connector": connector, "target": target, "family": "4"}
        case |= {"concurrency": concurrency, "timeout_ns": timeout_ns, "repetition": repetition}
        counts = dict.fromkeys(OUTCOMES, 0)
        counts[outcome] += len(times)
        counts["refused"] += failed
        row = dict.fromkeys(SUMMARY, "") | case | {"shards": 1, "wave": len(self.rows) + 1, "makespan_ns": 10**9}
        self.rows.append(row | {"attempts": len(times) + failed} | counts | figures)
        sample = dict.fromkeys(SAMPLES, "") | case | {"shard": 0}
        for attempt, time in enumerate(times):
            due = 10**9 + attempt * 1000
            stamps = {"scheduled_ns": due, "started_ns": due + late, "finished_ns": due + late + time}
            stamps["reaped_ns"] = stamps["finished_ns"] + reaped_after
            known = {"handshake_ns": time // 2, "syn_retransmits": 0} if outcome == "connected" else {}
            self.samples.append(sample | stamps | known | {"attempt": attempt, "outcome": outcome, "stage": "connect"})
        for attempt in range(failed):
            stamps = {"scheduled_ns": 10**9, "started_ns": 10**9, "finished_ns": 10**9 + 7, "outcome": "refused"}
            self.samples.append(
                sample | stamps | {"attempt": len(times) + attempt, "stage": "connect", "os_error": 111}
            )
        return self

    def write(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps(self.facts), encoding="utf-8")
        ranked = ["rank"] if any("rank" in row for row in self.rows) else []  # the run of a cluster
        for name, columns, rows in (
            ("summary", [*SUMMARY, *ranked], self.rows),
            ("samples", SAMPLES, self.samples),
            ("exhaustion", EXHAUSTION, self.exhaustion),
            ("verdicts", VERDICTS, self.verdicts),
        ):
            if rows or name == "summary":
                (folder / f"{name}.csv").write_bytes(csv_bytes(columns, rows))
        return folder


def csv_bytes(columns, rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def everything(names=("epoll", "blocking-threads", HOSTILE)):
    """A run that gives every chart something to show."""
    run = Records(warnings=[f"the server of {HOSTILE} was slow"])
    run.facts["skipped"] = [{"connector": "select", "target": "accepting", "concurrency": 64, "reason": "FD_SETSIZE"}]
    for place, name in enumerate(names, 1):
        for repetition in (1, 2, 3):
            for concurrency in (1, 16, 64):
                times = [20_000 * place + 37 * i * i for i in range(150)]
                costs = {
                    "connects_per_s": 30_000 / place + repetition,
                    "cpu_ns": 4_000_000 * place,
                    "threads_peak": concurrency,
                }
                costs |= {
                    "rss_peak_kib": 5_000 + 9 * concurrency,
                    "p50_ns": times[75],
                    "in_flight_mean": concurrency / 2,
                }
                run.wave(name, repetition, concurrency=concurrency, times=times, **costs)
            times = [20_000_000 + 900 * i for i in range(150)]
            run.wave(
                name,
                repetition,
                "delayed:20ms",
                "steady:poisson:1000/s",
                64,
                times=times,
                late=5_000 * place,
                connects_per_s=990,
                added_p50_ns=9_000 * place,
            )
            late = [10**8 + 30_000 * place + 100 * i - 40_000 for i in range(150)]
            run.wave(
                name,
                repetition,
                "blackhole",
                "steady:uniform:1000/s",
                64,
                10**8,
                late,
                "deadline_exceeded",
                overshoot_p50_ns=30_000 * place,
            )
            for dead in (0, 10, 50):
                fleet = f"fleet:accepting={100 - dead},blackhole={dead}" if dead else "fleet:accepting=100"
                healthy = [30_000 * place * (1 + dead // 10) + i for i in range(400)]
                run.wave(name, repetition, "accepting", fleet, 64, 10**8, healthy, connects_per_s=900 - dead)
                if dead:
                    run.wave(name, repetition, "blackhole", fleet, 64, 10**8, [10**8] * 40, "deadline_exceeded")
        run.exhaustion += ramp(name, stopped_at=300 if place == 2 else None)
    run.facts["rates"] = [searched(name, 4000 / place, 4200 / place) for place, name in enumerate(names, 1)]
    run.facts["rates"].append(searched(HOSTILE, None, None, goal=HOSTILE, target=HOSTILE, failure=HOSTILE))
    run.verdicts = [
        judged(names[0], "regressed", 0.12),
        judged(names[1], "same", 0.001),
        judged(HOSTILE, HOSTILE, -0.1),
    ]
    return run


def ramp(connector, stopped_at=None):
    """Six steps of 100 attempts each, stopped by pthread_create() or by nothing."""
    rows = []
    for step in range(6):
        row = dict.fromkeys(EXHAUSTION, "") | {
            "run_id": "made",
            "connector": connector,
            "resource": "threads",
            "limit": 300,
        }
        row |= {
            "limit_kind": "RLIMIT_NPROC",
            "repetition": 1,
            "step": step,
            "elapsed_ns": step * 10**6,
            "pending": step * 100,
        }
        row |= {"threads": 1 + step * 100, "fds": step, "rss_kib": 5000 + 900 * step, "kernel_kib": 90_000 + 500 * step}
        rows.append(row | {"start_p50_ns": 9000, "start_p99_ns": 20_000})
        if stopped_at == step * 100:
            rows[-1] |= {"stopped_call": "pthread_create", "os_error": 11, "recovery_released_ns": 20_000_000}
            return rows
    rows[-1] |= {
        "healthy_p50_ns": 18_000,
        "healthy_p99_ns": 70_000,
        "recovery_pending_ns": 5,
        "recovery_released_ns": 5,
    }
    return rows


def searched(connector, held, not_held, goal="p99<5ms", target="accepting", **more):
    """A result of --find-rate, as in `rates` of run.json."""
    return {
        "scenario": "steady:poisson:1000/s",
        "connector": connector,
        "target": target,
        "family": "4",
        "concurrency": 64,
        "shards": 1,
        "timeout_ns": 10**9,
        "goal": goal,
        "held_per_s": held,
        "not_held_per_s": not_held,
        "tolerance": 0.05,
        "waves_per_rate": 1,
        "waves": 8,
    } | more


def judged(benchmark, verdict, effect):
    return {
        "benchmark": benchmark,
        "metric": "connects/s",
        "pairs": 20,
        "effect": effect,
        "ci_low": effect - 0.01,
        "ci_high": effect + 0.01,
        "p_value": 0.01,
        "threshold": 0.05,
        "verdict": verdict,
    }


class RecordsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
