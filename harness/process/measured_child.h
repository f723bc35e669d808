// A child process in which something is measured: how it begins, how it reports a failure, and how its parent watches
// it.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <functional>
#include <string>
#include <string_view>

#include "harness/process/child_process.h"
#include "harness/support/clock.h"

namespace connbench {

/// Why a child could not finish, in memory that it shares with its parent.
class ChildError {
 public:
  /// Ends the process with status 1, whatever its other threads do. When several threads fail, the first one's reason
  /// is kept.
  [[noreturn]] void fail(std::string_view why) noexcept;
  /// The same with what `error` says, and what to do about it (with_remedy()).
  [[noreturn]] void fail(const std::exception& error) noexcept;
  /// "" = it has not failed.
  std::string text() const;

 private:
  char text_[512]{};
};

/// What a measured child and its parent tell each other, in shared memory.
struct ChildReport {
  std::atomic<bool> stop{false};      ///< by the parent: end the work as soon as possible
  std::atomic<bool> finished{false};  ///< by the child: the work is over, and all of it was measured
  ChildError error{};
};

/// Runs `work`. An exception in it, in any thread of the child, is the child's failure.
template <class Work>
void or_fail(ChildError& error, Work work) noexcept {
  try {
    work();
  } catch (const std::exception& thrown) {
    error.fail(thrown);
  } catch (...) {
    error.fail("the connector threw something that is not a std::exception");
  }
}

struct ChildStart {
  pid_t parent;                    ///< the child dies with it
  bool drop_capabilities = false;  ///< the child gets no rights that its user does not have outside a user namespace
};
/// Makes the forked process a measured child: it dies with its parent, and keeps no descriptor but the standard ones.
/// @throws std::system_error
void begin_measured_child(const ChildStart& start);

/// The whole life of a child that was forked to do `work` and nothing else. Exit status 0, or 1 with `error` filled in.
template <class Work>
[[noreturn]] void run_measured_child(const ChildStart& start, ChildError& error, Work work) noexcept {
  or_fail(error, [&] {
    begin_measured_child(start);
    work();
  });
  ::_exit(0);
}

/// Watches one measured child from its parent until the child has ended, and kills it when it does not end in time.
class ChildWatch {
 public:
  /// `report` must outlive this object. The child is killed at `deadline`.
  /// @throws std::system_error (pidfd_open); the child has been killed by then
  ChildWatch(pid_t pid, TimePoint deadline, ChildReport& report) : child_(pid), report_(report), deadline_(deadline) {}

  pid_t pid() const noexcept { return child_.pid(); }
  /// Moves the deadline, unless the child was already asked to stop.
  void set_deadline(TimePoint deadline) noexcept;
  /// The child was suspended meanwhile, and gets this much more time, unless it was asked to stop.
  void postpone(Duration suspended) noexcept;
  /// The child was asked to stop.
  bool stopping() const noexcept { return stopping_; }

  /// Every 5 ms until the child has ended: calls `look`, then `should_stop`. When that is true, asks the child to stop,
  /// and kills it 500 ms later.
  void wait_for_end(const std::function<void()>& look, const std::function<bool()>& should_stop);

  /// Why the child did not finish `work` ("the wave"), or "" when it did: its own reason, that it was stopped by
  /// request, `hangs`, or how its process ended. Call it after wait_for_end().
  std::string failure(std::string_view work, std::string_view hangs) const;

 private:
  ChildProcess child_;
  ChildReport& report_;
  TimePoint deadline_;
  int status_ = 0;
  bool stopping_ = false;
  bool killed_ = false;
};

}  // namespace connbench
