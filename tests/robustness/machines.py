"""Machines that lack something: system calls that a container refuses, namespaces, limits. Each must be a skip with its
reason, or status 3 with its reason and what to do about it."""

import errno
import fcntl
import os
import re
import resource
import socket
import struct
import time
from pathlib import Path

from conditions import Condition, libc, refuse, root_only

PROGRAM = ("help", "version", "list", "list as json", "doctor", "doctor as json", "dry run")
MEASURING = ("run on loopback", "run over both families", "run in the lab", "exhaust", "probe", "trace")
ALL = PROGRAM + MEASURING
OF_DOCTOR = ("doctor", "doctor as json")
IN_LAB_ONLY = ("run in the lab", "trace")  # what cannot do without
LACKS = 3


def all_of(status, *names):
    return dict.fromkeys(names, status)


def when_lacking(*words):
    """A check: where the machine lacks something, each of these is said."""

    def check(command, ended):
        if ended.status != LACKS:
            return []
        return [f"it did not say '{word}'" for word in words if not re.search(word, ended.err)]

    return check


def and_of_doctor(pattern, check=lambda command, ended: []):
    """A check: doctor says this, and `check` holds."""

    def both(command, ended):
        said = check(command, ended)
        if command.name in OF_DOCTOR and not re.search(pattern, ended.out):
            said = [*said, f"doctor does not say '{pattern}'"]
        return said

    return both


# System calls, by their numbers on x86-64

CALLS = {
    "unshare": 272,
    "ptrace": 101,
    "mount": 165,
    "setns": 308,
    "prlimit64": 302,
    "sched_setaffinity": 203,
    "sched_getaffinity": 204,
    "signalfd4": 289,
    "timerfd_create": 283,
    "timer_create": 222,
    "perf_event_open": 298,
    "memfd_create": 319,
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "pidfd_getfd": 438,
    "epoll_pwait2": 441,
}


def without(*calls, error=errno.EPERM):
    return lambda: refuse(*(CALLS[call] for call in calls), error=error)


def x86_64_only():
    return "" if os.uname().machine == "x86_64" else "the numbers of system calls are those of x86-64"


def refused(call, expect=None, check=lambda command, ended: [], only=ALL, error=errno.EPERM):
    how = "unknown" if error == errno.ENOSYS else "refused"
    return Condition(
        f"{call} is {how}",
        without(call, error=error),
        only=only,
        expect=expect or {},
        needs=x86_64_only,
        check=check,
    )


NOTHING = all_of(LACKS, *MEASURING, *OF_DOCTOR)
SECCOMP = when_lacking("seccomp=unconfined")

SYSTEM_CALLS = [
    refused("pidfd_open", NOTHING | all_of(LACKS, "dry run"), and_of_doctor("pidfd_open", SECCOMP)),
    refused("pidfd_open", NOTHING | all_of(LACKS, "dry run"), SECCOMP, error=errno.ENOSYS),
    refused("signalfd4", NOTHING | all_of(LACKS, "dry run"), and_of_doctor("signalfd", SECCOMP)),
    refused(
        "unshare",
        all_of(LACKS, *IN_LAB_ONLY),
        and_of_doctor("creating namespaces is refused", when_lacking("as root")),
    ),
    refused("mount", all_of(LACKS, *IN_LAB_ONLY), when_lacking("systempaths=unconfined"), only=MEASURING),
    refused("setns", all_of(LACKS, *IN_LAB_ONLY), when_lacking("the lab's network cannot be built"), only=MEASURING),
    refused("ptrace", all_of(LACKS, "trace"), when_lacking("SYS_PTRACE")),
    refused("memfd_create", all_of(LACKS, "trace"), when_lacking("--pcap FILE"), only=MEASURING),
    # Threads cannot be made: what makes none goes on.
    refused("clone3", all_of(LACKS, "exhaust"), and_of_doctor("pthread_create: Operation not permitted")),
    refused("timerfd_create", check=and_of_doctor("timerfd_create: Operation not permitted"), only=OF_DOCTOR),
    refused("sched_setaffinity", check=and_of_doctor('share them|"cpus": null')),
    *(
        refused(call)
        for call in (
            "sched_getaffinity",
            "close_range",
            "io_uring_setup",
            "perf_event_open",
            "epoll_pwait2",
            "pidfd_getfd",
        )
    ),
    # The limits of a process are then unknown, and cannot be set.
    refused("prlimit64", all_of((0, 1, LACKS), "exhaust")),
]


