// The child process in which a client is traced.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <string>

#include "harness/process/measured_child.h"
#include "harness/process/shared.h"
#include "harness/trace/follow.h"

namespace connbench::trace {

/// Waits for go() after it is created. Killed when its owner is destroyed or this process ends.
class TracedChild {
 public:
  /// `mask`: the signal mask to set in the child. @throws std::system_error
  TracedChild(const Client& client, const Target& target, bool drop_capabilities, const sigset_t& mask);
  ~TracedChild();
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void go() noexcept;
  /// The process that its client wants to be followed instead; 0 = none yet.
  pid_t other() const noexcept { return shared_->other; }
  /// That one is followed now.
  void follows_other() noexcept { shared_->followed = true; }
  /// Waits until it has ended.
  void wait() noexcept;
  /// Whether it has ended. It still has to be waited for.
  bool over() const noexcept { return has_ended(pid_); }
  /// Whether the client's calls are to be recorded now.
  bool is_recording() const noexcept;
  void kill() const noexcept;
  /// Call this when the child was waited for elsewhere: its PID may be reused.
  void ended() noexcept { pid_ = -1; }

  /// Valid once the child has ended.
  std::span<const Sample> samples() const noexcept { return samples_.samples(); }
  /// The client's message and why it failed; "" = none. Valid once the child has ended.
  std::string message() const;
  std::string error() const;

 private:
  struct Report {
    std::atomic<bool> go{false};
    std::atomic<bool> recording{false};
    std::atomic<pid_t> other{0};
    std::atomic<bool> followed{false};
    char message[512]{};
    ChildError error{};
  };
  void run(const Client& client, const Target& target, const sigset_t& mask);

  Shared<Report> shared_;
  SampleBuffer samples_;
  pid_t pid_ = -1;
};

}  // namespace connbench::trace
