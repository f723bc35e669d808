"""The advice in the sources, and why some of it is followed by no test of advice_test.py."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# How advice is recognised in a string of the sources.
MARKS = r"sysctl (-w|kernel)|ulimit|prlimit --|docker run|echo (\{|max)|mount -t|modprobe|ip (link|address)|"
MARKS += r"apt-get install|did you mean|--[a-z-]+ \{|--pcap FILE|raise --|leave --|--close rst|--cpus (link|client)="
NOT_FOLLOWED = {
    "--repeat {}: {}": "it only names the flag that another message is about",
    "which other hosts cannot reach: write --serve": "it takes several hosts",
    "test -x {0} || {{ echo": "it is a command of ours",
    "docker run": "there is no container runtime here",
    "'ip address add {} dev lo'": "tests give the machine no address",
    "modprobe veth": "modules belong to the whole machine",
    "apt-get install": "tests install nothing",
    "systemd unit": "tests change no unit",
    "in /etc/security/limits.conf": "tests change no file of the machine",
    "as root: sysctl -w fs.nr_open=N": "the value is that of the whole machine",
    "sysctl -w fs.file-max=N": "the value is that of the whole machine",
    "sysctl -w {}=<more> (as root)": "the values are those of the whole machine",
    "cannot be set here: {}. As root: sysctl -w": "only the machine's own network has it; tcp_memory_test sets it",
    "sysctl -w net.ipv4.tcp_mem=": "only the machine's own network has it; pending_room_test checks the arithmetic",
    "sysctl -w fs.epoll.max_user_watches=N": "the value is that of the whole machine",
    "sysctl -w kernel.unprivileged_userns_clone=1": "the value is that of the whole machine",
    "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0": "the value is that of the whole machine",
    "sysctl kernel.perf_event_paranoid=1": "the value is that of the whole machine",
    "ulimit -n {}": "connbench does that itself",
    "prlimit --pid $$ --as=": "it takes CAP_SYS_RESOURCE",
    "prlimit --pid $$ --memlock=": "it takes CAP_SYS_RESOURCE",
    "of the evenly spaced rates that are tried": "a search takes too long; phase_lock_test checks the warning",
    "; --wave-limit {} waits for that": "external_test follows it",
    "usage: grpc_channels": "it is a usage line, and scripts/method gives both flags",
    "--cpus link=": "only a busy machine needs it; the flag is tested with the lab",
    "--cpus client=N": "only a busy machine needs it; the flag is tested with the lab",
}


def strings_of_sources():
    for folder in ("bench", "cluster", "harness", "impl", "probe"):
        for path in sorted((ROOT / folder).rglob("*.cpp")):
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"^\s*(//|#include|\.name = |\.help = ).*$", "", text, flags=re.MULTILINE)
            text = re.sub(r'"\s*\n\s*"', "", text)  # the parts of one string
            yield from ((path.relative_to(ROOT), literal) for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', text))
