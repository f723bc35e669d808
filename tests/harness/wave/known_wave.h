// A connector, and a process that serves, which report and do only what is known beforehand. A figure that is taken
// from the wrong clock, process, moment, repetition or load then differs from the expected one.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/machine/usage.h"
#include "harness/process/child_process.h"
#include "harness/process/shared.h"

namespace connbench::known {

/// The wave whose child is forked next: set in the parent, from 1; 0 = one that counts system calls.
inline unsigned current_wave = 0;

/// What the connector reports about one attempt of one wave.
struct Report {
  Duration waited;  ///< from scheduled to started
  Duration took;    ///< from started to finished
  ConnectResult result;
  Handshake handshake;
};

/// Distinct for every attempt and wave, and unlike anything that a clock would show. Half of the attempts connect.
inline Report report_of(unsigned wave, size_t attempt) {
  constexpr auto outcomes = all_outcomes();
  const auto i = static_cast<int64_t>(attempt);
  const bool connects = attempt % 2 == 0;
  const int64_t late = attempt % 10 == 3 ? 2'000'000 : 0;
  return {.waited = Duration(1'000 + 7 * i + 10'000 * int64_t{wave} + late),
          .took = Duration(50'000 + 11 * i + 100'000'000 * int64_t{wave}),
          .result = {.outcome = connects ? Outcome::connected : outcomes[1 + attempt / 2 % (outcome_count - 1)],
                     .stage = static_cast<Stage>(attempt % stage_count),
                     .os_error = static_cast<int>(attempt + 1)},
          .handshake = {.known = attempt % 16 != 2,
                        .syn_retransmits = static_cast<uint8_t>(attempt % 20 == 4 ? wave + 1 : 0),
                        .round_trip = Duration(20'000 + 3 * i + 1'000'000 * int64_t{wave})}};
}

/// The host that tells the connector which attempt it is asked for. No one connects to it.
inline Endpoint host_of(size_t attempt) {
  return Endpoint::ipv4(INADDR_LOOPBACK, static_cast<uint16_t>(attempt + 1));
}
inline size_t attempt_of(const Endpoint& host) {
  return size_t{host.port()} - 1;
}
inline std::vector<Endpoint> hosts(size_t attempts) {
  std::vector<Endpoint> all;
  for (size_t i = 0; i < attempts; ++i) all.push_back(host_of(i));
  return all;
}

inline int64_t read_clock_ns(clockid_t clock) {
  timespec t{};
  return ::clock_gettime(clock, &t) == 0 ? t.tv_sec * 1'000'000'000 + t.tv_nsec : -1;
}
inline int64_t cpu_ns_of(pid_t process) {
  clockid_t clock{};
  return process != 0 && ::clock_getcpuclockid(process, &clock) == 0 ? read_clock_ns(clock) : -1;
}

/// Uses `time` of this thread's processor time.
inline void use_cpu(Duration time) {
  const int64_t end = read_clock_ns(CLOCK_THREAD_CPUTIME_ID) + time.count();
  while (read_clock_ns(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

/// A server that uses as much processor time as it is asked to, and otherwise sleeps.
class Server {
 public:
  Server() {
    const pid_t parent = ::getpid();
    const pid_t child = checked(::fork(), "fork");
    if (child == 0) {
      die_with_parent(parent);
      serve();
    }
    process_.emplace(child);
  }
  pid_t pid() const { return process_->pid(); }
  /// Returns when it has done so. May be called in a child.
  void use_cpu(Duration time) const {
    const int64_t asked = orders_->asked += time.count();
    while (orders_->done < asked) sleep_until(now() + std::chrono::microseconds(100));
  }

 private:
  struct Orders {
    std::atomic<int64_t> asked{0}, done{0};
  };
  [[noreturn]] void serve() const {
    for (;; sleep_until(now() + std::chrono::microseconds(100)))
      if (const int64_t asked = orders_->asked; asked > orders_->done) {
        known::use_cpu(Duration(asked - orders_->done));
        orders_->done = asked;
      }
  }

  Shared<Orders> orders_;
  std::optional<ChildProcess> process_;
};

/// What a process had used at one moment, read from the kernel by the test and not by the code under test.
struct Reading {
  int64_t time_ns = 0;
  int64_t cpu_ns = 0, user_ns = 0, sys_ns = 0;
  int64_t voluntary = 0, involuntary = 0;
  int64_t server_cpu_ns = 0;
  Usage usage{};  ///< of what only files tell; they are read on request, because that takes long
};

enum class Files : uint8_t { leave, read };

inline Reading read_now(pid_t server, Files files) {
  const Usage usage = files == Files::read ? read_usage_before(0) : Usage{};
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto ns = [](const timeval& v) { return v.tv_sec * 1'000'000'000 + v.tv_usec * 1'000; };
  return {.time_ns = to_ns(now()),
          .cpu_ns = read_clock_ns(CLOCK_PROCESS_CPUTIME_ID),
          .user_ns = ns(used.ru_utime),
          .sys_ns = ns(used.ru_stime),
          .voluntary = used.ru_nvcsw,
          .involuntary = used.ru_nivcsw,
          .server_cpu_ns = cpu_ns_of(server),
          .usage = usage};
}

/// What one connector of a wave's child saw.
struct Seen {
  pid_t process = 0, thread = 0;
  bool warms_up = false;            ///< it was the first that its thread made
  Reading made, first, last, gone;  ///< made; before its first attempt; after its latest; about to be destroyed
  size_t attempts = 0;
  size_t max_in_flight = 0;
  size_t first_attempt = 0;
  Duration timeout{};  ///< of each of its attempts; -1 = they differ
  ConnectionPolicy policy{};
  int processors = 0;  ///< on how many it might run
  int64_t noted = 0;   ///< by the work
};

/// What all connectors of one wave's child saw, in the order in which they were made.
struct WaveLog {
  static constexpr size_t most = 32;
  std::atomic<size_t> count{0};
  Seen seen[most];

  std::vector<Seen> all() const { return {seen, seen + std::min(count.load(), most)}; }
  /// The connectors that warm up, or those that are measured.
  std::vector<Seen> all(bool warming_up) const {
    std::vector<Seen> found = all();
    std::erase_if(found, [&](const Seen& one) { return one.warms_up != warming_up; });
    return found;
  }
};

/// How far a counter went while attempts were made, and how far around that.
struct Bounds {
  int64_t least, most;
};

template <class Counter>
Bounds bounds_of(const std::vector<Seen>& measured, Counter counter) {
  constexpr int64_t lowest = std::numeric_limits<int64_t>::min(), highest = std::numeric_limits<int64_t>::max();
  int64_t made = lowest, first = highest, last = lowest, gone = highest;
  for (const Seen& seen : measured) {
    made = std::max(made, counter(seen.made));
    first = std::min(first, counter(seen.first));
    last = std::max(last, counter(seen.last));
    gone = std::min(gone, counter(seen.gone));
  }
  return {last - first, gone - made};
}

enum class Moment : uint8_t { making, running, ending };

/// What the connectors of the waves to come do and where they write what they saw: set in the parent.
struct Behaviour {
  std::function<void(Moment, Seen&)> work;  ///< called once per connector and moment; running: before its first attempt
  std::function<Report(size_t attempt)> report;  ///< instead of report_of()
  WaveLog* log = nullptr;
  pid_t server = 0;  ///< whose processor time is read
  Files files = Files::leave;
};
inline Behaviour behaviour;

/// Completes every attempt at once, as report_of() says, and makes one getppid() for each.
class KnownConnector final : public Connector {
 public:
  explicit KnownConnector(const ConnectorSettings& settings) : seen_(own_place()) {
    static thread_local bool made_before = false;
    seen_.process = ::getpid();
    seen_.thread = ::gettid();
    seen_.warms_up = !std::exchange(made_before, true);
    seen_.max_in_flight = settings.max_in_flight;
    seen_.policy = settings.retirement.policy();
    cpu_set_t allowed;
    seen_.processors = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : -1;
    act(Moment::making);
    seen_.made = read_now(behaviour.server, behaviour.files);
  }
  ~KnownConnector() override {
    seen_.gone = read_now(behaviour.server, behaviour.files);
    act(Moment::ending);
  }

  Capabilities capabilities() const override { return {}; }
  size_t submit(std::span<const Attempt> offered) override {
    if (seen_.attempts == 0) begin(offered.front());
    for (const Attempt& attempt : offered) complete(attempt);
    seen_.attempts += offered.size();
    seen_.last = read_now(behaviour.server, behaviour.files);
    return offered.size();
  }
  size_t reap(std::vector<Completion>& completions, TimePoint) override {
    completions.insert(completions.end(), done_.begin(), done_.end());
    return std::exchange(done_, {}).size();
  }
  void cancel_all() override {}
  size_t in_flight() const override { return done_.size(); }

 private:
  static Seen& own_place() {
    static Seen nowhere;
    if (behaviour.log == nullptr) return nowhere;
    const size_t place = behaviour.log->count++;
    return place < WaveLog::most ? behaviour.log->seen[place] : nowhere;
  }
  void act(Moment moment) {
    if (behaviour.work && behaviour.log != nullptr) behaviour.work(moment, seen_);
  }
  void begin(const Attempt& attempt) {
    seen_.first = read_now(behaviour.server, behaviour.files);
    seen_.timeout = attempt.timeout;
    seen_.first_attempt = attempt_of(attempt.endpoints.front());
    act(Moment::running);
  }
  void complete(const Attempt& attempt) {
    if (attempt.timeout != seen_.timeout) seen_.timeout = Duration(-1);
    const size_t number = attempt_of(attempt.endpoints.front());
    const Report report = behaviour.report ? behaviour.report(number) : report_of(current_wave, number);
    Completion& completion =
        done_.emplace_back(Completion{.id = attempt.id, .result = report.result, .handshake = report.handshake});
    ::syscall(SYS_getppid);
    if (report.result.outcome == Outcome::never_started) return;
    completion.started = attempt.scheduled + report.waited;
    completion.finished = completion.started + report.took;
  }

  Seen& seen_;
  std::vector<Completion> done_;
};

inline std::unique_ptr<Connector> make_known(const ConnectorSettings& settings) {
  return std::make_unique<KnownConnector>(settings);
}
inline constexpr ConnectorEntry known_connector{
    .name = "known",
    .summary = "",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = make_known};

}  // namespace connbench::known
