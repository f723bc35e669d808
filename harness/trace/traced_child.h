// The child in which a client is followed.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <string>

#include "harness/process/measured_child.h"
#include "harness/process/shared.h"
#include "harness/trace/follow.h"

namespace connbench::trace {

/// Waits where it was made until it is told to go; ended with its owner, and with the process.
class TracedChild {
 public:
  /// `mask`: signals that are to be blocked in it. @throws std::system_error
  TracedChild(const Client& client, const Target& target, bool drop_capabilities, const sigset_t& mask);
  ~TracedChild();
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void go() noexcept;
  /// The client's calls are to be kept now.
  bool is_recording() const noexcept;
  void kill() const noexcept;
  /// Somebody else has waited for it: its number is nobody's now.
  void ended() noexcept { pid_ = -1; }

  /// To be asked when it has ended.
  std::span<const Sample> samples() const noexcept { return samples_.samples(); }
  /// What its client had to say, and why it failed; "" = nothing.
  std::string said() const;
  std::string error() const;

 private:
  struct Report {
    std::atomic<bool> go{false};
    std::atomic<bool> recording{false};
    char said[512]{};
    ChildError error{};
  };
  void run(const Client& client, const Target& target, const sigset_t& mask);

  Shared<Report> shared_;
  SampleBuffer samples_;
  pid_t pid_ = -1;
};

}  // namespace connbench::trace
