#!/usr/bin/env python3
"""The layout of the sources: which folder may include which, and how long files and functions may be.

Prints every violation. Exit status: 0 none, 1 some.
"""

import ast
import re
import sys
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 60
# Bottom up: a folder includes itself and the folders before it. What this allows has no cycle.
ORDER = {
    "": ["harness", "impl", "probe", "bench", "tests"],
    "harness": ["support", "connector", "machine", "process", "syscalls", "lab", "targets", "exhaust", "wave", "scenarios",
                "trace", "record", "run"],
    "impl": ["sockets", "loops", "threads", "ring", "races", "libraries", "runtimes"],
}
MOST_FOLDERS = {"harness": 14, "impl": 8}

# Directives, comments, and literals that may contain braces.
NO_CODE = re.compile(r"""^[ \t]*\#[^\n]*|//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.DOTALL | re.MULTILINE)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def sources(*suffixes):
    for folder in [*ORDER[""], "examples", "scripts"]:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file():
                yield path, path.read_text(encoding="utf-8")


def python_programs():
    for path in sorted((ROOT / "scripts").iterdir()):
        if path.suffix == "" and path.is_file():
            text = path.read_text(encoding="utf-8")
            if "python" in text.partition("\n")[0]:
                yield path, text


def upward_includes():
    """Includes of our own headers that point from a folder to one above it."""
    for path, text in sources(".h", ".cpp"):
        includer = path.relative_to(ROOT).parts
        for match in re.finditer(r'^\s*#\s*include "([^"]+)"', text, re.MULTILINE):
            included = Path(match[1]).parts
            at = ""
            while at in ORDER and len(includer) > 1 and len(included) > 1 and includer[0] == included[0]:
                at, includer, included = includer[0], includer[1:], included[1:]
            order = ORDER.get(at, [])
            if includer[0] in order and included[0] in order and order.index(included[0]) > order.index(includer[0]):
                yield f"{path.relative_to(ROOT)} includes {match[1]}: {included[0]} is above {includer[0]}"
            includer = path.relative_to(ROOT).parts


def unplaced_folders():
    """Folders that have no place in the order, and too many of them."""
    for parent, order in ORDER.items():
        if not parent:
            continue
        folders = [path.name for path in (ROOT / parent).iterdir() if path.is_dir() and any(path.rglob("*.cpp"))]
        if len(folders) > MOST_FOLDERS[parent]:
            yield f"{parent} has {len(folders)} folders, more than {MOST_FOLDERS[parent]}"
        for name in sorted(set(folders) - set(order)):
            yield f"{parent}/{name} has no place in the order of folders (tests/house_test.py)"


def long_files():
    for path, text in chain(sources(".h", ".cpp", ".py"), python_programs()):
        lines = text.count("\n")
        if lines > MOST_FILE_LINES:
            yield f"{path.relative_to(ROOT)} has {lines} lines, more than {MOST_FILE_LINES}"


def blocks(text):
    """Yields (first line, last line, head) of each {...} that contains statements; the head is what precedes the brace."""
    code = NO_CODE.sub(lambda match: "\n" * match[0].count("\n"), text)
    opened, head_at = [], 0
    for match in re.finditer(r"[{};]", code):
        if match[0] == "{":
            opened.append(head_at)
        elif match[0] == "}" and opened:
            begin = opened.pop()
            head = code[begin:code.index("{", begin)]
            if "(" in head and not SCOPE.search(head.partition("(")[0]):
                yield code.count("\n", 0, begin + len(head) - len(head.lstrip())) + 1, code.count("\n", 0, match.start()) + 1, head
        head_at = match.end()


def functions(path, text):
    """Yields (name, first line, number of lines) of each function."""
    if path.suffix in (".h", ".cpp"):
        for first, last, head in blocks(text):
            yield " ".join(head.partition("(")[0].split()), first, last - first + 1
    else:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def long_functions():
    for path, text in chain(sources(".h", ".cpp", ".py"), python_programs()):
        for name, line, length in functions(path, text):
            if length > MOST_FUNCTION_LINES:
                yield f"{path.relative_to(ROOT)}:{line}: {name} has {length} lines, more than {MOST_FUNCTION_LINES}"


def main():
    found = [*upward_includes(), *unplaced_folders(), *long_files(), *long_functions()]
    print("\n".join(found) or "fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
