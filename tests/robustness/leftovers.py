"""What a command may leave behind: processes, mounts, cgroups."""

import os
import time
from pathlib import Path

MARK = "CONNBENCH_ROBUSTNESS"  # a variable that all processes of a command inherit
PATIENCE = 60.0  # s


def processes_with(mark):
    """PIDs and names of the processes that belong to a command, those in namespaces of their own included."""
    wanted, found = f"{MARK}={mark}\0".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and folder.name != str(os.getpid()):
            try:
                if wanted in (folder / "environ").read_bytes() + b"\0":
                    found.append((int(folder.name), (folder / "comm").read_text(errors="replace").strip()))
            except OSError:  # it has ended, or belongs to somebody else
                pass
    return found


def processes_that_stay(mark):
    """Those that are still there after a while: some end just after the command."""
    until = time.monotonic() + PATIENCE
    while (found := processes_with(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def of_the_machine():
    """Mounts, and cgroups of connbench. A cgroup of the same name may be another one: its inode tells."""
    found = set(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines())
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        for name in names:
            if name.startswith("connbench-"):
                path = Path(folder, name)
                try:
                    found.add(f"{path} (inode {path.stat().st_ino})")
                except OSError:
                    pass
    return found


def that_stay(before):
    """What is there now, was not there before, and does not vanish: another test may have made it meanwhile."""
    until = time.monotonic() + PATIENCE
    found = of_the_machine() - before
    while found and time.monotonic() < until:
        time.sleep(0.1)
        found &= of_the_machine()
    return sorted(found)