# Namespaces


def new_namespaces(flags):
    """Unshares them; for an ordinary user, in a new user namespace that keeps his IDs."""
    user, group = os.geteuid(), os.getegid()
    new_user = 0x10000000  # CLONE_NEWUSER
    if user != 0:
        flags |= new_user
    if libc.unshare(flags) != 0:
        raise OSError("unshare")
    if flags & new_user:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def in_network(*sysctls, lo_is_up=True):
    """In a network of its own, with these sysctls: "net/ipv4/ip_local_port_range=1024 65535"."""

    def enter():
        new_namespaces(0x40000000)  # CLONE_NEWNET
        if lo_is_up:
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
        for sysctl in sysctls:
            name, value = sysctl.split("=")
            Path("/proc/sys", name).write_text(value, encoding="ascii")

    return enter


def wait_for_ipv6():
    """The kernel makes an address usable some time after it was added, in a work queue."""
    for _ in range(1000):
        with socket.socket(socket.AF_INET6) as one:
            try:
                return one.bind(("::1", 0))
            except OSError:
                time.sleep(0.01)


def hidden(folder):
    """In a mount namespace in which the folder is empty."""

    def enter():
        new_namespaces(0x00020000)  # CLONE_NEWNS
        none, private, there = b"none", 0x4000 | 1 << 18, os.fsencode(folder)  # MS_REC, MS_PRIVATE
        if libc.mount(none, b"/", None, private, None) or libc.mount(none, there, b"tmpfs", 0, None):
            raise OSError(f"mount on {folder}")

    return enter


def without_room_for(kind):
    """In a user namespace that allows no namespaces of this kind."""

    def enter():
        new_namespaces(0x10000000)
        Path(f"/proc/sys/user/max_{kind}_namespaces").write_text("0", encoding="ascii")

    return enter


def skips_ipv6(command, ended):
    if command.name != "run over both families" or ended.status != 0:
        return []
    run = ended.run_json()
    reasons = [skipped["reason"] for skipped in run["skipped"] if str(skipped["family"]) in ("6", "ipv6")]
    if not reasons or "disable_ipv6=0" not in reasons[0]:
        return [f"IPv6 is not skipped with a remedy: {reasons}"]
    return []


def sees_processors(command, ended):
    if command.name != "doctor":
        return []
    seen = re.search(r"^ *processors +(\d+)", ended.out, re.MULTILINE)
    available = len(os.sched_getaffinity(0))
    return [] if seen and int(seen[1]) == available else [f"doctor sees {seen and seen[1]} processors of {available}"]


def says_how_to_get_networks(command, ended):
    check = when_lacking(r"sysctl -w user\.max_net_namespaces=\d+")
    return check(command, ended) if command.name in IN_LAB_ONLY else []


