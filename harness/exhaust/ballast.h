// Dead attempts in a separate descriptor table, for when more must be pending than one table may hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "harness/connector/connector.h"

namespace connbench {

/// Which attempts to start, and when to stop.
struct BallastPlan {
  std::function<std::unique_ptr<Connector>()> make;
  std::span<const Endpoint> dead;
  size_t count = 0;
  Duration timeout{};
  TimePoint until{};  ///< no attempt starts after this
  const std::atomic<bool>* stop = nullptr;
};

/// A thread with a connector and its own descriptor table (unshare(CLONE_FILES)). It starts `count` attempts and then
/// holds them until let_go() or destruction.
class Ballast {
 public:
  /// Returns when all attempts have started, or a resource ran out. @throws whatever the thread throws
  explicit Ballast(const BallastPlan& plan);
  ~Ballast();
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

  uint64_t pending() const noexcept { return pending_; }
  /// The result of the first attempt that ended as `exhausted`.
  const std::optional<ConnectResult>& exhausted() const noexcept { return exhausted_; }
  /// How long each attempt took to start, in ns.
  std::vector<int64_t>& starts() noexcept { return starts_; }
  /// Starts cancelling the attempts; the destructor waits until they have ended.
  void let_go() noexcept;

 private:
  void hold(const BallastPlan& plan);
  void put_up(const BallastPlan& plan, Connector& connector);

  uint64_t pending_ = 0;
  std::optional<ConnectResult> exhausted_;
  std::vector<int64_t> starts_;
  std::promise<void> up_;  // safe to destroy: the thread that sets it is joined first
  std::promise<void> over_;
  bool let_go_ = false;
  std::thread thread_;
};

}  // namespace connbench
