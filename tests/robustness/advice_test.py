#!/usr/bin/python3 -B
"""Follows the advice that connbench gives, and sees it work. Every piece of advice in the sources is either followed by
a test of this file, or listed with the reason why it cannot be followed here.

  tests/robustness/advice_test.py build/release [-v] [TEST]
"""

import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import machines
from advice import MARKS, NOT_FOLLOWED, strings_of_sources

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("CONNBENCH_BUILD", ROOT / "build/release")) / "bin"
PATIENCE, USER = 240, 65534
FOLLOWED = {}  # part of the string: the test that follows it


def follows(*parts):
    def register(test):
        for part in parts:
            FOLLOWED[part] = test.__name__
        return test

    return register


class Advice(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.folder.chmod(0o777)
        self.runs = 0

    def connbench(self, words, *enter, as_user=False, status=None):
        """Runs it after these functions of the child; {out} is a new folder. Returns what it said."""
        self.runs += 1
        program = BIN / "connbench"
        if as_user:
            program = shutil.copy(program, self.folder / "connbench")

        def prepare():
            for step in enter:
                step()

        command = [str(program), *words.format(out=self.folder / str(self.runs)).split()]
        user = {"user": USER, "group": USER, "extra_groups": []} if as_user and os.geteuid() == 0 else {}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, preexec_fn=prepare, cwd=self.folder, **user
        )
        if status is not None:
            self.assertEqual(done.returncode, status, f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def doctor(self, *enter):
        """{subject: remedy}"""
        answer = json.loads(self.connbench("doctor --format json", *enter).split("\nconnbench: ")[0])
        return {finding["subject"]: finding["remedy"] for part in ("machine", "capacity") for finding in answer[part]}

    def by_root(self):
        if os.geteuid() != 0:
            self.skipTest("only root can follow it")

    def found(self, pattern, text):
        match = re.search(pattern, text)
        self.assertTrue(match, f"no '{pattern}' in: {text}")
        return match[1]

    RUN = "run --connector epoll --concurrency 4 --attempts 8 --repetitions 1 --syscalls off --out {out} "

    # Processors

    @follows("to keep the sides apart: --cpus", "a processor of its own (--cpus {})")
    def test_cpus_that_doctor_names_can_be_used(self):
        for enter in ((), (machines.last_processor,)):
            remedy = self.doctor(*enter)["processors"]
            if "--cpus" in remedy:
                self.connbench(self.RUN + "--cpus " + self.found(r"--cpus (\S+)", remedy), *enter, status=0)
            else:
                self.connbench(self.RUN, *enter, status=0)

    @follows("leave --cpus out")
    def test_without_cpus_where_processors_cannot_be_chosen(self):
        cannot = machines.without("sched_setaffinity")
        flag = f"--cpus client={min(os.sched_getaffinity(0))}"
        self.assertIn("leave --cpus out", self.connbench(self.RUN + flag, cannot, status=3))
        self.connbench(self.RUN, cannot, status=0)

    @follows("write {}")
    def test_the_form_of_cpus_that_a_message_shows(self):
        shown = self.found(r"write (\S+)", self.connbench(self.RUN + "--cpus 0", status=2))
        self.connbench(self.RUN + "--cpus " + shown, status=0)

    @follows("as root: echo {} > {}")
    def test_a_quota_of_processor_time_can_be_lifted(self):
        group = self.cgroup("cpu", "cpu.cfs_quota_us", "50000")
        remedy = self.doctor(self.member_of(group))["processor time"]
        subprocess.run(["sh", "-c", self.found(r"as root: (echo -?\w+ > [^;]+);", remedy)], check=True)
        self.assertNotIn("processor time", self.doctor(self.member_of(group)))

    def cgroup(self, controller, file, value):
        group = Path(f"/sys/fs/cgroup/{controller}/connbench-advice-{os.getpid()}")
        try:
            group.mkdir()
            self.addCleanup(group.rmdir)
            (group / file).write_text(value, encoding="ascii")
        except OSError as error:
            self.skipTest(f"no cgroup can be made here: {error}")
        return group

    @staticmethod
    def member_of(group):
        return lambda: (group / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    # Limits

    @follows("or divide the load: --shards {}", "prlimit --pid $$ --nofile=", "lower --concurrency")
    def test_more_descriptors_or_shards_or_less_in_flight(self):
        few = machines.at_most(resource.RLIMIT_NOFILE, 200)
        load = "run --connector epoll --attempts 300 --repetitions 1 --syscalls off --out {out} --concurrency "
        said = self.connbench(load + "300", few, status=3)
        self.connbench(load + "300 --shards " + self.found(r"--shards (\d+)", said), few, status=0)
        self.connbench(load + "100", few, status=0)
        wanted = self.found(r"(prlimit --pid \$\$ --nofile=\d+:\d+)", said)
        command = f"ulimit -n 200 && {wanted} && exec {BIN}/connbench {load}300".format(out=self.folder / "more")
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE)
        if "not permitted" in done.stderr:
            self.skipTest("raising a hard limit takes CAP_SYS_RESOURCE; the rest was followed")
        self.assertEqual(done.returncode, 0, done.stderr)

    @follows("ulimit -u ")
    def test_more_threads_for_a_user(self):
        def limit(soft):
            return lambda: resource.setrlimit(resource.RLIMIT_NPROC, (soft, 9000))

        load = "run --connector blocking-threads --concurrency 3000 --dry-run"
        said = self.connbench(load, limit(2000), as_user=True, status=3)
        self.connbench(load, limit(int(self.found(r"ulimit -u (\d+)", said))), as_user=True, status=0)

    @follows("echo max > {} (as root)")
    def test_more_threads_for_a_cgroup(self):
        group = self.cgroup("pids", "pids.max", "40")
        load = "run --connector blocking-threads --concurrency 64 --dry-run"
        said = self.connbench(load, self.member_of(group), status=3)
        subprocess.run(["sh", "-c", self.found(r"(echo max > \S+)", said)], check=True)
        self.connbench(load, self.member_of(group), status=0)

    @follows("ulimit -v {}")
    def test_more_address_space(self):
        load = self.RUN + "--target delayed:1ms"
        said = self.connbench(load, self.limited(resource.RLIMIT_AS, 100 << 20), status=3)
        advised = self.found(r"ulimit -v (\w+)", said)
        self.connbench(load, self.limited(resource.RLIMIT_AS, advised), status=0)

    @follows("ulimit -l {}")
    def test_more_memory_for_rings(self):
        load = self.RUN.replace("epoll", "io-uring")
        said = self.connbench(load, self.limited(resource.RLIMIT_MEMLOCK, 0), as_user=True)
        if "Cannot allocate memory" not in said:
            self.skipTest("there is no io_uring, or this kernel does not charge rings to the limit")
        advised = self.found(r"ulimit -l (\w+)", said)
        self.connbench(load, self.limited(resource.RLIMIT_MEMLOCK, advised), as_user=True, status=0)

    @staticmethod
    def limited(kind, most):
        """`most`: bytes, or what ulimit takes."""
        if isinstance(most, str):
            most = resource.RLIM_INFINITY if most == "unlimited" else int(most) << 10
        return lambda: resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))

    # The network

    @follows(
        "sysctl -w net.ipv4.ip_local_port_range='1024 65535'", "--close rst", "or widen net.ipv4.ip_local_port_range"
    )
    def test_a_wide_range_of_ports(self):
        advised = self.found(r"ip_local_port_range='([^']+)'", self.doctor(machines.in_network())["ephemeral ports"])
        wide = machines.in_network(f"net/ipv4/ip_local_port_range={advised}")
        self.assertEqual(self.doctor(wide)["ephemeral ports"], "")
        loopback = "accepting,refusing,backlog-full,closing-first,resetting,speaking-first,slow-accept,overflowing"
        self.connbench(self.RUN + f"--target {loopback} --family 4,6 --timeout 30ms --wave-limit 3s", wide, status=0)
        self.connbench("exhaust ports --limit 40 --connector epoll --out {out}", wide, status=0)
        self.connbench("exhaust ports --to-the-end --pending 100 --connector epoll --out {out}", wide, status=0)
        held = (
            "run --external --target 127.0.0.1:7000 --connector epoll --concurrency 60 --attempts 60 --repetitions 1 "
        )
        held += "--syscalls off --out {out} --close hold"
        self.assertIn("more than half", self.connbench(held, self.listener("40000 40099")))
        self.assertNotIn("more than half", self.connbench(held, self.listener("1024 65535"), status=0))
        self.assertNotIn("more than half", self.connbench(held.replace("hold", "rst"), self.listener("40000 40199")))

    @follows("'{}' is a host outside this program: --external allows it")
    def test_a_host_outside_with_a_wide_range_of_ports(self):
        listener = self.listener("1024 65535")
        host = self.RUN + "--target 127.0.0.1:7000 "
        self.assertIn("--external", self.connbench(host, listener, status=2))
        self.connbench(host + "--external", listener, status=0)

    def listener(self, ports):
        """At 127.0.0.1:7000, in a network with these ephemeral ports."""

        def enter():
            machines.in_network(f"net/ipv4/ip_local_port_range={ports}")()
            self.listening = socket.create_server(("127.0.0.1", 7000), backlog=100)
            self.listening.set_inheritable(True)  # connbench has it open, too

        return enter

    @follows("sysctl -w net.core.somaxconn=N", "raise net.core.somaxconn")
    def test_a_longer_backlog(self):
        longer = machines.in_network("net/core/somaxconn=65535")
        self.assertRegex(self.connbench("doctor", longer, status=0), r"longest backlog +65535")
        self.connbench(self.RUN, longer, status=0)

    @follows("sysctl -w net.ipv6.conf.lo.disable_ipv6=0", "ip link set lo up", "ip address add ::1/128 dev lo")
    def test_ipv6_that_was_disabled(self):
        self.by_root()
        cases = {
            "sysctl -w [a-z0-9_.]+=0": ("net/ipv6/conf/all/disable_ipv6=1",),
            "ip address add ::1/128 dev lo": (),
        }
        for advice, sysctls in cases.items():
            network = machines.in_network(*sysctls)
            enter = [network] if sysctls else [network, self.shell("ip -6 address del ::1/128 dev lo")]
            remedy = self.found(f"({advice})", self.doctor(*enter)["IPv6 on loopback"])
            enter += [self.shell(remedy), machines.wait_for_ipv6]
            self.assertEqual(self.doctor(*enter)["IPv6 on loopback"], "")
            self.connbench(
                self.RUN + "--family 6 --target accepting,backlog-full --timeout 500ms --wave-limit 1min",
                *enter,
                status=0,
            )

    @follows("; as root: ip link set lo up")
    def test_loopback_that_is_down(self):
        self.by_root()
        down = machines.in_network(lo_is_up=False)
        remedy = self.found("as root: (ip link set lo up)", self.connbench(self.RUN, down, status=3))
        self.connbench(self.RUN, down, self.shell(remedy), status=0)

    @staticmethod
    def shell(command):
        return lambda: subprocess.run(command.split(), check=True, stdout=subprocess.DEVNULL)

    @follows("limits, ports and usage are read there: mount -t proc")
    def test_proc_that_is_not_mounted(self):
        self.by_root()
        hidden = machines.hidden("/proc")
        remedy = self.found("(mount -t proc proc /proc)", self.connbench(self.RUN, hidden, status=3))
        self.connbench(self.RUN, hidden, self.shell(remedy), status=0)

    # The lab

    @follows(*(f"user.max_{kind}_namespaces=" for kind in ("user", "net", "mnt", "pid")))
    def test_namespaces_that_were_not_allowed(self):
        for kind, as_user in (("net", False), ("mnt", False), ("pid", False), ("user", os.geteuid() != 0)):
            if kind == "user" and not as_user:
                continue  # root's lab has none
            forbidden = machines.without_room_for(kind)
            said = self.connbench(self.RUN + "--target blackhole --timeout 30ms", forbidden, status=3)
            name, value = self.found(r"sysctl -w (user\.[a-z_]+=\d+)", said).split("=")
            path = Path("/proc/sys", name.replace(".", "/"))
            allowed = lambda path=path, value=value: path.write_text(value, encoding="ascii") and None  # noqa: E731
            self.connbench(self.RUN + "--target blackhole --timeout 30ms", forbidden, allowed, status=0)

    @follows("--sysctl net.ipv4.ip_local_port_range='1024 65535' (of the lab)")
    def test_more_ports_in_the_lab(self):
        if "can be made" not in self.connbench("doctor"):
            self.skipTest("there is no lab here")
        command = [BIN / "connbench", *self.RUN.format(out=self.folder / "lab").split(), "--timeout", "30ms"]
        command += ["--target", "blackhole,accepting", "--sysctl", "net.ipv4.ip_local_port_range=1024 65535"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)

    @follows("nine tenths of them: connbench run", "--concurrency {} --attempts {}")
    def test_the_largest_load_is_accepted(self):
        remedy = self.doctor()["pending attempts, in shards"]
        self.connbench(self.found("connbench (run .*)", remedy) + " --dry-run", status=0)

    @follows("give one, --pcap FILE")
    def test_a_file_for_the_packets_of_a_trace(self):
        cannot = machines.without("memfd_create")
        self.assertIn("--pcap FILE", self.connbench("trace", cannot, status=3))
        self.connbench(f"trace --pcap {self.folder}/packets", cannot, status=0)

    @follows("--out {} is the file of --pcap: choose another one")
    def test_another_file_for_the_packets_of_a_trace(self):
        said = self.connbench("trace --connector epoll --out t.txt --pcap t.txt")
        self.assertIn("choose another one", said)
        self.connbench("trace --connector epoll --out t.txt --pcap t.pcap", status=0)

    @follows("is one of the files of this run (--out {}): choose another one")
    def test_another_file_for_the_packets_of_a_run(self):
        run = (
            "run --connector epoll --target delayed:1ms --attempts 4 --repetitions 1 --syscalls off --out {out} --pcap "
        )
        (self.folder / "records").mkdir()
        said = self.connbench(run.replace("{out}", "records") + "records/run.json")
        self.assertIn("choose another one", said)
        self.connbench(run + "packets.pcap", status=0)

    # Flags

    @follows("did you mean")
    def test_what_was_meant_is_accepted(self):
        meant = [
            ("--connector", "epol"), ("--target", "acepting"), ("--timeout", "100"), ("--timeout", "1m"),
            ("--arrival", "poisson:1000"), ("--attempts", "2k"), ("--repetitions", "5x"), ("--family", "ipv4"),
            ("--close", "reset"), ("--wave-limit", "20"), ("--mix", "accepting=80%,refusing=20%"),
            ("--connector", "select-threads+stak:1MiB"),
        ]  # fmt: skip
        for flag, value in meant:
            with self.subTest(f"{flag} {value}"):
                said = self.connbench(f"run --dry-run {flag} {value}", status=2)
                better = self.found(r"did you mean '?([^'?]+)'?\?", said)
                # What is suggested may be a part of the value.
                word = value.replace("stak", better) if "+" in value else better
                if "%" in value:
                    word = value.replace("%", "")
                self.connbench(f"run --dry-run {flag} {word}", status=0)

    @follows("or give --external-attempts {", "give --external-concurrency {}", "or raise --external-rate")
    def test_bounds_of_hosts_outside(self):
        host = "run --dry-run --connector epoll --external --target 127.0.0.1:9 --repetitions 1 --syscalls off "
        for load in ("--attempts 20000", "--attempts 3000 --concurrency 300"):
            said = self.connbench(host + load, status=2)
            self.connbench(host + load + " " + self.found(r"(--external-\w+ \d+)", said), status=0)
        fast = host + "--attempts 10 --arrival uniform:5000/s"
        self.assertIn("raise --external-rate", self.connbench(fast, status=2))
        self.connbench(fast + " --external-rate 5000/s", status=0)

    @follows("lower --shards, or raise --concurrency", "leave --shards out", "would get none: raise --attempts")
    def test_loads_that_cannot_be_divided(self):
        run = "run --dry-run --connector epoll --attempts 16 "
        self.connbench(run + "--shards 9 --concurrency 8", status=2)
        self.connbench(run + "--shards 9 --concurrency 9", status=0)
        self.connbench(run + "--shards 8 --concurrency 8", status=0)
        self.connbench(run + "--external --target 127.0.0.1:9 --shards 2", status=2)
        self.connbench(run + "--external --target 127.0.0.1:9", status=0)
        self.connbench("run --dry-run --connector epoll --mix accepting=99,refusing=1 --attempts 10", status=2)
        self.connbench("run --dry-run --connector epoll --mix accepting=99,refusing=1 --attempts 200", status=0)

    @follows(
        "widen net.ipv4.ip_local_port_range there",
        "a UNIX socket cannot be reached from other hosts; leave --family",
        "each needs at least one attempt in flight",
    )
    def test_what_hosts_cannot_do(self):
        run = "cluster run --dry-run --serve s --connector epoll --attempts 10000 --concurrency 10000 "
        too_few = run + "--host a,b --limits ports=1000 --addresses "
        self.assertIn("raise --addresses", self.connbench(too_few + "1", status=3))
        self.connbench(too_few + "5", status=0)
        self.connbench(run + "--host a,b --limits ports=5000 --addresses 1", status=0)
        self.connbench(run + "--host a,b,c,d,e,f,g,h,i,j --limits ports=1000 --addresses 1", status=0)
        self.connbench(run + "--host a --family unix", status=2)
        few = "cluster run --dry-run --host a,b --connector epoll --concurrency "
        self.connbench(few + "1", status=2)
        self.connbench(few + "2 --limits ports=1000", status=0)

    @follows("Use --arrival {}, or {} of {}.")
    def test_arrivals_that_do_not_keep_step_with_the_timeout(self):
        load = self.RUN.replace("--attempts 8", "--attempts 16") + "--target backlog-full "
        said = self.connbench(load + "--timeout 10ms --arrival uniform:1000/s", status=0)
        arrival, timeout = re.search(r"Use --arrival (\S+), or .* of (\S+)\.", said).groups()
        for better in (f"--timeout 10ms --arrival {arrival}", f"--timeout {timeout} --arrival uniform:1000/s"):
            self.assertNotIn("keeps step", self.connbench(load + better, status=0))

    @follows("The wave reached its limit: raise --wave-limit")
    def test_a_longer_wave(self):
        load = self.RUN + "--connector blocking --target slow-accept:200ms --wave-limit "
        if "raise --wave-limit" in self.connbench(load + "1ms"):
            self.assertNotIn("raise --wave-limit", self.connbench(load + "60s", status=0))

    def test_every_piece_of_advice_is_followed(self):
        known, used = [*FOLLOWED, *NOT_FOLLOWED], set()
        for path, literal in strings_of_sources():
            parts = [part for part in known if part in literal]
            used.update(parts)
            if re.search(MARKS, literal) and not parts:
                self.fail(f"{path}: nobody has followed this advice; add a test, or the reason why not: {literal}")
        self.assertEqual(set(NOT_FOLLOWED) - used, set(), "nobody gives this advice any more")


if __name__ == "__main__":
    if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir():
        BIN = Path(sys.argv.pop(1)).resolve() / "bin"
    unittest.main()
