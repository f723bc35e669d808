// Follows the system calls of a child process and its threads, by ptrace: that needs no rights over one's own child.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <vector>

#include "harness/trace/call_text.h"
#include "harness/trace/events.h"

namespace connbench::trace {

class SyscallTracer {
 public:
  /// A call that has just returned; its thread stands still.
  struct Returned {
    int64_t number;
    const Arguments& arguments;
    int64_t value;
    const Memory& memory;
    bool told;  ///< as SystemCall::told
  };
  using OnReturn = std::function<void(const Returned&)>;

  /// Attaches to a child that is in a process group of its own, and waits until it stands still; from then on all of it
  /// ends when this process does. `wanted`: whether what happens now is to be kept.
  /// @throws std::system_error when ptrace is refused
  SyscallTracer(pid_t child, std::function<bool()> wanted, OnReturn on_return);

  /// Lets the child go on. To be called once, when everything is ready.
  void start();
  /// Deals with everything that has stopped or ended meanwhile; waits for nothing.
  void step();

  /// The last of the child's threads has ended.
  bool over() const noexcept { return over_; }
  /// A call named so has been entered, and has not returned.
  bool is_inside(std::string_view name) const noexcept;

  std::vector<SystemCall>& calls() noexcept { return calls_; }
  std::vector<SignalSeen>& signals() noexcept { return signals_; }

 private:
  struct Thread {
    unsigned index = 0;
    bool inside = false;
    bool kept = false;  // the call that it is inside of is the one at `call`
    size_t call = 0;
    int64_t number = 0;
    Arguments arguments{};
  };

  Thread& thread(pid_t tid);
  void stopped(pid_t tid, int status);
  void syscall_stop(pid_t tid);
  void entered(pid_t tid, Thread& thread, int64_t number, const Arguments& arguments);
  void returned(pid_t tid, Thread& thread, int64_t value);
  void resume(pid_t tid, int signal);

  pid_t child_;
  std::function<bool()> wanted_;
  OnReturn on_return_;
  std::map<pid_t, Thread> threads_;
  unsigned seen_ = 0;
  bool over_ = false;
  std::vector<SystemCall> calls_;
  std::vector<SignalSeen> signals_;
};

}  // namespace connbench::trace
