"""Records that no connbench wrote, where the scripts expect records: one line and status 2, never a hang.

tests/scripts/hostile_test.py has the single readers, and tests/fuzz/records_fuzz.py random damage.
"""

from pathlib import Path

from conditions import Condition
from with_damaged_records import DAMAGES

WRAPPER = str(Path(__file__).resolve().parent / "with_damaged_records.py")
READERS = ("compare", "report", "table of a run", "history of a run")
OF_A_HOOK = dict.fromkeys(("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"), "/nowhere")

RECORDS = [
    Condition(f"records: {name}", wrap=(WRAPPER, name), only=READERS, expect={"*": 2} | damage.expect)
    for name, damage in DAMAGES.items()
]
RECORDS += [
    Condition("in a hook of git", environment=OF_A_HOOK | {"GIT_PREFIX": ""}, only=(*READERS, "vocabulary")),
    Condition("a locale with ASCII only", environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, only=READERS),
    Condition("a Latin-1 locale", environment={"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}, only=READERS),
]
