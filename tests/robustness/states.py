"""What a process may inherit from its parent. docs/inherited-state.md says what we do about each."""

import contextlib
import fcntl
import os
import resource
import signal
import struct
import sys
import termios
from pathlib import Path

from conditions import Condition, prctl, root_only

SLOW_READER = Path(__file__).resolve().parent / "slow_reader.py"
USUAL = ("help", "list", "doctor", "run on loopback", "run in the lab", "trace", "compare", "vocabulary")


# What to check besides


def recorded(**expected):
    """A check: `environment.process` of run.json says so."""

    def check(_, ended):
        if not (ended.records / "run.json").exists():
            return []
        process = ended.run_json()["environment"].get("process", {})
        return [
            f"run.json records {name} as {process.get(name)}"
            for name in expected
            if process.get(name) != expected[name]
        ]

    return check


def nothing_on_stderr(command, ended):
    """For commands that say nothing there: libraries may."""
    lines = [
        line for line in ended.err.splitlines() if not line.startswith(("wave ", "ramp ", "records: ", "connbench"))
    ]
    return [f"on stderr: {line}" for line in lines[:1]] if command.status == 0 and not command.is_script else []


# Signals


def ignore(*numbers):
    def enter():
        for number in numbers or signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)

    return enter


def block_all():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def pending(number):
    def enter():
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        os.kill(os.getpid(), number)

    return enter


def alarms():
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 3600)


SIGNALS = [
    Condition("as usual"),
    Condition("SIGCHLD is ignored", ignore(signal.SIGCHLD)),
    Condition("SIGHUP is ignored", ignore(signal.SIGHUP), only=USUAL, check=recorded(ignored_signals=["SIGHUP"])),
    Condition("SIGINT is ignored", ignore(signal.SIGINT, signal.SIGQUIT), only=USUAL),
    Condition("all signals are ignored", ignore()),
    Condition("all signals are blocked", block_all),
    Condition("a signal is pending", pending(signal.SIGUSR1), only=USUAL),
    Condition(
        "SIGTERM is pending",
        pending(signal.SIGTERM),
        only=("list", "run on loopback", "run in the lab", "compare"),
        expect={"*": -signal.SIGTERM, "compare": (-signal.SIGTERM, 130)},
    ),
    Condition("alarms are set", alarms, only=USUAL),
]


# Environment


STEERING = {
    "LIBEV_FLAGS": "1",  # select()
    "EVENT_NOEPOLL": "1",
    "EVENT_SHOW_METHOD": "1",
    "EVENT_PRECISE_TIMER": "1",
    "EVENT_EPOLL_USE_CHANGELIST": "1",
    "UV_USE_IO_URING": "1",
    "UV_THREADPOOL_SIZE": "1",
    "UV_TCP_SINGLE_ACCEPT": "1",
    "http_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "NLCB": "debug",
}
CHANGING = {"MALLOC_ARENA_MAX": "1", "MALLOC_PERTURB_": "85", "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
ELSEWHERE = {
    "HOME": "/nonexistent",
    "TMPDIR": "/nonexistent",
    "TZ": ":/nonexistent",
    "LC_ALL": "xx_YY.ISO-8859-1",
    "LANG": "xx_YY",
    "TERM": "nonsense",
    "COLUMNS": "-1",
    "NO_COLOR": "1",
    "CLICOLOR_FORCE": "1",
}


ENVIRONMENT = [
    Condition("variables that steer libraries", environment=STEERING, check=nothing_on_stderr),
    Condition("variables that change malloc()", environment=CHANGING, only=USUAL, check=recorded(variables=CHANGING)),
    Condition("folders and locales that do not exist", environment=ELSEWHERE),
    Condition("no environment", environment={name: None for name in os.environ}),
]


# Limits, scheduling, files


def limit(which, soft):
    def enter():
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (soft if hard < 0 or 0 <= soft < hard else hard, hard))

    return enter


def schedule(policy):
    return lambda: os.sched_setscheduler(0, policy, os.sched_param(0))


def one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def slack(nanoseconds):
    return lambda: prctl(29, nanoseconds)  # PR_SET_TIMERSLACK


def umask(mask):
    return lambda: os.umask(mask) and None


