"""For each study a function of its name, which makes records: such that its claims are true, or such that they are
false."""

import json

from study.made_study import MS, SECOND, ramp_rows, ramps_run, run_of, times_run

REPETITIONS = 8


def who_believes_zero(made, is_true, misled=3, ended="unreachable"):
    """`misled`: attempts of a wave that a believer takes for connected; `ended`: the outcome of the others."""
    study = made.module
    seen, met = 30 if is_true else 0, ended == "unreachable"
    alike = ("zero_not_connected", "zero_with_pollerr_alone", "unreachable_afterwards", "error_in_queue")
    reported = 40_000 - seen if met else 0
    plain = {"attempts": 40_000, "reported": reported, "zero": seen, "other": 40_000 - seen - reported}
    plain |= dict.fromkeys(alike, seen)
    made.answer("plain", "answer.json", {"kernel": "6.1", "asleep": plain, "awake": plain})
    captured, run = run_of(), run_of()
    made.waves(captured, "libuv", 1, study.TARGET, 4000, {"connected": 1, ended: 3999})
    made.write("capture", captured)
    packets = {"syn": 20000, "syn_ack": 0, "unreachable": 20000, "dropped": 0}
    (made.folder / "capture/packets.json").write_text(json.dumps(packets))
    believe, careful = (misled, 0) if is_true else (0, 2 if met else 0)
    for names, connected in ((study.BELIEVERS, believe), (study.CAREFUL, careful)):
        for name in names.split(","):
            made.waves(run, name, 3, study.TARGET, 4000, {"connected": connected, ended: 4000 - connected})
    made.write("believe", run)


def port_cliff(made, is_true):
    for way, late in (("kernel", 4 * MS if is_true else 30_000), ("range", 30_000 if is_true else 4 * MS)):
        waves = [times_run("blocking", [25_000] * 1200 + [late + place] * 500) for place in range(5)]
        made.write(f"held-{way}", *waves)


def threads_or_events(made, is_true, server_cpu_ns="", **facts):
    """The claims contradict each other: true is what the first and the second say, false what the third says."""
    study, costs = made.module, {"cpu_ns": 400 * 20_000, "rss_peak_kib": 9_000}
    costs |= {"server_cpu_ns": server_cpu_ns} if server_cpu_ns else {}
    for place, target in (("near", "accepting"), ("far", "delayed:20ms")):
        run = run_of(**facts)
        for many in study.IN_FLIGHT:
            for connector in study.WAYS:
                threads = 40_000 if is_true else 10_000
                value = 20_000 if connector == study.LOOP else threads
                made.waves(run, connector, REPETITIONS, target, concurrency=many, connects_per_s=value, **costs)
        made.write(place, run)
    fleet, scenario = run_of(), "fleet:accepting=80,blackhole=20"
    stuck, lost = ({"cancelled": 230}, {}) if is_true else ({}, {"cancelled": 230})
    for connector, ended in (("blocking-threads", stuck), ("sndtimeo-threads", lost), ("epoll", {})):
        made.waves(fleet, connector, REPETITIONS, "*", scenario=scenario, **costs)
        made.waves(fleet, connector, REPETITIONS, scenario=scenario, outcomes=ended, connects_per_s=900)
    made.write("fleet", fleet)


def memory_of_a_waiter(made, is_true):
    sizes = {"blocking-threads": (9.5, 15) if is_true else (30, 60), "epoll": (0.3, 5) if is_true else (2, 5)}
    benchmarks = [
        {"name": f"floor/pending_bytes/{name}/iterations:1", "run_type": "iteration", "pending": 2000}
        | {"bytes_per_pending": 1024 * user + place, "slab_per_pending": 1024 * kernel}
        | {"kernel_stack_per_pending": 0, "page_tables_per_pending": 0}
        for name, (user, kernel) in sizes.items()
        for place in range(REPETITIONS)
    ]
    made.answer("pending", "answer.json", {"benchmarks": benchmarks})


