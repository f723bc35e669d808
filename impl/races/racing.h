// One thread, one epoll, and for each attempt a race between all addresses of its host.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "harness/connector/registry.h"
#include "impl/sockets/due_lists.h"
#include "impl/sockets/socket_setup.h"
#include "impl/sockets/timed_epoll.h"

namespace connbench {

/// How the addresses of an attempt are tried.
struct RaceRules {
  bool alternate_families = false;  ///< in the order of interleaved() instead of the order given
  bool one_at_a_time = false;       ///< a try is abandoned when the next one begins
  /// When the next try begins, counted from the start of the one before. nullopt: when that has had an equal share of
  /// the attempt's timeout. The last try gets all the time that is left.
  std::optional<Duration> next_after;
};

/// When a try fails, the next one begins at once. The first try that connects wins, and the others are closed at once.
/// When all have failed, the attempt ends with the failure that came last, which for a single address is what every
/// other connector reports. The attempt's timeout covers the whole race.
class RacingConnector : public Connector {
 public:
  RacingConnector(const ConnectorSettings& settings, const RaceRules& rules);

  Capabilities capabilities() const final {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = Duration(1), .uses_all_endpoints = true};
  }
  size_t submit(std::span<const Attempt> attempts) final;
  size_t reap(std::vector<Completion>& completions, TimePoint wait_until) final;
  void cancel_all() final;
  size_t in_flight() const final { return live_ + done_.size(); }

 private:
  static constexpr uint32_t none = DueLists::none;

  struct Race {
    Attempt attempt{};
    TimePoint started{};
    Evidence failure{};     // the most recent one
    size_t begun = 0;       // number of tries begun
    uint32_t tries = none;  // the first of those that are pending
    uint32_t next_free = none;
  };
  struct Try {
    UniqueFd fd{-1};
    sa_family_t family = AF_UNSPEC;
    uint32_t race = none;
    uint32_t next = none;     // in the same race, or in the free list
    uint32_t generation = 0;  // tells events of an earlier use of this entry apart
  };

  void begin_next(uint32_t race);
  const Endpoint& address(const Race& race) const;
  Duration until_next(const Race& race) const;
  uint32_t add_try(uint32_t race, UniqueFd fd, sa_family_t family);
  UniqueFd remove_try(uint32_t index);
  void drop_tries(Race& race);
  void on_event(uint64_t tag, uint32_t events);
  void expire(TimePoint time);
  void end_all(const Evidence& evidence);
  void end(uint32_t race, const Evidence& evidence, UniqueFd winner = UniqueFd(-1));

  Retirement& retirement_;
  RaceRules rules_;
  SocketSetup setup_;
  TimedEpoll epoll_;
  std::vector<Race> races_;
  std::vector<Try> tries_;  // grows to the largest number ever pending at once
  uint32_t free_race_ = none;
  uint32_t free_try_ = none;
  size_t live_ = 0;
  DueLists deadlines_;   // by race
  DueLists next_tries_;  // by race, while it has addresses left
  std::vector<Completion> done_;
};

}  // namespace connbench
