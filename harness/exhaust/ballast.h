// Dead attempts in a descriptor table of their own: where more are to be pending than one table may hold.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "harness/connector/connector.h"

namespace connbench {

/// What becomes of ballast while it is put up.
struct BallastPlan {
  std::function<std::unique_ptr<Connector>()> make;
  std::span<const Endpoint> dead;
  size_t count = 0;
  Duration timeout{};
  TimePoint until{};  ///< not to be started after this
  const std::atomic<bool>* stop = nullptr;
};

/// A thread with a connector and a descriptor table of its own (unshare(CLONE_FILES)), which starts `count` attempts
/// and then only holds them. Lets them go when it is destroyed.
class Ballast {
 public:
  /// Returns when all are started, or something ran out. @throws what the thread throws
  explicit Ballast(const BallastPlan& plan);
  ~Ballast();
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

  uint64_t pending() const noexcept { return pending_; }
  /// The first attempt that ended as `exhausted`.
  const std::optional<ConnectResult>& exhausted() const noexcept { return exhausted_; }
  /// How long each took to start, in ns.
  std::vector<int64_t>& starts() noexcept { return starts_; }
  /// Cancels them; the destructor waits for their end.
  void let_go() noexcept;

 private:
  void hold(const BallastPlan& plan);
  void put_up(const BallastPlan& plan, Connector& connector);

  uint64_t pending_ = 0;
  std::optional<ConnectResult> exhausted_;
  std::vector<int64_t> starts_;
  std::promise<void> up_;  // outlives the call that sets it: the thread is joined first
  std::promise<void> over_;
  bool let_go_ = false;
  std::thread thread_;
};

}  // namespace connbench
