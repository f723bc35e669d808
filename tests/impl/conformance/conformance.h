// Tools of the conformance suite: every connector on every target, and a connector whose calls are checked.
//
// A suite that only some connectors need may be empty (GTEST_ALLOW_UNINSTANTIATED_…): a project that runs the
// installed suite may have a single connector, without a pool, options or a deadline.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "harness/connector/registry.h"
#include "harness/run/plan.h"
#include "harness/targets/target.h"
#include "tests/support/lab_of_tests.h"
#include "tests/support/plain_sockets.h"

namespace connbench::conformance {

using namespace std::chrono_literals;

/// Time for something that must happen; only a defect exceeds it.
inline constexpr Duration patience = 20s;
/// A timeout that never expires during a test.
inline constexpr Duration far_away = 300s;

/// One connector on one target.
struct Place {
  const ConnectorEntry* connector;
  const TargetEntry* target;
  Family family;

  /// By its plain name, because every parameter has a default.
  NamedTarget named_target() const { return find_target(target->name); }

  friend void PrintTo(const Place& place, std::ostream* out) {
    *out << place.connector->name << " on " << place.target->name << ", family " << to_string(place.family);
  }
};

/// Why a connector cannot have this many attempts in flight here; nullopt when it can.
inline std::optional<std::string> refusal_of(const ConnectorEntry& entry, size_t max_in_flight,
                                             std::string_view options = "") {
  Retirement retirement({}, 0);
  return entry.probe({Options(options, entry.options), max_in_flight, retirement});
}

/// What a connector claims, asked in a child process; nullopt = it cannot run here. Decides which tests there are: none
/// is generated that would skip itself on every machine.
inline std::optional<Capabilities> claims_of(const ConnectorEntry& entry) {
  static std::map<const ConnectorEntry*, std::optional<Capabilities>> known;
  const auto [at, is_new] = known.try_emplace(&entry);
  if (is_new && !refusal_of(entry, 1))
    at->second = ask_capabilities({&entry, std::string(entry.name), Options("", entry.options)}).capabilities;
  return at->second;
}

/// Those places whose connector claims what is `wanted`, or cannot run here.
template <class Wanted>
std::vector<Place> claiming(std::vector<Place> all, Wanted wanted) {
  std::erase_if(all, [&](const Place& place) {
    const auto claims = claims_of(*place.connector);
    return claims && !wanted(*claims);
  });
  return all;
}

/// The places where every attempt of the connector ends without waiting for the kernel to give up.
template <class Wanted>
std::vector<Place> places(Wanted wanted) {
  std::vector<Place> found;
  for (const ConnectorEntry* connector : all_connectors())
    for (const TargetEntry* target : all_targets())
      for (const Family family : target->families)
        if (const Place place{connector, target, family}; connector->serves(family) && wanted(place))
          found.push_back(place);
  std::erase_if(found, [](const Place& place) {
    const auto claims = place.target->answers ? std::nullopt : claims_of(*place.connector);
    return claims && !claims->has_deadline() && !claims->cancellable;
  });
  return found;
}

inline std::vector<Place> with_sockets(std::vector<Place> all) {
  return claiming(std::move(all), [](const Capabilities& claims) { return claims.opens_sockets; });
}

/// The connectors that make their system calls themselves, in this process.
inline std::vector<Place> of_own_calls(std::vector<Place> all) {
  std::erase_if(all, [](const Place& place) {
    return place.connector->library != nullptr && place.connector->library().makes_the_calls;
  });
  return claiming(with_sockets(std::move(all)),
                  [](const Capabilities& claims) { return claims.threads != Capabilities::Threads::processes; });
}

/// The places for programs that do not run in a lab.
inline std::vector<Place> outside_the_lab(std::vector<Place> all) {
  std::erase_if(all, [](const Place& place) { return place.target->needs_lab; });
  return all;
}

/// The places where an attempt waits: on a full UNIX backlog only blocking calls do.
inline std::vector<Place> that_wait(std::vector<Place> all) {
  std::erase_if(all, [](const Place& place) {
    const auto claims = claims_of(*place.connector);
    using enum Capabilities::DeadlineBy;
    const bool blocks = claims && (claims->deadline_by == kernel || claims->deadline_by == socket_option ||
                                   claims->deadline_by == signal);
    return claims && place.family == Family::unix_domain && !blocks;
  });
  return all;
}

inline std::string name_of_place(const testing::TestParamInfo<Place>& info) {
  const Place& place = info.param;
  std::string name(place.connector->name);
  name.append("__").append(place.target->name).append("__").append(to_string(place.family));
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

/// Whether a library, or the kernel for a socket option, counts a deadline in ticks.
inline bool counts_ticks(const Capabilities& capabilities) {
  return capabilities.early > Duration::zero() || capabilities.deadline_by == Capabilities::DeadlineBy::socket_option;
}

/// The kernel's coarse clock, which advances with its tick. On a machine without a free processor, ticks are late.
class CoarseClock {
 public:
  CoarseClock() { ::clock_gettime(CLOCK_MONOTONIC_COARSE, &reading_); }
  /// An upper bound of how late the tick was at `time`, assuming that the clock has not advanced since construction.
  Duration lateness(TimePoint time) const {
    timespec step{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &step);
    const auto duration = [](const timespec& t) { return std::chrono::seconds(t.tv_sec) + Duration(t.tv_nsec); };
    return std::max<Duration>(Duration::zero(), time.time_since_epoch() - duration(reading_) - duration(step));
  }

 private:
  timespec reading_{};
};

/// A connector, with checks of everything that it accepts and returns.
class Connecting {
 public:
  explicit Connecting(const ConnectorEntry& entry, size_t max_in_flight, ConnectionPolicy policy = {},
                      std::string_view options = "")
      : retirement_(std::make_unique<Retirement>(policy, max_in_flight)),
        connector_(entry.make({Options(options, entry.options), max_in_flight, *retirement_})) {}

  Capabilities capabilities() const { return connector_->capabilities(); }
  size_t in_flight() const { return connector_->in_flight(); }
  const std::vector<Completion>& completions() const { return completions_; }

  size_t submit(std::span<const Attempt> attempts) {
    const size_t taken = connector_->submit(attempts);
    EXPECT_LE(taken, attempts.size());
    for (const Attempt& attempt : attempts.first(taken)) open_.insert(attempt.id);
    EXPECT_EQ(connector_->in_flight(), open_.size());
    return taken;
  }

  size_t reap(TimePoint wait_until) {
    const size_t before = completions_.size();
    const size_t count = connector_->reap(completions_, wait_until);
    EXPECT_EQ(completions_.size(), before + count);
    for (const Completion& completion : std::span(completions_).subspan(before))
      EXPECT_EQ(open_.erase(completion.id), 1U) << completion.id << " ended twice or was never accepted";
    EXPECT_EQ(connector_->in_flight(), open_.size());
    return count;
  }

  void cancel_all() {
    connector_->cancel_all();
    EXPECT_EQ(connector_->in_flight(), open_.size());
  }

  /// Reaps until nothing is in flight.
  void drain() {
    const TimePoint end = now() + patience;
    while (in_flight() > 0) {
      reap(end);
      ASSERT_LT(now(), end) << in_flight() << " still in flight";
    }
  }

  /// Submits and reaps all attempts, however few the connector accepts at a time.
  void complete(std::span<const Attempt> attempts) {
    coarse_ = {};
    const TimePoint end = now() + patience;
    while (!attempts.empty()) {
      attempts = attempts.subspan(submit(attempts));
      if (!attempts.empty()) reap(end);
      ASSERT_LT(now(), end) << attempts.size() << " still not accepted";
    }
    drain();
  }

  /// How early the deadline of an attempt may have passed, for attempts of the last complete(): by the declared amount,
  /// plus the lateness of the tick where a library or the kernel (for a socket option) counts ticks.
  Duration may_be_early(const Completion& completion) const {
    const Capabilities capabilities = connector_->capabilities();
    return capabilities.early + (counts_ticks(capabilities) ? coarse_.lateness(completion.started) : Duration::zero());
  }

  /// Destroys the connector but keeps its retirement.
  void destroy_connector() { connector_.reset(); }

 private:
  std::unique_ptr<Retirement> retirement_;
  std::unique_ptr<Connector> connector_;
  std::unordered_set<uint64_t> open_;
  std::vector<Completion> completions_;
  CoarseClock coarse_;  // read before the last complete()
};

/// Only the first address of each host, because connectors differ in whether they use the others
/// (Capabilities::uses_all_endpoints).
class FirstAddresses final : public Target {
 public:
  explicit FirstAddresses(std::unique_ptr<Target> all) : all_(std::move(all)) {
    const auto endpoints = all_->endpoints();
    for (size_t i = 0; i < endpoints.size(); i += all_->endpoints_per_attempt()) first_.push_back(endpoints[i]);
  }
  std::span<const Endpoint> endpoints() const override { return first_; }
  pid_t server() const override { return all_->server(); }

 private:
  std::unique_ptr<Target> all_;
  std::vector<Endpoint> first_;
};

/// The ids are ones that no connector would assign by itself.
inline std::vector<Attempt> attempts_on(std::span<const Endpoint> endpoints, size_t count, Duration timeout) {
  std::vector<Attempt> attempts;
  for (size_t i = 0; i < count; ++i)
    attempts.push_back({.id = 1'000'003 * (i + 7),
                        .endpoints = endpoints.subspan(i % endpoints.size(), 1),
                        .scheduled = now(),
                        .timeout = timeout});
  return attempts;
}

inline size_t count_of(Outcome outcome, std::span<const Completion> completions) {
  return static_cast<size_t>(
      std::ranges::count(completions, outcome, [](const Completion& c) { return c.result.outcome; }));
}

// ICMP wakes a waiting thread a moment before SO_ERROR is set. Code that takes the 0 for success reports a dead host as
// connected. Libraries that read SO_ERROR themselves do so, and so does the kernel's own IORING_OP_CONNECT
// (docs/connect.md).
inline bool may_take_icmp_for_success(const Place& place) {
  const bool checks_itself = place.connector->library == nullptr && place.connector->name != "io-uring";
  return !checks_itself && (place.target->name == "host-unreachable" || place.target->name == "no-arp");
}

// connect() on a UNIX socket whose backlog is full fails with EAGAIN. Asio 1.30 takes that for "in progress", waits for
// a socket that nobody connects, finds no error and reports success; Asio 1.22 reports the error.
inline bool may_take_a_full_backlog_for_success(const Place& place) {
  if (place.connector->library == nullptr || place.target->name != "backlog-full") return false;
  const Library library = place.connector->library();
  return place.family == Family::unix_domain && library.name == "asio" && !library.version.starts_with("1.22");
}

/// Whether a connector may end an attempt in this way because it was misled: it took an error for success, or it knows
/// that the attempt failed, but has read SO_ERROR too early to know why.
inline bool may_be_misled(const ConnectResult& result, const Place& place) {
  if (result.outcome == Outcome::unexpected && result.os_error == 0) return may_take_icmp_for_success(place);
  return result.outcome == Outcome::connected &&
         (may_take_icmp_for_success(place) || may_take_a_full_backlog_for_success(place));
}

/// The base of every test. Skips, with the reason, what cannot be tested here.
class AtPlace : public testing::TestWithParam<Place> {
 protected:
  static constexpr size_t room = 16;

  void SetUp() override {
    if (!plain::machine_has(*GetParam().target, GetParam().family)) GTEST_SKIP() << "this machine has no ::1";
    if (GetParam().target->needs_lab && lab_of_tests() == nullptr) GTEST_SKIP() << why_no_lab_of_tests();
    if (const auto reason = refusal(room)) GTEST_SKIP() << *reason;
    const Connecting first_use(entry(), 1);  // before any census: a library may keep descriptors from then on
  }

  const ConnectorEntry& entry() const { return *GetParam().connector; }

  /// If false, only the parts of the contract that do not involve sockets can be tested.
  bool opens_sockets() const { return Connecting(entry(), 1).capabilities().opens_sockets; }

  std::optional<std::string> refusal(size_t max_in_flight, std::string_view options = "") const {
    return refusal_of(entry(), max_in_flight, options);
  }

  /// To be called while the process has a single thread.
  std::unique_ptr<Target> open_target(size_t open_at_once = room) const {
    return std::make_unique<FirstAddresses>(GetParam().named_target().open(
        {.family = GetParam().family, .open_at_once = open_at_once, .lab = lab_of_tests()}));
  }
};

/// Each connector on the targets that never answer.
inline std::vector<Place> unanswered(std::initializer_list<Family> families) {
  return places([families](const Place& place) {
    const bool silent = place.target->name == "backlog-full" || place.target->name == "blackhole";
    return silent && std::ranges::find(families, place.family) != families.end();
  });
}

/// Each connector once, on a target that accepts connections.
inline std::vector<Place> accepted() {
  return places([](const Place& place) { return place.target->name == "accepting" && place.family == Family::ipv4; });
}

}  // namespace connbench::conformance
