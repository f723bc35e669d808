#!/usr/bin/env python3
"""The layout of the C++ sources: which folder may include which, how long files and functions may be, and what older
compilers let pass.

Prints every violation. Exit status: 0 none, 1 some. scripts/lint-python checks the lengths in Python.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MOST_FILE_LINES = 400
MOST_FUNCTION_LINES = 60
# Bottom up: a folder includes itself and the folders before it. What this allows has no cycle.
ORDER = {
    "": ["harness", "impl", "probe", "cluster", "bench", "tests"],
    "harness": (
        "support connector machine process syscalls programs lab targets exhaust wave scenarios trace record run"
    ).split(),
    "impl": ["sockets", "loops", "threads", "processes", "ring", "races", "libraries", "runtimes"],
}
MOST_FOLDERS = {"harness": 14, "impl": 8}

NO_CODE = re.compile(  # directives, comments, and literals that may contain braces
    r"""^[ \t]*\#(?:\\\n|[^\n])* | //[^\n]* | /\*.*?\*/
      | R"(\w*)\(.*?\)\1" | "(?:\\.|[^"\\\n])*" | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def sources():
    """Yields (path from the root, text) of every C++ file."""
    for folder in [*ORDER[""], "examples"]:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def upward(includer, included):
    """Returns the two folders if the one of the included file is above that of the includer; otherwise None."""
    parent = ""
    for own, other in zip(includer.parts[:-1], included.parts[:-1]):
        order = ORDER.get(parent, [])
        if own != other:
            return (own, other) if own in order and other in order and order.index(other) > order.index(own) else None
        parent = f"{parent}/{own}" if parent else own
    return None


def upward_includes():
    for path, text in sources():
        for match in re.finditer(r'^\s*#\s*include "([^"]+)"', text, re.MULTILINE):
            if folders := upward(path, Path(match[1])):
                yield f"{path} includes {match[1]}: {folders[1]} is above {folders[0]}"


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
    for path, text in sources():
        if (lines := text.count("\n")) > MOST_FILE_LINES:
            yield f"{path} has {lines} lines, more than {MOST_FILE_LINES}"


def functions(text):
    """Yields (name, first line, number of lines) of each block that has parameters: functions, loops, lambdas."""
    code = NO_CODE.sub(lambda match: "\n" * match[0].count("\n"), text)
    heads, head_at = [], 0  # where the text that precedes each open brace begins
    for match in re.finditer(r"[{};]", code):
        if match[0] == "{":
            heads.append((head_at, match.start()))
        elif match[0] == "}" and heads:
            begin, end = heads.pop()
            name, parameters, _ = code[begin:end].partition("(")
            if parameters and not SCOPE.search(name):
                first = code.count("\n", 0, begin + len(name) - len(name.lstrip())) + 1
                yield " ".join(name.split()), first, code.count("\n", 0, match.end()) + 2 - first
        head_at = match.end()


def long_functions():
    for path, text in sources():
        for name, line, length in functions(text):
            if length > MOST_FUNCTION_LINES:
                yield f"{path}:{line}: {name} has {length} lines, more than {MOST_FUNCTION_LINES}"


def lacking_cstdint():
    """Headers that use integers of a fixed width without <cstdint>: libstdc++ 12 has it elsewhere, 14 has not."""
    for path, text in sources():
        used = re.search(r"\bu?int(8|16|32|64)_t\b", NO_CODE.sub("", text))
        if path.suffix == ".h" and used and not re.search(r"^#include <(cstdint|stdint\.h)>", text, re.MULTILINE):
            yield f"{path} uses {used[0]} and does not include <cstdint>"


def main():
    found = [*upward_includes(), *unplaced_folders(), *long_files(), *long_functions(), *lacking_cstdint()]
    print("\n".join(found) or "fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