NO_PROC = all_of(LACKS, "run on loopback", "run over both families", "exhaust", *OF_DOCTOR)
NAMESPACES = [
    Condition(
        "there is no IPv6",
        in_network("net/ipv6/conf/all/disable_ipv6=1"),
        only=ALL,
        check=and_of_doctor("disable_ipv6=0", skips_ipv6),
    ),
    Condition(
        "loopback is down",
        in_network(lo_is_up=False),
        only=ALL,
        expect=all_of(LACKS, "run on loopback", "run over both families"),
        check=when_lacking("ip link set lo up"),
    ),
    Condition("every port is ephemeral", in_network("net/ipv4/ip_local_port_range=1024 65535"), only=ALL),
    Condition("there are 16 ephemeral ports", in_network("net/ipv4/ip_local_port_range=40000 40015"), only=ALL),
    Condition(
        "only the last ports need no privilege",
        in_network("net/ipv4/ip_local_port_range=61000 65535", "net/ipv4/ip_unprivileged_port_start=60000"),
        only=PROGRAM + ("run on loopback", "run over both families"),
        as_user=True,
    ),
    Condition(
        "SYNs are repeated every second",
        in_network("net/ipv4/tcp_rto_max_ms=1000"),
        only=OF_DOCTOR,
        needs=lambda: "" if Path("/proc/sys/net/ipv4/tcp_rto_max_ms").exists() else "Linux 6.15 has tcp_rto_max_ms",
        check=and_of_doctor("about 7.0{0,2} s"),
    ),
    Condition(
        "there is no /proc",
        hidden("/proc"),
        only=ALL,
        expect=NO_PROC,
        needs=root_only,  # another user's lab needs a /proc that is whole
        check=and_of_doctor("/proc", when_lacking("mount -t proc")),
    ),
    Condition(
        "there is no /sys",
        hidden("/sys"),
        only=ALL,
        expect=all_of((0, LACKS), "exhaust"),  # root's threads are limited by a cgroup
        check=sees_processors,
    ),
    Condition(
        "no network may be made",
        without_room_for("net"),
        only=ALL,
        expect=all_of(LACKS, *IN_LAB_ONLY) | all_of((0, LACKS), "exhaust"),
        check=says_how_to_get_networks,
    ),
    Condition(
        "no mount namespace may be made",
        without_room_for("mnt"),
        only=IN_LAB_ONLY,
        expect=all_of(LACKS, *IN_LAB_ONLY),
        check=when_lacking(r"sysctl -w user\.max_mnt_namespaces=\d+"),
    ),
]


# Limits


def at_most(which, value):
    return lambda: resource.setrlimit(which, (value, value))


def last_processor():
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def advises_no_placement(command, ended):
    said = re.search(r"--cpus|\"client\"", ended.out) if command.name in OF_DOCTOR else None
    return [f"doctor advises {said[0]}"] if said else []


LIMITS = [
    Condition(
        "5 descriptors",
        at_most(resource.RLIMIT_NOFILE, 5),
        only=ALL,
        expect=NOTHING | all_of((0, LACKS), "list", "list as json") | all_of(LACKS, "dry run"),
        check=when_lacking("RLIMIT_NOFILE", "to raise it"),
    ),
    Condition(
        "16 descriptors",
        at_most(resource.RLIMIT_NOFILE, 16),
        only=ALL,
        expect=NOTHING | all_of(LACKS, "dry run"),
        check=and_of_doctor("RLIMIT_NOFILE", when_lacking("RLIMIT_NOFILE", "to raise it")),
    ),
    Condition("80 descriptors", at_most(resource.RLIMIT_NOFILE, 80), only=("doctor", *MEASURING)),
    Condition(
        "100 MiB of address space",
        at_most(resource.RLIMIT_AS, 100 << 20),
        only=ALL,
        expect=all_of((0, LACKS), *MEASURING),
        check=when_lacking("RLIMIT_AS", "to raise it"),
    ),
    Condition(
        "one process",
        at_most(resource.RLIMIT_NPROC, 1),
        only=("help", "list", "doctor", *MEASURING),
        expect=all_of(LACKS, "list", "doctor", *MEASURING) | all_of(2, "exhaust"),  # its --limit is too high
        as_user=True,
        check=when_lacking("RLIMIT_NPROC", "to raise it"),
    ),
    Condition("the last processor only", last_processor, only=ALL, check=advises_no_placement),
]

MACHINES = [*SYSTEM_CALLS, *NAMESPACES, *LIMITS]
