"""How fast scripts/report is: /usr/bin/python3 tests/scripts/report/page_benchmark.py

1,000,000 attempts with ten connectors. Limits: 20 s and 500 MB to make the page, 2 MB for the page, and 1 s in Chromium
from opening it until the first chart is drawn (the median of five). Exit status 1 when a limit is exceeded.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent.parent / "scripts")]

from made_records import ROOT, SAMPLES, Records  # noqa: E402

CONNECTORS, REPETITIONS, ATTEMPTS = 10, 5, 10_000  # each with 1 and with 64 in flight


def write_run(folder):
    run, random = Records(), numpy.random.default_rng(7)
    costs = {"connects_per_s": 9, "cpu_ns": 9, "threads_peak": 1, "rss_peak_kib": 9, "makespan_ns": 10**9}
    with open(folder / "samples.csv", "w", newline="", encoding="utf-8") as file:
        file.write(",".join(SAMPLES) + "\r\n")
        for connector in range(CONNECTORS):
            for concurrency in (1, 64):
                for repetition in range(1, REPETITIONS + 1):
                    run.wave(
                        f"way-{connector}",
                        repetition,
                        concurrency=concurrency,
                        attempts=ATTEMPTS,
                        connected=ATTEMPTS,
                        **costs,
                    )
                    case = f"made,burst,way-{connector},accepting,4,{concurrency},0,1000000000,{repetition}"
                    begun = 10**9 + numpy.cumsum(random.exponential(30_000, ATTEMPTS)).astype(int)
                    ended = begun + random.lognormal(12, 1, ATTEMPTS).astype(int)
                    file.writelines(
                        f"{case},{i},{b - 99},{b},{e},{e + 99},connected,connect,,{(e - b) // 2},0\r\n"
                        for i, (b, e) in enumerate(zip(begun.tolist(), ended.tolist()))
                    )
    run.write(folder)


def first_chart(page, profile):
    """Seconds from opening the page until its first chart is drawn, as the page reports it."""
    from report.browser_test import chromium

    browser = chromium(profile)
    try:
        found = []
        for _ in range(5):
            browser.get("about:blank")
            browser.get(f"file://{page}")
            while not browser.execute_script("return document.documentElement.dataset.drawn"):
                time.sleep(0.01)
            found.append(browser.execute_script("return performance.getEntriesByName('chart')[0].startTime") / 1000)
        return statistics.median(found)
    finally:
        browser.quit()


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        write_run(folder)
        begun = time.monotonic()
        child = subprocess.Popen([ROOT / "scripts/report", folder])
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        if status != 0:
            return "scripts/report failed"
        page = folder / "report.html"
        rows = [
            ("page made, s", seconds, 20),
            ("its CPU time, s", used.ru_utime + used.ru_stime, 20),
            ("most memory, MB", used.ru_maxrss / 1024, 500),
            ("page, MB", page.stat().st_size / 1e6, 2),
            ("first chart, s", first_chart(page, folder / "profile"), 1),
        ]
        for what, value, bound in rows:
            print(f"{what:<18} {value:8.2f}   at most {bound}{'' if value <= bound else '   EXCEEDED'}")
        return 1 if any(value > bound for _, value, bound in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
