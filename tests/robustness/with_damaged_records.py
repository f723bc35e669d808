#!/usr/bin/python3 -EsSB
"""Executes a command with a damaged copy of the records that it names.

  with_damaged_records.py DAMAGE COMMAND [ARGUMENT]...      every argument that is a run folder becomes the copy
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Damage:
    file: str
    make: Callable[[Path], None]  # called with the path of the file, which has been removed
    expect: dict = field(default_factory=dict)  # as that of a Condition


def text(content):
    return lambda path: path.write_text(content, encoding="utf-8")


def huge(path):
    with open(path, "wb") as file:
        file.truncate(8 << 30)  # takes no room on the disk


def changed(**facts):
    """run.json with other values. `whole` is its text before."""
    return lambda path: path.write_text(json.dumps(json.loads(WHOLE[path.name]) | facts), encoding="utf-8")


def replaced(old, new):
    return lambda path: path.write_text(WHOLE[path.name].replace(old, new, 1), encoding="utf-8", newline="")


WHOLE = {}  # the files as they were, by name
DAMAGES = {
    "run.json is a FIFO": Damage("run.json", os.mkfifo),
    "run.json is a folder": Damage("run.json", os.mkdir),
    "run.json is a device": Damage("run.json", lambda path: path.symlink_to("/dev/zero")),
    "run.json is huge": Damage("run.json", huge),
    "run.json is nested deeply": Damage("run.json", text("[" * 200_000)),
    "run.json has NaN": Damage("run.json", changed(seed=float("nan"))),
    "run.json has half a surrogate pair": Damage("run.json", changed(run_id="\ud800")),
    "run.json has text instead of a list": Damage("run.json", changed(warnings="none")),
    "run.json has a number instead of text": Damage("run.json", changed(command_line=[7])),
    "run.json is of another version": Damage("run.json", changed(schema_version=10**9)),
    "summary.csv is a FIFO": Damage("summary.csv", os.mkfifo),
    "summary.csv is huge": Damage("summary.csv", huge),
    "summary.csv is not UTF-8": Damage("summary.csv", lambda path: path.write_bytes(b"\xff\xfe")),
    "summary.csv has a cell that is no number": Damage("summary.csv", replaced(",accepting,4,", ",accepting,4,x")),
    "samples.csv is a FIFO": Damage("samples.csv", os.mkfifo, {"*": (0, 4), "report": 2}),
}


def damaged(folder, name):
    copy = Path(os.getcwd()).parent / "damaged"
    if not copy.exists():
        damage = DAMAGES[name]
        shutil.copytree(folder, copy)
        for file in ("run.json", "summary.csv"):
            WHOLE[file] = (copy / file).read_bytes().decode("utf-8")
        (copy / damage.file).unlink()
        damage.make(copy / damage.file)
    return str(copy)


def main():
    name, *words = sys.argv[1:]
    command = [damaged(word, name) if (Path(word) / "run.json").is_file() else word for word in words]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