def syn_staircase(made, is_true):
    study = made.module
    for step, expected in (("doubling", study.DOUBLING), ("linear", study.LINEAR)):
        run = run_of()
        for lost, seconds in expected.items():
            took = (seconds * 1.02 if is_true else seconds + 2) * SECOND
            run.wave("epoll", 1, f"lossy-syn:{lost}", "fleet:x=100", times=[int(took)] * 60)
        made.write(step, run)
        total = int(SECOND * study.TOTALS[step] * (1.03 if is_true else 1.4))
        made.write(f"total-{step}", times_run("blocking-threads", [total] * 64, "blackhole", outcome="peer_timeout"))


def happy_eyeballs_timers(made, is_true):
    study = made.module
    dead = run_of()
    for connector, (timer, _) in study.TIMERS.items():
        made.waves(dead, connector, REPETITIONS, "dual-stack", 64, p50_ns=(timer + (1 if is_true else 300)) * MS)
    made.write("dead", dead)
    slow = run_of()
    made.waves(slow, study.RACING, REPETITIONS, "dual-stack:400ms~20ms", 32, p50_ns=(271 if is_true else 900) * MS)
    made.write("slow", slow)
    distant = run_of()
    for connector, took in study.DISTANT.items():
        made.waves(distant, connector, REPETITIONS, "dual-stack:300ms~300ms", 32, p50_ns=(took if is_true else 50) * MS)
    made.write("distant", distant)


def overflowing(times):
    return times_run("epoll", times, "overflowing:8", p50_ns=MS, max_ns=max(times))


def late_acks(made, is_reset):
    reset = 64 if is_reset else 0
    abort = {"connected": 64 - reset, "reset": reset, "other": 0}
    answer = {"kernel": "6.1", "attempts": 64, "abort": abort, "drop": {"connected": 64, "reset": 0, "other": 0}}
    made.answer("ack", "answer.json", answer)


def accept_queue_overflow(made, is_true):
    for step in ("drop", "abort"):
        times = [MS] * 300 + [SECOND * 3 if is_true and step == "drop" else MS] * 100
        if step == "abort" and is_true:
            times[-20:] = [SECOND] * 20
        run = overflowing(times)
        if step == "abort" and is_true:
            run.rows[0] |= {"reset": 600, "attempts": 1000}
        if step == "abort" and not is_true:
            run.rows[0] |= {"reset": 0}
        made.write(step, run)
    late_acks(made, is_true)


def accept_queue_overflow_without_resets(made, of_acks=False):
    """All of those whose SYN finds no room wait."""
    times = [MS] * 300 + [SECOND] * 100
    made.write("drop", overflowing(times))
    made.write("abort", overflowing(times))
    late_acks(made, of_acks)


def thread_exhaustion(made, is_true):
    ramps = []
    for repetition in (1, 2, 3):
        stopped = "pthread_create" if is_true else ""
        stuck = ramp_rows("blocking-threads", repetition, 511, 8, 23, stopped)
        timed = ramp_rows("select-threads", repetition, 511, 8, 23, stopped, 3 * MS if is_true else 9 * SECOND)
        loop = ramp_rows("epoll", repetition, 2000, 0.3, 5)
        ramps += [("blocking-threads", stuck, 900, 0 if is_true else 900), ("select-threads", timed, 900, 0)]
        ramps += [("epoll", loop, 500, 500 if is_true else 0)]
    made.write("threads", ramps_run(ramps))


def failing_ipv6(made, is_true):
    study = made.module
    run, arrivals = run_of(), []
    for connector in study.TITLES:
        for scenario in (study.WHOLE, study.FAILING):
            made.waves(run, connector, 5, scenario=scenario, connects_per_s=1900)
            slow = scenario == study.FAILING and not is_true
            for repetition in range(1, 6):
                entry = {"connector": connector, "scenario": scenario, "target": "accepting", "repetition": repetition}
                times = {f"response_{rank}_ns": (500 * MS if slow else MS) + repetition for rank in ("p50", "p90")}
                arrivals.append(entry | times | {"response_p99_ns": None if slow else 2 * MS})
    run.facts["arrivals"] = arrivals
    made.write("fleet", run)


