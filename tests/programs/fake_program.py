"""Programs that speak the protocol of docs/programs.md, each with one fault."""

import json
import os

DESCRIPTION = {"protocol": 1, "name": "fake", "summary": "one attempt after the other", "families": ["4", "6"]}

# It makes one attempt after the other, and obeys `stop`. A fault is a piece of code at one of its places.
SOURCE = """#!/usr/bin/env python3
import errno, json, os, select, signal, socket, subprocess, sys, time
if sys.argv[1:] == ["--describe"]:
    print({description!r})
    sys.exit(0)
wave = json.loads(sys.stdin.readline())
{before_ready}
print('ready {{"clock_error_ns": 0}}', flush=True)
origin = int(sys.stdin.readline().split()[1])
records = []
for i in range(wave["attempts"]):
    if select.select([0], [], [], 0)[0]:
        records.append([i, 0, 0, "cancelled"])
        continue
    address = wave["hosts"][i % len(wave["hosts"])][0]
    started = time.monotonic_ns()
    sock = socket.socket(socket.AF_INET6 if ":" in address["ip"] else socket.AF_INET)
    sock.settimeout(wave["timeout_ns"] / 1e9)
    try:
        sock.connect((address["ip"], address["port"]))
        outcome = "connected"
    except OSError as error:
        outcome = errno.errorcode[error.errno] if error.errno else "timeout"
    finished = time.monotonic_ns()
    sock.close()
    records.append([i, started, finished, outcome])
    {during}
{before_done}
print("done", flush=True)
sys.stdin.readline()
{before_records}
for record in records:
    print(*record)
{before_end}
print("end", flush=True)
{after_end}
"""

PLACES = ["before_ready", "during", "before_done", "before_records", "before_end", "after_end"]


def write(path, description=None, **faults):
    """Writes an executable program. @param faults code at some of PLACES"""
    said = json.dumps({**DESCRIPTION, **(description or {})})
    text = SOURCE.format(description=said, **{place: faults.get(place, "pass") for place in PLACES})
    return write_text(path, text)


def write_text(path, text, mode=0o755):
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)
    return path


PYTHON = "#!/usr/bin/env python3\n"
DESCRIBED = f"if [ \"$1\" = --describe ]; then echo '{json.dumps(DESCRIPTION)}'; exit; fi\n"

# A fault in the dialogue, and what its reason must say.
FAULTS = {
    "id-twice": ({"before_records": "records[7] = records[3]"}, "reported attempt 3 twice"),
    "id-never": ({"before_records": "del records[5]"}, "reported no end of attempt 5"),
    "id-unknown": ({"before_records": "records[5][0] = 99"}, "reported an attempt 99; the ids go from 0 to 9"),
    "prints": ({"during": "print('connected!', flush=True)"}, "wrote to stdout while measuring: 'connected!'"),
    "hangs-early": ({"before_ready": "print('loading', flush=True)"}, "wrote 'loading' where a line like 'ready"),
    "hangs": ({"before_done": "time.sleep(1000)"}, "hangs: it did not write 'done'"),
    "hangs-in-records": ({"before_end": "sys.stdout.flush(); time.sleep(1000)"}, "hangs: it wrote nothing for"),
    "does-not-exit": ({"after_end": "sys.stdout.flush(); time.sleep(1000)"}, "did not exit within 5"),
    "killed": (
        {"during": "if i == 5: os.kill(os.getpid(), 9)"},
        "killed by signal 9 (Killed) before it wrote 'done'",
    ),
    "throws": ({"during": "if i == 5: raise ValueError('no luck')"}, "its stderr: ValueError: no luck"),
    "leaves-a-child": (
        {"before_done": "subprocess.Popen(['sleep', '1000'], start_new_session=True, stdout=subprocess.DEVNULL)"},
        "left processes behind: sleep",
    ),
    "leaves-a-grandchild": (
        {"before_done": "os.system('(setsid sleep 1001 >/dev/null 2>&1 &)')"},
        "left processes behind: sleep",
    ),
    "writes-1-GB": ({"before_done": "[print('x' * 1023) for _ in range(1 << 20)]"}, "while measuring: 'xxx"),
    "writes-1-GB-at-once": ({"before_done": "[print('x' * 1023, end='') for _ in range(1 << 20)]"}, "than it may"),
    "writes-1-GB-of-records": (
        {"before_records": "first = records[0]; records = ([i, *first[1:]] for i in range(1 << 25))"},
        "reported an attempt 10",
    ),
    "writes-1-GB-to-stderr": (
        {"before_done": "[print('y' * 1023, file=sys.stderr) for _ in range(1 << 20)]; sys.exit(4)"},
        "the last line of its stderr: yyy",
    ),
    "writes-lines-to-stderr": (
        {"before_done": "[print('y' * 1023, file=sys.stderr) for _ in range(9)]; sys.exit('the last of them')"},
        "the last line of its stderr: the last of them",
    ),
    "runs-backwards": (
        {"before_records": "records[2][1], records[2][2] = records[2][2], records[2][1]"},
        "reported attempt 2 as finished",
    ),
    "other-clock": ({"before_records": "records[4][1] = 1"}, "before the wave began"),
    "future": ({"before_records": "records[4][2] += 10**12"}, "after it wrote 'done'"),
    "unknown-word": ({"before_records": "records[4][3] = 'EFOO'"}, "attempt 4 with an unknown outcome 'EFOO'"),
    "no-record": ({"before_records": "print('hello world')"}, "wrote 'hello world' where a record"),
}

# No dialogue at all.
TEXTS = {
    "nonsense": (PYTHON + "print('I am a program')\n", "--describe printed no JSON object"),
    "no-description": ("#!/bin/sh\nexit 3\n", "--describe: ended with status 3"),
    "old-protocol": ("#!/bin/sh\necho '{\"protocol\": 99}'\n", '"protocol" must be 1'),
    "no-interpreter": ("#!/no/such/interpreter\n", "its first line names an interpreter that is not there"),
    "no-first-line": ("echo hello\n", "a script needs a first line such as"),
    "nonsense-when-run": ("#!/bin/sh\n" + DESCRIBED + "head -c 100000 /dev/urandom\n", "the program wrote"),
    "reads-nothing": (
        "#!/bin/sh\n" + DESCRIBED + "exec 0<&-; exit 0\n",
        "ended with status 0 before it wrote 'ready'",
    ),
}


def write_faulty(folder):
    """Writes the faulty programs. Returns what each one's failure must say, by the program's path."""
    expected = {write(folder / name, **fault): reason for name, (fault, reason) in FAULTS.items()}
    for name, (text, reason) in TEXTS.items():
        expected[write_text(folder / name, text)] = reason
    expected[write_text(folder / "not-executable", PYTHON, 0o644)] = "cannot be executed: Permission denied; chmod +x"
    expected[folder / "missing"] = "cannot be executed: No such file or directory"
    return expected
