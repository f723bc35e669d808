// What a wave cost is read in the right process, from just before its first attempt to just after its last, in every
// repetition. Client and server use processor time before, during and after the wave, and the connector reads the same
// counters, which bounds each figure from both sides, however busy the machine is.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "tests/harness/run/known_session.h"
#include "tests/support/sanitizer.h"

namespace connbench::known {
namespace {

using namespace std::chrono_literals;

class Moments : public KnownSession, public testing::WithParamInterface<size_t> {
 protected:
  Moments() {
    host_count = 12;
    request_.attempts = 12;
    request_.concurrency = {6};
    request_.repetitions = 2;
    request_.shards = GetParam();
    behaviour.server = server_.pid();
  }

  // In each repetition the figure is what the counter went during the wave: at least `during`.
  template <class Counter>
  void expect_during_each_wave(const char* column, int64_t during, Counter counter) const {
    const auto found = rows("summary.csv");
    ASSERT_EQ(found.size(), 2U);
    for (size_t i = 0; i < found.size(); ++i) {
      SCOPED_TRACE(fmt::format("{} of wave {}", column, i + 1));
      const auto measured = announcer_.logs[i]->all(false);
      ASSERT_EQ(measured.size(), GetParam());
      const auto [least, most] = bounds_of(measured, counter);
      const int64_t value = std::stoll(found[i].at(column));
      EXPECT_GE(least, during) << "the connector did not do what this test asked for";
      EXPECT_GE(value, least);
      EXPECT_LE(value, most);
    }
  }

