"""What the scripts print: on any terminal, in any locale, and when nobody reads it."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import unread
from connbench_tools import output
from made_runs import ENVIRONMENT, ROOT, RunsTest, wave

HOSTILE = "ring\x1b]0;owned\x07\u202e|`\n# µ"
LOCALES = (
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C.UTF-8"},
)


class PrintableTest(unittest.TestCase):
    def test_shows_unsafe_characters_by_their_number(self):
        self.assertEqual(
            output.printable("a\tb\nµ\x1b[1m\x9b\udcff\ud800\u202e"), "a\tb\nµ\\x1b[1m\\x9b\\xff\\ud800\\u202e"
        )
        self.assertEqual(output.one_line("a\n\r b"), "a \\x0d b")
        self.assertEqual(output.in_cell("a|b\nc"), "a\\|b c")


class StreamTest(unittest.TestCase):
    def test_waits_no_more_for_its_reader_after_an_interrupt(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        stuck = mock.Mock(write=mock.Mock(side_effect=KeyboardInterrupt), encoding="utf-8", fileno=lambda: writer)
        stream = output.Stream(stuck)
        self.assertRaises(KeyboardInterrupt, stream.write, "text")
        stream.write("more")
        stream.flush()
        stuck.flush.assert_not_called()
        stuck.write.assert_called_once()
        self.assertTrue(os.path.samestat(os.fstat(writer), os.stat(os.devnull)), "Python's own flush would wait")

    def test_waits_for_no_reader_when_the_interrupt_came_before_the_wait(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        unread.fill(writer)
        main = "def main():\n    print('text')\n    raise KeyboardInterrupt\n"
        script = f"import sys\nfrom connbench_tools import failures\n{main}sys.exit(failures.run('compare', main))"
        for streams in ({"stdout": writer}, {"stdout": writer, "stderr": writer}):
            ended = subprocess.run([sys.executable, "-E", "-c", script], cwd=ROOT / "scripts", timeout=60, **streams)
            self.assertEqual(ended.returncode, 130)


class WritingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file, self.victim = self.folder / "file", self.folder / "victim"
        self.victim.write_text("mine")

    def test_replaces_a_file_as_a_whole_and_keeps_its_mode(self):
        self.victim.chmod(0o600)
        output.write_text(self.victim, "new\udcff")
        self.assertEqual((self.victim.read_text(), self.victim.stat().st_mode & 0o777), ("new\\udcff", 0o600))
        self.assertEqual(list(self.folder.iterdir()), [self.victim])

    def test_keeps_the_old_file_when_there_is_no_room(self):
        with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
            self.assertRaises(OSError, output.write_text, self.victim, "new")
        self.assertEqual(self.victim.read_text(), "mine")
        self.assertEqual(list(self.folder.iterdir()), [self.victim])

    def test_follows_a_link_that_the_user_named_and_no_other(self):
        self.file.symlink_to(self.victim)
        output.write_text(self.file, "new")
        self.assertEqual((self.victim.read_text(), self.file.is_symlink()), ("new", True))
        output.write_text(self.file, "own", follow_links=False)
        self.assertEqual((self.victim.read_text(), self.file.read_text()), ("new", "own"))
        self.assertFalse(self.file.is_symlink())

    def test_writes_to_a_pipe_as_it_is(self):
        os.mkfifo(self.file)
        reader = os.open(self.file, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        output.write_text(self.file, "table")
        self.assertEqual(os.read(reader, 100), b"table")

    def test_writes_a_file_in_a_folder_that_cannot_be_written(self):
        with mock.patch("tempfile.NamedTemporaryFile", side_effect=PermissionError(13, "Permission denied")):
            output.write_text(self.victim, "new")
            self.assertRaises(PermissionError, output.write_text, self.victim, "x", follow_links=False)
        self.assertEqual(self.victim.read_text(), "new")


class ProgramsTest(RunsTest):
    """Every script that reads records, with its words for a folder, and its status when all is well."""

    def setUp(self):
        super().setUp()
        skip = {"connector": HOSTILE, "target": "accepting", "reason": HOSTILE}
        environment = ENVIRONMENT | {"build": {"git_commit": "abc"}, "cpu": {"model": HOSTILE, "online": [0]}}
        rows = [wave(HOSTILE, n, connects_per_s=n, makespan_ns=9, cpu_ns=9, p50_ns=1, p90_ns=2) for n in (1, 2, 3)]
        facts = {"skipped": [skip], "warnings": [HOSTILE], "environment": environment}
        facts["origin"] = {"realtime_ns": 1}
        for name in ("loopback", "far", "fleet", "timeout"):
            self.run_of(name, rows, **facts)
        (self.folder / "far/benchmark-aggregate.json").write_text(
            '{"benchmarks": [{"name": "connect/epoll/accepting/concurrency:64/p50", "real_time": 9}]}'
        )
        far = self.folder / "far"
        self.commands = {
            "report": ([far], 0),
            "compare": ([far, far], 4),
            "history": ([far, "--file", self.folder / "h/all.csv", "--branch", HOSTILE], 0),
            "table": (["--from", far], 0),
            "answer": ([self.folder], 0),
        }

    def command(self, name):
        for old in (self.folder / "h").glob("*") if name == "history" else ():
            old.unlink()  # a history takes a run once
        return [ROOT / "scripts" / name, *self.commands[name][0]]

    def test_prints_in_any_locale_and_never_a_control_character(self):
        for name, (_, status) in self.commands.items():
            for locale in LOCALES:
                done = subprocess.run(self.command(name), env=os.environ | locale, capture_output=True)
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, status, said)
                self.assertNotRegex(said, rb"[\x00-\x08\x0b-\x1f\x7f]|Traceback|\xe2\x80\xae", f"{name} {locale}")
                if "UTF-8" not in locale["LC_ALL"] and "latin" not in str(locale):
                    self.assertTrue(said.isascii(), f"{name} {locale}")

    def test_a_reader_that_has_gone_changes_neither_status_nor_files(self):
        for name, (_, status) in self.commands.items():
            for closed in ("| true", ">&-", ">&- 2>&-", "<&- >&- 2>&-"):
                words = " ".join(f"'{word}'" for word in self.command(name))
                script = f"{words} {closed}; exit ${{PIPESTATUS[0]}}"
                done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (status, ""), f"{name} {closed}")
        self.assertTrue((self.folder / "far/report.html").exists())
        self.assertTrue((self.folder / "h/all.csv").exists())

    def test_a_full_disk_is_one_line_and_no_result(self):
        for name in self.commands:
            with open("/dev/full", "w") as full:
                done = subprocess.run(self.command(name), stdout=full, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 2, name)
            self.assertRegex(done.stderr, rf"\Ascripts/{name}: .*No space left on device\n\Z")

    def test_follows_no_link_that_was_prepared_in_a_folder(self):
        victim = self.folder / "victim"
        victim.write_text("mine")
        (self.folder / "far/figures").mkdir()
        names = [
            "report.html",
            "report.html.new",
            *(f"figures/{name}.{ending}" for name in ("latency", "throughput") for ending in ("svg", "png")),
        ]
        for name in names:
            (self.folder / "far" / name).symlink_to(victim)
        words = [ROOT / "scripts/report", self.folder / "far", "--figures"]
        done = subprocess.run(words, capture_output=True, text=True)
        self.assertIn(done.returncode, (0, 2), done.stderr)
        self.assertEqual(victim.read_text(), "mine")
        self.assertFalse((self.folder / "far/report.html").is_symlink())

    def test_the_verdict_is_in_its_files_before_it_is_printed(self):
        files = self.folder / "verdicts.csv", self.folder / "table.md"
        words = [*self.command("compare"), "--csv", files[0], "--markdown", files[1]]
        self.assertEqual(unread.status_once_written(words, files), 130, "SIGTERM ends it as Ctrl-C does")
        self.assertIn("unstable", files[0].read_text())
        self.assertIn("unstable", files[1].read_text())

    def test_help_is_silent_without_a_reader_too(self):
        for name in (*self.commands, "exact", "regress", "vocabulary", "lint-python", "lint-workflows", "build-cost"):
            script = f"'{ROOT}/scripts/{name}' --help | true; exit ${{PIPESTATUS[0]}}"
            done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_accepts_folders_whose_names_are_not_utf_8(self):
        odd = os.fsencode(self.folder) + b"/\xff\xe9\x1b[1m"
        os.rename(self.folder / "far", odd)
        for words, status in (
            (["report", odd], 0),
            (["compare", odd, odd, "--markdown", odd + b".md"], 4),
            (["table", "--from", odd], 0),
            (["history", odd, "--file", odd + b"/h.csv", "--branch", "x"], 0),
            (["answer", odd], 2),
            (["compare", odd + b"none", odd], 2),
            (["report", odd, self.folder / "fleet", "--out", odd + b"/r.html"], 0),
        ):
            program = os.fsencode(ROOT / "scripts" / words[0])
            done = subprocess.run([program, *words[1:]], capture_output=True)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
            self.assertNotRegex(done.stdout + done.stderr, rb"[\x00-\x08\x0b-\x1f\x7f]|Traceback|\xff")
        with open(odd + b"/r.html", "rb") as page:
            self.assertIn(b"\\xff\\xe9\\x1b[1m", page.read())
