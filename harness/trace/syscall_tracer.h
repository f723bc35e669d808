// Traces the system calls of a child process and its threads with ptrace, which needs no privileges for one's own
// child.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "harness/trace/call_text.h"
#include "harness/trace/events.h"

namespace connbench::trace {

class SyscallTracer {
 public:
  /// A call that has just returned; its thread is still stopped.
  struct Returned {
    pid_t tid;  ///< of the child, or of a process that the child has forked
    int64_t number;
    const Arguments& arguments;
    int64_t value;
    const Memory& memory;
    bool shown;  ///< as SystemCall::shown
  };
  using OnReturn = std::function<void(const Returned&)>;

  /// Attaches to a child that leads its own process group and waits until it has stopped. From then on, the child, its
  /// threads and what it forks are followed, and end when this process does. `wanted` says whether current events are
  /// to be recorded.
  /// @throws std::system_error when ptrace is refused
  SyscallTracer(pid_t child, std::function<bool()> wanted, OnReturn on_return);

  /// Lets the child continue. Call it once, when everything is ready.
  void start();
  /// Handles every thread that has stopped or ended meanwhile. Does not wait.
  void step();

  /// The child's last thread has ended.
  bool over() const noexcept { return over_; }
  /// Whether a thread is inside a call of this name.
  bool is_inside(std::string_view name) const noexcept;

  std::vector<SystemCall>& calls() noexcept { return calls_; }
  std::vector<SignalSeen>& signals() noexcept { return signals_; }

 private:
  struct Thread {
    unsigned index = 0;
    bool inside = false;
    bool kept = false;  // the current call is recorded at index `call`
    size_t call = 0;
    int64_t number = 0;
    Arguments arguments{};
  };

  Thread& thread(pid_t tid);
  pid_t next_event(int& status);
  void stopped(pid_t tid, int status);
  void syscall_stop(pid_t tid);
  void entered(pid_t tid, Thread& thread, int64_t number, const Arguments& arguments);
  void returned(pid_t tid, Thread& thread, int64_t value);
  void resume(pid_t tid, int signal);

  pid_t child_;
  std::function<bool()> wanted_;
  OnReturn on_return_;
  std::map<pid_t, Thread> threads_;
  std::set<pid_t> forked_;  // processes that the child has forked, and their threads
  unsigned seen_ = 0;
  bool over_ = false;
  std::vector<SystemCall> calls_;
  std::vector<SignalSeen> signals_;
};

}  // namespace connbench::trace
