"""The tables about what runtimes believe, made of pretended answers; and the situations, with a program of ours."""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

from connbench_tools.dialogue import describe
from connbench_tools.method import beliefs, beliefs_tables, laboratory
from made_runs import ROOT, RunsTest, wave

CALLS = [
    ("socket", "INET, STREAM", "7"),
    ("connect", "7, 198.18.1.1:7000", "EINPROGRESS"),
    ("epoll_ctl", "3, ADD, 7", "0"),
    ("epoll_wait", "3, none", "0"),
    ("write", "9, 8 bytes", "8"),
    ("epoll_wait", "3, none", "1 [IN]"),
    ("epoll_wait", "3, none", "1 [ERR|HUP]"),
    ("epoll_wait", "3, none", "1 [ERR|HUP]"),
    ("getsockopt", "7, SO_ERROR", "0 [EHOSTUNREACH]"),
    ("getsockopt", "8, SO_ERROR", "0 [0]"),
    ("epoll_wait", "3, none", "1 [OUT]"),
    ("close", "7", "0"),
    ("connect", "7, 198.18.1.1:7000", "EINPROGRESS"),
]


def answer(**outcomes):
    return {"outcomes": outcomes, "least": 1_000_000, "median": 2_000_000, "most": 3_000_000}


class TablesTest(RunsTest):
    def tables(self, **changed):
        connectors = {
            "libuv": {},
            "tokio": {
                "program": {"language": "Rust", "version": "1.9", "libraries": [{"name": "tokio", "version": "1"}]}
            },
        }
        rows = [
            wave("libuv", 1, "host-unreachable:100us", attempts=1000, connected=2, unreachable=998),
            wave("tokio", 2, "host-unreachable:100us", attempts=1000, connected=0, unreachable=990, refused=10),
        ]
        (self.folder / "beliefs").mkdir()
        self.run_of("beliefs/unreachable", rows, connectors=connectors)
        calls = [
            {**dict(zip(("name", "arguments", "result"), call)), "begin_ns": 2 * place, "end_ns": 2 * place + 1}
            for place, call in enumerate(CALLS)
        ]
        for name in connectors:
            trace = {"means": {"calls": "ptrace"}, "calls": calls}
            (self.folder / f"beliefs/trace-{name}.json").write_text(json.dumps(trace))
        answers = {
            "described": {"uses_all_addresses": True},
            "first_dead": answer(connected=5),
            "stopped": {"connects": answer(connected=4), "gives_up": answer(timeout=4)},
            "descriptors": {"outcomes": {"EMFILE": 32, "timeout": 8}, "afterwards": {"connected": 5}},
        }
        for timeout in beliefs.TIMEOUTS:
            answers |= {f"listening {timeout}": answer(connected=5), f"silent {timeout}": answer(timeout=5)}
        libraries = {"libuv": {"name": "libuv", "version": "1.44"}}
        found = {"libraries": libraries, "runtimes": {"tokio": answers | changed}}
        (self.folder / "beliefs" / beliefs.FILE).write_text(json.dumps(found))
        return laboratory.table("beliefs", self.folder)

    def test_count_the_lies_and_show_the_calls(self):
        text = self.tables()
        calls = "`connect` EINPROGRESS, `epoll_wait` ERR|HUP, `getsockopt(SO_ERROR)` EHOSTUNREACH"
        self.assertIn(f"| `libuv` | libuv 1.44 | 2 | {calls} |".replace("R|H", "R\\|H"), text)
        self.assertIn("| `tokio` | Rust 1.9, tokio 1 | 0, and 10 as refused |", text)
        self.assertIn("1,000 attempts each", text)

    def test_a_wait_of_another_thread_tells_something_when_it_ends(self):
        calls = [
            {"name": "epoll_wait", "arguments": "3, none", "result": "1 [7 OUT]", "begin_ns": 0, "end_ns": 30},
            {"name": "connect", "arguments": "7, 127.1.1.1:7", "result": "EINPROGRESS", "begin_ns": 10, "end_ns": 11},
            {"name": "epoll_wait", "arguments": "4, none", "result": "1 [7 ERR]", "begin_ns": 12, "end_ns": 20},
            {"name": "getsockopt", "arguments": "7, SO_ERROR", "result": "0 [EIO]", "begin_ns": 31, "end_ns": 32},
        ]
        trace = self.folder / "trace.json"
        trace.write_text(json.dumps({"means": {"calls": "ptrace"}, "calls": calls}))
        told = "`connect` EINPROGRESS, `epoll_wait` ERR, `epoll_wait` OUT, `getsockopt(SO_ERROR)` EIO"
        self.assertEqual(beliefs_tables.calls(trace), told)

    def test_show_what_becomes_of_each_situation(self):
        text = self.tables(**{"silent 0": {"outcomes": {"waits": 5}}})
        self.assertIn("| `tokio` | tries all | connected | 2.00 ms |", text)
        self.assertIn("| `tokio` | connected | waits for the kernel | connected | 1.00 ms – 3.00 ms |", text)
        self.assertIn("| connected | timeout after 2.00 ms | EMFILE 32, timeout 8 | 5 of 5 |", text)

    def test_show_every_timeout_and_host_below_its_heading(self):
        late = {
            f"silent {timeout}": answer(timeout=5) | {"least": (n + 1) * 10**6}
            for n, timeout in enumerate(beliefs.TIMEOUTS)
        }
        heard = {
            f"listening {timeout}": answer(timeout=n, connected=5 - n) for n, timeout in enumerate(beliefs.TIMEOUTS)
        }
        text = self.tables(**late, **heard | {f"listening {beliefs.TIMEOUTS[0]}": answer(timeout=5)})
        heads = ("0", "1 ms", "100 ms")
        self.assertIn(" | ".join(f"{head}: a host that listens | {head}: one that is silent" for head in heads), text)
        cells = [
            "timeout",
            "1.00 ms – 3.00 ms",
            "connected 4, timeout 1",
            "2.00 ms – 3.00 ms",
            "connected 3, timeout 2",
        ]
        self.assertIn(f"| `tokio` | {' | '.join([*cells, '3.00 ms – 3.00 ms'])} |", text)

    def test_say_what_broke(self):
        text = self.tables(stopped={"broke": "it hangs"}, descriptors={"broke": "it died"})
        self.assertIn("| `tokio` | broke: it hangs | - | broke: it died | - |", text)

    def test_have_their_markers_in_the_document(self):
        text = (ROOT / "docs/connect.md").read_text(encoding="utf-8")
        self.assertEqual([text.count(f"<!-- beliefs:{mark} -->") for mark in ("begin", "end")], [1, 1])


