// The screens as people see them, compared with the files in this folder: 80 and 120 columns wide, and without a limit.
// After a change that is meant: CONNBENCH_UPDATE_GOLDEN=1 build/release/bin/screen_test, then read the difference.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "bench/doctor_table.h"
#include "bench/exhaust_table.h"
#include "bench/list_table.h"
#include "bench/rate_table.h"
#include "bench/table.h"
#include "tests/bench/golden/made_up.h"

namespace connbench {
namespace {

using namespace std::chrono_literals;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void expect_golden(const std::string& name, const std::function<std::string(size_t width)>& screen) {
  const std::filesystem::path folder = std::filesystem::path(CONNBENCH_SOURCE_DIR) / "tests/bench/golden";
  const std::pair<const char*, size_t> widths[] = {{"80", 80}, {"120", 120}, {"full", SIZE_MAX}};
  for (const auto& [suffix, width] : widths) {
    const std::string text = screen(width);
    const std::filesystem::path file = folder / (name + "." + suffix + ".txt");
    if (std::getenv("CONNBENCH_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << text;
    EXPECT_EQ(text, content_of(file)) << file;
    for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
      EXPECT_LE(display_width(std::string_view(text).substr(from, to - from)), width) << file;
  }
}

Case burst(std::string target, size_t concurrency, Duration timeout) {
  return {.scenario = "burst",
          .connector = "",
          .target = std::move(target),
          .concurrency = concurrency,
          .attempts = 20'000,
          .timeout = timeout};
}

constexpr const char* no_lab =
    "delayed:20ms needs the lab: unshare(CLONE_NEWUSER) fails with EPERM: sysctl kernel.unprivileged_userns_clone is 0";

MadeUpRun closed_loop() {
  MadeUpRun run;
  run.load(burst("accepting", 256, 1s))
      .add({"null", 12'803'521, 0, 0, 0, 0.05, 0, 0, 1, 1}, Outcome::connected)
      .add({"blocking-threads", 23'412, 0, 0, 0, 31.2, 2.1, 9, 1.4, 257}, Outcome::connected)
      .add({"select-threads+stack:64KiB", 21'034, 0, 0, 0, 36.5, 2.4, 11, 1.9, 257}, Outcome::connected)
      .add({"epoll", 71'208, 0, 0, 0, 11.4, 0.02, 6, 248, 1}, Outcome::connected)
      .add({"epoll+detect:recv+source-port:range", 69'951, 0, 0, 0, 11.9, 0.02, 7, 249, 1}, Outcome::connected)
      .add({"io-uring", 83'900, 0, 0, 0, 9.87, 0.01, 2, 251, 1, {{Outcome::reset, 3}, {Outcome::exhausted, 12}}},
           Outcome::connected)
      .fail("killed by SIGSEGV before the wave was over");
  run.load(burst("accepting", 1, 1s))
      .add({"null", 9'104'000, 0.04, 0, 0, 0.11, 0, 0, 1, 1}, Outcome::connected)
      .add({"blocking-threads", 19'870, 14.2, 0, 0, 40.1, 2, 9, 0.41, 2}, Outcome::connected)
      .add({"epoll", 44'190, 16.8, 0, 0, 19.3, 0.98, 7, 0.92, 1}, Outcome::connected);
  for (const size_t concurrency : {size_t{1}, size_t{256}})
    for (const char* connector : {"null", "blocking-threads", "select-threads+stack:64KiB", "epoll",
                                  "epoll+detect:recv+source-port:range", "io-uring", "libuv"})
      run.load(burst("delayed:20ms", concurrency, 1s)).skip(connector, no_lab);
  run.load(burst("accepting", 256, 1s)).skip("libuv", "uv.h was not found (apt-get install libuv1-dev)");
  run.load(burst("accepting", 1, 1s)).skip("libuv", "uv.h was not found (apt-get install libuv1-dev)");
  return run;
}

TEST(Screen, OfAClosedLoop) {
  const MadeUpRun run = closed_loop();
  expect_golden("run", [&](size_t width) { return result_table(run.results(), run.skipped(), width); });
}

TEST(Screen, OfHostsThatNeverAnswer) {
  MadeUpRun run;
  run.load(burst("blackhole", 256, 100ms))
      .add({"null", 12'803'521, 0, 0, 0, 0.05, 0, 0, 1, 1}, Outcome::connected)
      .add({"blocking-threads",
            0,
            0,
            0,
            0,
            35.9,
            2.2,
            8,
            256,
            257,
            {{Outcome::never_started, 19'744}, {Outcome::cancelled, 256}}},
           Outcome::connected)
      .add({"poll-threads", 0, 0, 61, 0, 41.1, 2.2, 10, 254, 257}, Outcome::deadline_exceeded)
      .add({"user-timeout-threads", 0, 0, 925'400, 0, 39.6, 2.2, 9, 255, 257}, Outcome::deadline_exceeded)
      .add({"epoll", 0, 0, 89.5, 0, 13.6, 0.05, 7, 255, 1}, Outcome::deadline_exceeded);
  expect_golden("silent", [&](size_t width) { return result_table(run.results(), run.skipped(), width); });
}

TEST(Screen, OfAnOpenLoop) {
  MadeUpRun run;
  Case what = burst("delayed:20ms", 1024, 1s);
  what.scenario = "steady:poisson:5000/s";
  what.shards = 2;
  run.load(what)
      .add({"blocking-pool+threads:64", 3'120, 40'350, 0, 1'204'000, 38.8, 2.1, 9, 64, 66}, Outcome::connected)
      .add({"epoll", 5'002, 40'120, 0, 40'200, 18.2, 1, 7, 201, 2}, Outcome::connected);
  expect_golden("open_loop", [&](size_t width) { return result_table(run.results(), run.skipped(), width); });
}

TEST(Screen, OfARunThatWasInterrupted) {
  MadeUpRun run;
  run.load(burst("accepting", 64, 1s))
      .add({"epoll", 71'208, 0, 0, 0, 11.4, 0.02, 6, 63, 1, {}, 2}, Outcome::connected)
      .add({.connector = "io-uring", .waves = 0}, Outcome::connected);
  run.load(burst("blackhole", 64, 1s))
      .add({.connector = "epoll", .waves = 0}, Outcome::connected)
      .add({.connector = "io-uring", .waves = 0}, Outcome::connected);
  expect_golden("interrupted", [&](size_t width) { return result_table(run.results(), run.skipped(), width); });
}

TEST(Screen, OfFleets) {
  MadeUpRun run;
  run.load(burst("*", 64, 200ms));
  for (const char* mix : {"accepting=100", "accepting=90,blackhole=10", "accepting=50,blackhole=50"}) {
    const double dead = mix[10] == '1' ? 0 : mix[10] == '9' ? 10 : 50;
    run.add_fleet({"poll-pool+threads:64", 20'100 - 390 * dead, 9.2, 0, 2'100 + 9'100 * dead, 31, 2, 9, 64, 65}, mix)
        .add_fleet({"epoll", 61'000 - 1'150 * dead, 140, 0, 1'900 + 8'700 * dead, 12, 0, 6, 64, 1,
                    dead == 50 ? std::vector<std::pair<Outcome, size_t>>{{Outcome::cancelled, 40}}
                               : std::vector<std::pair<Outcome, size_t>>{}},
                   mix);
  }
  run.load(burst("*", 256, 200ms))
      .add_fleet({"epoll", 900, 131, 0, 145, 12, 0, 6, 64, 1}, "accepting=80,blackhole=20", "poisson:5000/s");
  expect_golden("fleet", [&](size_t width) { return result_table(run.results(), run.skipped(), width); });
}

TEST(Screen, OfASearchForRates) {
  RunRequest request;
  request.arrival = "poisson:1000/s";
  request.find_rate = parse_rate_goal("p99<5ms");
  MadeUpRun run;
  Case what = burst("delayed:1ms", 256, 1s);
  what.scenario = "steady:poisson:1000/s";
  run.load(what).add({.connector = "epoll", .waves = 0}, Outcome::connected);
  run.add({.connector = "blocking-threads", .waves = 0}, Outcome::connected);
  const PlannedCase* epoll = run.results()[0].planned;
  const PlannedCase* threads = run.results()[1].planned;
  const MadeUp figures{"epoll", 45'000, 1'100, 0, 1'210, 15, 1, 7, 50, 1};
  const auto wave = [&](double rate, bool held, double variation) {
    return RateResult::Wave{rate, held, made_up_wave(epoll->what, figures, Outcome::connected, variation)};
  };
  const std::vector<RateResult> results{
      {epoll, 45'254.8, 47'000, {wave(45'254.8, true, 1), wave(45'254.8, true, 1), wave(47'000, false, 2)}, ""},
      {threads, std::nullopt, std::nullopt, {}, "hangs: did not end within its wave limit; killed"}};
  expect_golden("rates", [&](size_t width) { return rate_table(request, results, run.skipped(), width); });
}

ConnectorEntry entry(std::string_view name, std::string_view summary) {
  return {.name = name, .summary = summary, .options = {}, .probe = nullptr, .make = nullptr};
}

TEST(Screen, OfTheList) {
  static constexpr OptionSpec options[] = {
      {"stack", OptionSpec::Kind::size, "", "", "stack of each thread; by default that of the system"},
      {"detect", OptionSpec::Kind::choice, "so-error|recv|connect|getpeername", "so-error",
       "how the end of a connect is found out"}};
  const ConnectorEntry null = entry("null", "completes at once without a system call: the harness's own cost");
  const ConnectorEntry threads =
      entry("user-timeout-threads", "connect() with TCP_USER_TIMEOUT in a thread per attempt");
  const ConnectorEntry select = entry("select", "one thread waits in select() for every attempt in flight");
  const ConnectorEntry libuv = entry("libuv", "uv_tcp_connect() and a timer per attempt");
  Capabilities of_threads{.threads = Capabilities::Threads::per_attempt,
                          .deadline_by = Capabilities::DeadlineBy::socket_option,
                          .granularity = 5ms,
                          .floor = 1s};
  const ScenarioEntry steady{"steady", "uniform:RATE/s, poisson:RATE/s", "open loop: attempts become due by a schedule",
                             nullptr, nullptr};
  const ScenarioEntry* const scenarios[] = {&steady};
  const TargetEntry delayed{.name = "delayed",
                            .parameter = "D",
                            .default_value = "20ms",
                            .summary = "accepts, at the end of a link that delays every packet by D",
                            .families = std::span(every_family).first(2),
                            .needs_lab = true,
                            .answers = true,
                            .expected_outcomes = nullptr,
                            .open = nullptr};
  const Listing listing{.connectors = {{&null, {Capabilities{.opens_sockets = false, .completes_in_submit = true}, ""}},
                                       {&threads, {of_threads, ""}},
                                       {&select, {Capabilities{.max_in_flight = 1024}, ""}},
                                       {&libuv, {std::nullopt, "uv.h was not found (apt-get install libuv1-dev)"}}},
                        .options = {{options[0], {"user-timeout-threads"}},
                                    {options[1], {"null", "user-timeout-threads", "select"}},
                                    {common_options[0], {"null", "user-timeout-threads", "select", "libuv"}}},
                        .targets = {&delayed},
                        .scenarios = scenarios};
  expect_golden("list", [&](size_t width) { return list_screen(listing, width); });
}

TEST(Screen, OfTheDoctor) {
  const Diagnosis diagnosis{
      .machine = {{"processors", "2", "to keep the sides apart: --cpus client=0,server=1"},
                  {"descriptors", "1048576 (RLIMIT_NOFILE)", "to raise: ulimit -n, or LimitNOFILE= of the service"},
                  {"kernel gives up a connect() after", "about 131 s",
                   "computed from net.ipv4.tcp_syn_retries and tcp_syn_linear_timeouts"},
                  {"IPv6 on loopback", "yes", ""}},
      .capacity = {{"an attempt takes of the kernel", "2.3 KiB of slab, 0.00 pages of TCP memory",
                    "not measured here: what Linux 6.18 on x86-64 takes"}},
      .connectors = {{"null", ""},
                     {"blocking-threads", ""},
                     {"epoll", ""},
                     {"io-uring", "io_uring_setup: EPERM: sysctl -w kernel.io_uring_disabled=0"},
                     {"io-uring-poll", "io_uring_setup: EPERM: sysctl -w kernel.io_uring_disabled=0"}},
      .fitness = judge_fitness({.processors = 2, .ready = 3.2, .steal_share = 0.034}, 2.5, 0.0002)};
  expect_golden("doctor", [&](size_t width) { return doctor_screen(diagnosis, width); });
}

Verdict ramp(std::string connector, uint64_t pending, Stopped stopped) {
  Verdict verdict;
  verdict.name = {.connector = std::move(connector), .resource = "threads", .limit_kind = "rlimit_nproc", .limit = 512};
  verdict.first = RampStep{.holding = {.threads = 1, .fds = 4, .rss_kib = 3'000, .kernel_kib = 80'000}};
  verdict.result.last =
      RampStep{.pending = pending, .holding = {.threads = 1, .fds = 4, .rss_kib = 14'300, .kernel_kib = 93'450}};
  RampEnd& end = verdict.result.end;
  end.stopped = stopped;
  end.most_pending = pending;
  end.unloaded_p50_ns = 24'300;
  end.unloaded_p99_ns = 61'000;
  end.healthy_tried = 2'000;
  end.healthy_connected = 2'000;
  end.healthy_p50_ns = 25'100;
  end.healthy_p99_ns = 88'400;
  end.recovery_released_ns = 3'140'000;
  end.by_deadline = stopped == Stopped::nothing;
  return verdict;
}

TEST(Screen, OfExhaustion) {
  Verdict threads = ramp("blocking-threads", 511, Stopped::exhausted);
  RampEnd& end = threads.result.end;
  std::snprintf(end.call, sizeof end.call, "pthread_create");
  end.os_error = EAGAIN;
  end.healthy_connected = 0;
  end.healthy_p50_ns = end.healthy_p99_ns = not_known;
  end.recovery_released_ns = 12'900'000;
  Verdict failed = ramp("select-threads", 0, Stopped::nothing);
  failed.result.failure = "killed by SIGKILL before the ramp was over";
  Verdict null = ramp("null", 0, Stopped::nothing);
  null.skipped = "opens no sockets, and exhausts nothing";
  Verdict null_again = null;
  null_again.name.connector = "null+close:fin";
  const std::vector<Verdict> verdicts{threads, failed, ramp("epoll", 5'000, Stopped::nothing), null, null_again};
  expect_golden("exhaust", [&](size_t width) { return verdict_table(verdicts, width); });
}

}  // namespace
}  // namespace connbench
