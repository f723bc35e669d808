"""Ways to damage a file of records."""

import csv
import io
import json
import os

VALUES = [
    None,
    True,
    False,
    -1,
    0,
    7,
    1.5,
    1e308,
    2**53 + 1,
    2**63,
    2**64,
    10**30,
    "",
    "x",
    "*",
    "7",
    "nan",
    [],
    {},
    [[]],
]
VALUES += [
    "\ud800",
    "\udc80x",
    "\x1b[31m\r\nred\x07",
    "</script><img src=x>",
    "a" * 5000,
    "\u202e|`",
    [None],
    {"x": {}},
]
RAW = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "9" * 5000,
    "[" * 100_000,
    '{"a":' * 500,
    "tru",
    '"\\ud800"',
    "1.",
    "",
]
CELLS = [
    "",
    "-1",
    "0",
    "00",
    "1",
    "1.5",
    "1e308",
    "-1e17",
    "nan",
    "inf",
    "9" * 18,
    "9" * 30,
    " 7",
    "1_0",
    "٣",
    "x",
    "*",
]
CELLS += ["burst", "fleet:a=1.2.3,b=.", "fleet:accepting=0,b=0", "fleet:", "fleet:accepting=1e9:poisson:1/s", "steady:"]
CELLS += [
    "steady:poisson:0/s",
    "steady:poisson:1e17/s",
    "steady:poisson:-5/s",
    "accepting",
    "blackhole",
    "null",
    "epoll",
]
CELLS += [
    "\x1b]0;x\x07",
    "a\nb",
    "\u202e",
    "</td><img>",
    "|",
    "$x$ {0}",
    "a" * 200_000,
    "\x00",
    "_private",
    "connected",
]


def damage(chance, folder):
    """Damages one file below the folder. Returns what was done, as text."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    files = [path for path in files if path.stat().st_size < 10**7]
    if not files:
        return "nothing is left"
    path = chance.choice(files)
    ways = [_bytes, _place]
    if path.suffix == ".json":
        ways += [_value, _value, _value, _raw]
    elif path.suffix == ".csv":
        ways += [_cell, _cell, _cell, _rows]
    way = chance.choice(ways)
    try:
        return f"{path.relative_to(folder)}: {way(chance, path)}"
    except (ValueError, IndexError, UnicodeError, RecursionError, csv.Error, OSError) as error:  # already damaged
        return f"{path.relative_to(folder)}: as it was ({type(error).__name__})"


def _bytes(chance, path):
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 1, 3, 30))):
        at = chance.randrange(len(data))
        what = chance.randrange(5)
        if what == 0:
            data[at] = chance.randrange(256)
        elif what == 1:
            del data[at : at + chance.choice((1, 2, 50))]
        elif what == 2:
            data[at:at] = bytes([chance.randrange(256)]) * chance.choice((1, 2, 5000))
        elif what == 3:
            data[at:at] = data[at : at + 500]
        else:
            del data[at:]
        if not data:
            break
    path.write_bytes(data)
    return "bytes"


def _place(chance, path):
    """Puts something else in the place of the file."""
    what = chance.choice(("nothing", "folder", "fifo", "loop", "device", "empty", "huge", "moved", "line"))
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "loop":
        path.symlink_to(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "empty":
        path.touch()
    elif what in ("huge", "line"):
        with open(path, "wb") as file:  # sparse: it takes no room
            file.truncate(10 << 30)
            if what == "line":
                file.write(b"x,y\r\n")
    elif what == "moved":
        os.makedirs(os.fsencode(path.parent) + b"/\xff\xe9\x1b[1m", exist_ok=True)
    return what


def _value(chance, path):
    document = json.loads(path.read_text(encoding="utf-8"))
    where, parent, key = [], None, None
    value = document
    while isinstance(value, (dict, list)) and value and (parent is None or chance.random() < 0.8):
        parent = value
        key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
        where.append(key)
        value = parent[key]
    new = chance.choice(VALUES)
    if parent is None:
        document = new
    elif chance.random() < 0.1:
        del parent[key]
    elif chance.random() < 0.1 and isinstance(parent, list):
        parent *= 3
    else:
        parent[key] = new
    path.write_text(json.dumps(document), encoding="utf-8")
    return f"{where} is {new!r:.60}"


def _raw(chance, path):
    text = path.read_text(encoding="utf-8")
    at = chance.randrange(len(text))
    colon = text.find(":", at)
    raw = chance.choice(RAW)
    path.write_text(text[: colon + 1] + raw + text[colon + 2 :], encoding="utf-8")
    return f"{raw[:20]} at {colon}"


def _cell(chance, path):
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    row = chance.choice(rows[1:] or rows)
    column, new = chance.randrange(len(row)), chance.choice(CELLS)
    if chance.random() < 0.3:  # the same in every row
        for other in rows[1:]:
            if column < len(other):
                other[column] = new
    row[column] = new
    _write(path, rows)
    return f"{rows[0][column]} is {new!r:.60}"


def _rows(chance, path):
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    what = chance.choice(
        ("twice", "without", "shorter", "shuffled", "column gone", "column renamed", "column twice", "mixed")
    )
    at, column = chance.randrange(len(rows)), chance.randrange(len(rows[0]))
    if what == "twice":
        rows[at:at] = [rows[at]] * chance.choice((1, 50))
    elif what == "without":
        del rows[at]
    elif what == "shorter":
        del rows[at][column:]
    elif what == "shuffled":
        chance.shuffle(rows)
    elif what == "column gone":
        rows = [row[:column] + row[column + 1 :] for row in rows]
    elif what == "column renamed":
        rows[0][column] = chance.choice(rows[0] + ["", "x"])
    elif what == "column twice":
        rows = [row + [row[column]] for row in rows]
    else:  # one column moves against the others
        values = [row[column] for row in rows[1:]]
        chance.shuffle(values)
        for row, value in zip(rows[1:], values):
            row[column] = value
    _write(path, rows)
    return f"rows {what}"


def _write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