class SituationsTest(unittest.TestCase):
    """The example of docs/programs.md, which asyncio drives."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program = Path(folder.name) / "my-client"
        page = (ROOT / "docs/programs.md").read_text(encoding="utf-8")
        text = page.partition("```python\n")[2].partition("```")[0]
        self.program.write_text(text.replace("/usr/bin/env python3", sys.executable), encoding="utf-8")
        os.chmod(self.program, 0o755)

    def test_are_survived_by_an_honest_program(self):
        self.assertEqual(describe(self.program)["name"], "my-client")
        answers = beliefs.ask(self.program, quick=True)
        self.assertEqual(answers["first_dead"]["outcomes"], {"timeout": 5})
        self.assertEqual(answers["stopped"]["connects"]["outcomes"], {"connected": 4})
        self.assertEqual(answers["stopped"]["gives_up"]["outcomes"], {"timeout": 4})
        self.assertGreaterEqual(answers["stopped"]["gives_up"]["least"], 300_000_000)
        self.assertIn("EMFILE", answers["descriptors"]["outcomes"])
        self.assertEqual(answers["descriptors"]["afterwards"], {"connected": 5})
        self.assertEqual(answers["listening 100000000"]["outcomes"], {"connected": 5})
        self.assertGreaterEqual(answers["silent 100000000"]["least"], 100_000_000)


if __name__ == "__main__":
    unittest.main()
