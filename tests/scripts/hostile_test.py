"""Records that no connbench wrote, given to every script that reads records: one line, status 2, and nothing hangs.

tests/fuzz/records_fuzz.py does the same with random damage.
"""

import contextlib
import gzip
import io
import json
import lzma
import os
import re
import shutil
import sys

from made_records import Records
from made_runs import RunsTest, script, wave
from report.made_report import ReportTest  # first: it skips the tests without numpy

from connbench_tools import failures
from connbench_tools.exact import baseline
from connbench_tools.gate import collect, pairs, self_test
from connbench_tools.history import file as history
from connbench_tools.records import files, pending, samples, tables

SCRIPTS = {name: script(name) for name in ("report", "history", "table", "answer", "compare", "export")}
NOT_A_FILE = {
    "a FIFO": os.mkfifo,
    "a folder": os.mkdir,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "cannot be read": lambda path: os.symlink(path, path),
}
BAD_JSON = {
    '{"schema_version": 1, "seed": NaN}': "NaN is not JSON",
    '{"schema_version": 1, "seed": 1e999}': "the number 1e999 is too large",
    '{"schema_version": 1, "run_id": "\\ud800"}': "half a surrogate pair",
    '{"schema_version": 1, "run_id": "\udcff"}': "not UTF-8",
    "[" * 100_000: "nested too deep",
    "[" * 500 + "]" * 500: "more than 64 levels",
    '{"seed": ' + "9" * 5000 + "}": "cannot be read",
    '{"schema_version": true}': "schema version True",
    '{"schema_version": 1, "origin": {"realtime_ns": 1e300}}': "origin.realtime_ns is 1e+300, not a whole number",
    '{"schema_version": 1, "origin": {"realtime_ns": -1}}': "origin.realtime_ns is -1; the minimum is 0",
    '{"schema_version": 1, "warnings": [null]}': "warnings[0] is null, not text",
    '{"schema_version": 1, "syscalls": [{"calls": {"close": "x"}}]}': 'syscalls[0].calls.close is "x", not a number',
    '{"schema_version": 1, "environment": {"libraries": {"fmt": 1}}}': "environment.libraries.fmt is 1, not text",
}
BAD_CELLS = {
    "attempts": ("-1", "1.5", "1_0", "00", "٣", " 7", "9" * 19, ""),
    "shards": ("-1", "x", "1.5"),
    "cpu_ns": ("nan", "inf", "1e19", "0x7", "1_0", " 1"),
    "scenario": ("steady:x", "steady:poisson:nan/s", "steady:poisson:1e99/s"),
}