def select_against_epoll(made, is_true):
    study = made.module
    busy, idle = run_of(), run_of()
    for way in study.WAYS:
        for many in study.IN_FLIGHT:
            rate = 30_000 if is_true or way == "epoll" else 10_000
            made.waves(busy, way, 12, concurrency=many, connects_per_s=rate, cpu_ns=400 * 20_000)
        dear = 5 if is_true and way != "epoll" else 1
        scenario = "fleet:accepting=50,blackhole=50"
        made.waves(idle, way, 5, "*", scenario=scenario, cpu_ns=400 * 20_000 * dear)
        made.waves(idle, way, 5, scenario=scenario, connects_per_s=1000)
    made.write("busy", busy)
    made.write("idle", idle)


def io_uring_against_epoll(made, is_true):
    for step in ("batched", "single"):
        run = run_of()
        for name in ("epoll", "io-uring"):
            rate = 40_000 if name == "io-uring" and is_true else 30_000
            made.waves(run, name, REPETITIONS, connects_per_s=rate, cpu_ns=400 * 20_000)
        calls = {"io-uring": 100 if is_true else 6000, "epoll": 6000}
        run.facts["syscalls"] = [
            {"connector": name, "attempts": 1000, "calls": {"connect": count}} for name, count in calls.items()
        ]
        made.write(step, run)


def sndtimeo_granularity(made, is_true):
    study = made.module
    run = run_of()
    for timeout in study.TIMEOUTS:
        for way in study.WAYS:
            late = 50_000 if is_true or way == "poll-threads" else 3 * MS
            ended = {"deadline_exceeded": 400 if is_true or way == "poll-threads" else 0}
            more = {"timeout_ns": timeout, "overshoot_p50_ns": late, "overshoot_p99_ns": 2 * late}
            made.waves(run, way, REPETITIONS, "blackhole", 400, ended, **more)
    made.write("late", run)


def user_timeout_and_syn(made, is_true):
    study = made.module
    for connector, step in study.STEPS.items():
        run = run_of()
        for timeout in study.TIMEOUTS:
            late = 0.02 * timeout if is_true else 2 * timeout
            ended = {"deadline_exceeded": 64}
            made.waves(run, connector, REPETITIONS, "blackhole", 64, ended, timeout_ns=timeout, overshoot_p50_ns=late)
        made.write(step, run)


def sharding(made, is_true):
    study = made.module
    study.MOST, study.SHARDS[:] = 2, [1, 2]
    for load in study.LOADS:
        for shards in study.SHARDS:
            runs = []
            for place in range(8):
                factor = shards if is_true else 1 if load == "free" else 1 / shards
                run = run_of()
                made.waves(run, "epoll", 1, connects_per_s=(20_000 + place) * factor, cpu_ns=400 * 20_000)
                runs.append(run)
            made.write(f"{load}-{shards}", *runs)


def runtimes(made, is_true):
    study = made.module
    for place in study.PLACES:
        run = run_of()
        for connector in study.WAYS:
            slow = connector == "java-threads" if is_true else connector in study.LIGHT
            rate = 5_000 if slow else 20_000
            made.waves(run, connector, 5, connects_per_s=rate, cpu_ns=400 * 20_000, rss_peak_kib=9_000, threads_peak=4)
        made.write(place, run)


def mptcp(made, is_true):
    study = made.module
    run = run_of()
    made.waves(run, study.PLAIN, REPETITIONS, connects_per_s=30_000, cpu_ns=400 * 20_000)
    failed = {"refused": 0 if is_true else 400}
    cost = 400 * (21_000 if is_true else 60_000)
    made.waves(run, study.MULTI, REPETITIONS, "accepting", 400, failed, connects_per_s=30_000, cpu_ns=cost)
    made.write("near", run)


def fastopen(made, is_true):
    study = made.module
    run = run_of()
    for name in (study.PLAIN, study.FAST):
        fast = is_true and name == study.FAST
        made.waves(run, name, 5, "fastopen:20ms", p50_ns=MS if fast else 20 * MS)
    made.write("far", run)