RESOURCES = [
    Condition("nothing may be written for others", umask(0o077), only=USUAL),
    Condition("everybody may write", umask(0), only=USUAL),
    Condition("files may have no rights", umask(0o777), only=USUAL, needs=root_only),
    Condition("few descriptors, and more on request", limit(resource.RLIMIT_NOFILE, 16)),
    Condition("a small stack", limit(resource.RLIMIT_STACK, 512 * 1024)),
    Condition("an unlimited stack", limit(resource.RLIMIT_STACK, resource.RLIM_INFINITY), only=USUAL),
    Condition("an hour of CPU time", limit(resource.RLIMIT_CPU, 3600), only=USUAL),
    Condition("no locked memory", limit(resource.RLIMIT_MEMLOCK, 0), only=USUAL),
    Condition(
        "the lowest priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, 19), only=USUAL, check=recorded(nice=19)
    ),
    Condition("scheduled as a batch", schedule(os.SCHED_BATCH), only=USUAL, check=recorded(scheduling="batch")),
    Condition("scheduled when idle", schedule(os.SCHED_IDLE), only=USUAL, check=recorded(scheduling="idle")),
    Condition("one processor", one_processor),
    Condition("timers may be late", slack(10_000_000), only=USUAL),
    Condition("the first to be killed", lambda: write("/proc/self/oom_score_adj", "1000"), only=USUAL),
    Condition("no new privileges", lambda: prctl(38, 1), only=USUAL),
]


def write(path, text):
    Path(path).write_text(text, encoding="utf-8")


# Descriptors


def close(*numbers):
    def enter():
        for fd in numbers:
            os.close(fd)

    return enter


def many_descriptors():
    """Above FD_SETSIZE too, and none of them closed on exec."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    null = os.open("/dev/null", os.O_RDWR)
    for fd in [*range(3, 1200), min(hard, 4000) - 1]:
        if fd != null:
            os.dup2(null, fd, inheritable=True)
    os.set_inheritable(null, True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def full_pipe(fd):
    """`fd` becomes a pipe that does not block, whose reader is slow."""

    def enter():
        to = os.dup(fd)
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        if os.fork() == 0:
            os.dup2(reading, 0)
            os.dup2(to, 1)
            # A program of its own: only then do those who wait for the command see that it is still passing text on.
            os.execv(sys.executable, [sys.executable, "-IS", str(SLOW_READER)])
        for other in (reading, to):
            os.close(other)
        os.set_blocking(writing, False)
        os.dup2(writing, fd, inheritable=True)
        os.close(writing)

    return enter


DESCRIPTORS = [
    Condition("stdin is closed", close(0)),
    Condition("stderr is closed", close(2), silent=True),
    Condition("stdin and stderr are closed", close(0, 2), only=USUAL, silent=True),
    Condition("many descriptors are open", many_descriptors),
    Condition("stdout does not block", full_pipe(1)),
    Condition("stderr does not block", full_pipe(2), only=USUAL),
]


# Processes, session, folder


def other_children():
    """One runs, one has ended and nobody has waited for it. Orphans become ours too."""
    prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
    if os.fork() == 0:
        os._exit(1)
    if os.fork() == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.environ.clear()
        os.execv("/bin/sleep", ["sleep", "2"])


def in_the_background():
    """Of a terminal of 3 columns, to which stderr goes."""
    terminal, side = os.openpty()
    if (leader := os.fork()) != 0:
        os.close(side)
        with contextlib.suppress(OSError):  # EIO: the last process that had it is gone
            while os.read(terminal, 4096):
                pass
        os._exit(os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) & 0xFF)
    os.close(terminal)
    os.setsid()
    fcntl.ioctl(side, termios.TIOCSCTTY, 0)
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 2, 3, 0, 0))
    if (job := os.fork()) != 0:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]) & 0xFF)
    os.setpgid(0, 0)
    os.dup2(side, 2)
    os.close(side)


def deleted_folder():
    folder = Path.cwd() / "deleted"
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()


def unreadable_folder():
    folder = Path.cwd() / "unreadable"
    folder.mkdir()
    os.chdir(folder)
    folder.chmod(0)


SURROUNDINGS = [
    Condition("there are other children", other_children),
    Condition("in the background of a terminal", in_the_background, silent=True),
    Condition("the folder was deleted", deleted_folder),
    Condition("the folder cannot be read", unreadable_folder, as_user=True, only=USUAL[:-2]),
    Condition("as an ordinary user", as_user=True, only=USUAL[:-2]),
    Condition(
        "process 1 of its namespace",
        wrap=("unshare", "--pid", "--fork", "--mount-proc", "--kill-child"),
        needs=root_only,
    ),
]

STATES = [*SIGNALS, *ENVIRONMENT, *RESOURCES, *DESCRIPTORS, *SURROUNDINGS]