  Server server_;
};
INSTANTIATE_TEST_SUITE_P(In, Moments, testing::Values(1, 3),
                         [](const auto& in) { return fmt::format("{}_shards", in.param); });

TEST_P(Moments, CpuTimeIsTheClientsDuringTheWave) {
  behaviour.work = [&](Moment moment, Seen&) {
    use_cpu(moment == Moment::running ? 4ms : 10ms);
    server_.use_cpu(10ms);
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  expect_during_each_wave("cpu_ns", 4'000'000, [](const Reading& r) { return r.cpu_ns; });
  expect_during_each_wave("cpu_user_ns", 0, [](const Reading& r) { return r.user_ns; });
  expect_during_each_wave("cpu_sys_ns", 0, [](const Reading& r) { return r.sys_ns; });
}

TEST_P(Moments, CpuTimeOfTheServerIsItsOwnDuringTheWave) {
  behaviour.work = [&](Moment moment, Seen&) {
    server_.use_cpu(moment == Moment::running ? 4ms : 10ms);
    use_cpu(10ms);
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  expect_during_each_wave("server_cpu_ns", 4'000'000, [](const Reading& r) { return r.server_cpu_ns; });
}

// Sleeps until it has given up its processor `times` times.
void switch_voluntarily(int64_t times) {
  const int64_t end = read_now(0, Files::leave).voluntary + times;
  while (read_now(0, Files::leave).voluntary < end) sleep_until(now() + 10us);
}

TEST_P(Moments, SwitchesAreTheClientsDuringTheWave) {
  behaviour.work = [](Moment moment, Seen&) { switch_voluntarily(moment == Moment::running ? 5 : 20); };
  ASSERT_EQ(run(), SessionEnd::complete);
  expect_during_each_wave("voluntary_switches", 5, [](const Reading& r) { return r.voluntary; });
  expect_during_each_wave("involuntary_switches", 0, [](const Reading& r) { return r.involuntary; });
}

// Drops at least one connection because the queue of a listener is full.
void overflow_a_listener() {
  const UniqueFd listener(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const Endpoint any = Endpoint::ipv4(INADDR_LOOPBACK, 0);
  checked(::bind(listener.get(), any.address(), any.size()), "bind");
  checked(::listen(listener.get(), 0), "listen");
  const Endpoint address = Endpoint::of_socket(listener.get());
  const int64_t before = read_usage_before(0).listen_overflows;
  std::vector<UniqueFd> clients;
  while (read_usage_before(0).listen_overflows == before) {
    clients.emplace_back(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
    ::connect(clients.back().get(), address.address(), address.size());
  }
}

TEST_P(Moments, CountersOfTheMachineAreReadAroundTheWave) {
  behaviour.files = Files::read;
  behaviour.work = [](Moment moment, Seen&) {
    for (int i = 0; i < (moment == Moment::running ? 1 : 4); ++i) overflow_a_listener();
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  expect_during_each_wave("listen_overflows", 1, [](const Reading& r) { return r.usage.listen_overflows; });
  expect_during_each_wave("softirq_ns", 0, [](const Reading& r) { return r.usage.softirq_ns; });
  expect_during_each_wave("steal_ns", 0, [](const Reading& r) { return r.usage.steal_ns; });
}

void touch_memory(size_t mebibytes) {
  void* memory =
      ::mmap(nullptr, mebibytes << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory != MAP_FAILED) ::munmap(memory, mebibytes << 20);
}

TEST_P(Moments, PeakOfMemoryIsThatOfTheWave) {
  constexpr int64_t batched_kib = 4 * 1024;  // the kernel batches its counters
  behaviour.files = Files::read;
  behaviour.work = [](Moment moment, Seen& seen) {
    if (!seen.warms_up && moment != Moment::making) touch_memory(moment == Moment::running ? 48 : 96);
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  const auto found = rows("summary.csv");
  for (size_t i = 0; i < found.size(); ++i)
    for (const Seen& seen : announcer_.logs[i]->all(false)) {
      const int64_t peak = std::stoll(found[i].at("rss_peak_kib"));
      EXPECT_GE(peak, seen.made.usage.rss_peak_kib + 32 * 1024);
      EXPECT_GE(peak, seen.last.usage.rss_peak_kib - batched_kib);
      EXPECT_LE(peak, seen.gone.usage.rss_peak_kib + batched_kib);
    }
}

// Before anything is measured, each thread has connected as it will, so that code, memory and stacks are ready.
TEST_P(Moments, EachThreadWarmsUpBeforeItsConnectorIsMade) {
  request_.policy = {.close = CloseMode::hold};
  request_.count_syscalls = true;
  ASSERT_EQ(run(), SessionEnd::complete);
  for (const auto* logs : {&announcer_.logs, &announcer_.counting_logs})
    for (const auto& log : *logs) {
      const auto measured = log->all(false), warming = log->all(true);
      ASSERT_EQ(measured.size(), GetParam());
      ASSERT_EQ(warming.size(), GetParam());
      for (const Seen& one : warming) {
        const auto other = std::ranges::find(measured, one.thread, &Seen::thread);
        ASSERT_NE(other, measured.end());
        EXPECT_EQ(one.attempts, 12 / GetParam());
        EXPECT_EQ(one.max_in_flight, 6 / GetParam());
        EXPECT_LE(one.gone.time_ns, other->made.time_ns);
        EXPECT_EQ(one.policy.close, CloseMode::rst) << "what it opens is not kept";
      }
    }
}

TEST_P(Moments, AConnectorIsGivenWhatItsCaseSays) {
  request_.policy = {.close = CloseMode::fin};
  request_.handshake = true;
  request_.timeouts = {7s, 120ms};
  ASSERT_EQ(run(), SessionEnd::complete);
  for (size_t i = 0; i < announcer_.logs.size(); ++i)
    for (const Seen& seen : announcer_.logs[i]->all(false)) {
      EXPECT_EQ(seen.timeout, announcer_.waves[i].what.timeout);
      EXPECT_EQ(seen.max_in_flight, 6 / GetParam());
      EXPECT_EQ(seen.attempts, 12 / GetParam());
      EXPECT_EQ(seen.policy.close, CloseMode::fin);
      EXPECT_TRUE(seen.policy.handshake);
    }
}

TEST_P(Moments, AConnectorsOwnOptionComesBeforeTheRunsPolicy) {
  request_.policy = {.close = CloseMode::fin};
  options_ = Options("+close:hold", common_options);
  ASSERT_EQ(run(), SessionEnd::complete);
  for (const auto& log : announcer_.logs)
    for (const Seen& seen : log->all(false)) EXPECT_EQ(seen.policy.close, CloseMode::hold);
}

TEST_P(Moments, TheClientRunsOnItsProcessorsAndTheTargetIsToldOfItsOwn) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<size_t>(cpu), &allowed)) cpus.push_back(cpu);
  if (cpus.size() < 2) GTEST_SKIP() << "there is only one processor";
  placement_ = {.client = {cpus.back()}, .server = {cpus.front()}, .link = {}};
  behaviour.work = [](Moment moment, Seen& seen) {
    if (moment == Moment::running) seen.noted = ::sched_getcpu();
  };
  ASSERT_EQ(run(), SessionEnd::complete);
  EXPECT_EQ(opened.cpus, placement_.server);
  for (const auto& log : announcer_.logs)
    for (const Seen& seen : log->all()) {
      EXPECT_EQ(seen.processors, 1);
      EXPECT_EQ(seen.noted, cpus.back());
    }
}

}  // namespace
}  // namespace connbench::known