class HostileTest(RunsTest):
    def words(self, name):
        run = self.folder / "run"
        return {
            "report": [run],
            "history": [run, "--file", self.folder / "h.csv", "--branch", "main"],
            "table": ["--from", run],
            "answer": [self.folder / "answers"],
            "compare": [run, run],
            "export": [run, "--format", "json"],
        }[name]

    def refusal(self, name):
        """What the script says, which ends with status 2 and one line."""
        out, err, argv = io.StringIO(), io.StringIO(), sys.argv
        module = SCRIPTS[name]
        main = module.main if name != "compare" else lambda: module.compare.compare(module.arguments(sys.argv[1:]))
        sys.argv = [name, *map(str, self.words(name))]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = failures.run(name, main)
        finally:
            sys.argv = argv
        self.assertEqual((status, out.getvalue()), (2, ""), f"{name}: {err.getvalue()}")
        self.assertRegex(err.getvalue(), rf"\Ascripts/{name}: [^\n]+\n\Z")
        return err.getvalue()

    def records(self):
        """A run and the four runs of an answer, whose files are then damaged."""
        for folder in ("run", "answers"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)
        self.run_of("run", [wave("epoll", 1, connects_per_s=5, makespan_ns=9)])
        (self.folder / "answers").mkdir()
        for name in ("loopback", "far", "fleet", "timeout"):
            shutil.copytree(self.folder / "run", self.folder / "answers" / name)
        return [self.folder / "run", *(self.folder / "answers").iterdir()]

    def test_no_script_waits_for_or_crashes_on_what_stands_in_the_place_of_a_file(self):
        for file in ("run.json", "summary.csv"):
            for said, make in NOT_A_FILE.items():
                for name in SCRIPTS:
                    if file != "run.json" and said == "cannot be read":
                        continue  # a link to nowhere is a missing table, which a report shows
                    for folder in self.records():
                        (folder / file).unlink()
                        make(folder / file)
                    self.assertRegex(self.refusal(name), f"{said}|is missing|no such|is no run", f"{name} {file}")

    def test_every_script_refuses_what_is_not_json(self):
        for text, said in BAD_JSON.items():
            for folder in self.records():
                (folder / "run.json").write_bytes(text.encode("utf-8", "surrogateescape"))
            for name in SCRIPTS:
                self.assertIn(said, self.refusal(name), text[:60])

    def test_every_script_that_reads_the_table_refuses_cells_that_are_no_numbers(self):
        for column, cells in BAD_CELLS.items():
            for cell in cells:
                for folder in self.records():
                    shutil.rmtree(folder)
                    folder.mkdir()
                    row = {column: cell}
                    self.assertEqual(self.run_of("made", [wave("epoll", 1, **row)]), self.folder / "made")
                    shutil.copytree(self.folder / "made", folder, dirs_exist_ok=True)
                    shutil.rmtree(self.folder / "made")
                for name in ("report", "table", "answer", "compare", "history", "export"):
                    self.assertIn(
                        f"row 1 has {'the scenario ' * (column == 'scenario')}", self.refusal(name), cell[:20]
                    )

    def test_files_of_any_size_are_refused_before_they_fill_the_memory(self):
        for file in ("run.json", "summary.csv"):
            for folder in self.records():
                with open(folder / file, "wb") as opened:
                    opened.truncate(20 << 30)  # takes no room on the disk
            for name in ("report", "table", "answer", "compare", "history", "export"):
                self.assertRegex(self.refusal(name), "more than 64 MiB|a row is longer")

    def test_a_row_of_endless_lines_is_refused(self):
        path = self.folder / "endless.csv"
        path.write_text("a,b\r\n" + '"\n",' * 5000)
        with self.assertRaisesRegex(failures.Unusable, "a row is longer than any"):
            tables.read_table(path, ("a",))

    def test_a_table_with_a_column_twice_or_too_many_rows_is_refused(self):
        path = self.folder / "table.csv"
        path.write_text("a,b,a\r\n1,2,3\r\n")
        with self.assertRaisesRegex(failures.Unusable, "has the column a twice"):
            tables.read_table(path, ("a",))
        path.write_text("a\r\n" + "1\r\n" * (tables.MOST_ROWS + 1))
        with self.assertRaisesRegex(failures.Unusable, "more than 200,000 rows"):
            tables.read_table(path, ("a",))

    def test_readers_of_all_other_files_refuse_what_is_none(self):
        readers = (
            baseline.read,
            lambda path: self_test.kept_noise(path.parent),
            collect.read_facts,
            pairs.read,
            pending.read,
            history.Table,
            files.read_text,
        )
        path = self.folder / self_test.RESULT
        for make in NOT_A_FILE.values():
            make(path)
            for read in readers:
                if os.path.exists(path):
                    with self.assertRaisesRegex(failures.Unusable, "is a (FIFO|folder|device), not a file", msg=read):
                        read(path)
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
        for text in ("[]", "7", '{"noise": [1]}', '{"benchmarks": [{"name": 1}]}', "{", "\0" * 99):
            path.write_text(text)
            for read in readers[:-1]:
                with self.assertRaises(failures.Unusable, msg=f"{read} {text}"):
                    read(path)

    def test_a_number_that_is_text_is_no_threshold_and_no_figure(self):
        (self.folder / self_test.RESULT).write_text(
            json.dumps({"machine": "x", "noise": [{"benchmark": "a", "metric": "b", "noise": "nan"}]})
        )
        with self.assertRaisesRegex(failures.Unusable, r'noise\[0\].noise is "nan", not a number'):
            self_test.kept_noise(self.folder)
        (self.folder / "pairs.csv").write_text("group,order,a b base,a b head\r\nsame,AB,1,inf\r\n")
        with self.assertRaisesRegex(failures.Unusable, "row 1: 'inf' is not a number"):
            pairs.read(self.folder / "pairs.csv")


class SamplesTest(ReportTest):
    """Samples may be compressed, so that a small file can stand for a huge one."""

    def page_of(self, name, data):
        folder = Records().wave("epoll", times=[5, 6, 7]).write(self.folder / "run")
        (folder / "samples.csv").unlink()
        (folder / name).write_bytes(data)
        return self.material()

    def good(self):
        return (Records().wave("epoll", times=[5, 6, 7]).write(self.folder / "made") / "samples.csv").read_bytes()

    def test_holds_only_as_many_samples_as_the_table_says(self):
        good = self.good()
        shutil.rmtree(self.folder / "made")
        header, rest = good.split(b"\r\n", 1)
        more = rest * 50 + rest.replace(b"epoll", b"other") * 50
        for name, pack in (
            ("samples.csv", bytes),
            ("samples.csv.gz", gzip.compress),
            ("samples.csv.xz", lzma.compress),
        ):
            material = self.page_of(name, pack(header + b"\r\n" + more))
            (wave,) = material.waves["run"].values()
            self.assertEqual(len(wave.outcome), 3)
            shutil.rmtree(self.folder / "run")

    def test_refuses_a_line_without_an_end_that_comes_out_of_a_small_file(self):
        for name, pack in (("samples.csv.gz", gzip.compress), ("samples.csv.xz", lzma.compress)):
            with self.assertRaisesRegex(failures.Unusable, "a row is longer"):
                self.page_of(name, pack(b"a" * (4 << 20)))
            shutil.rmtree(self.folder / "run")

    def test_refuses_times_whose_difference_would_overflow(self):
        good = self.good()
        shutil.rmtree(self.folder / "made")
        for time in (samples.LATEST + 1, -samples.LATEST - 1, 2**63 - 1, 2**64):
            data = re.sub(rb"1000000005,", str(time).encode() + b",", good, count=1)
            with self.assertRaisesRegex(failures.Unusable, "out of range|too large|int too"):
                self.page_of("samples.csv", data)
            shutil.rmtree(self.folder / "run")
