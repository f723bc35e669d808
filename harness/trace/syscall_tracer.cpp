#include "harness/trace/syscall_tracer.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>

#include "harness/support/clock.h"
#include "harness/support/unique_fd.h"

namespace connbench::trace {
namespace {

constexpr long options =
    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL;  // and of its children
constexpr int syscall_stop_signal = SIGTRAP | 0x80;  // because of PTRACE_O_TRACESYSGOOD

// ptrace() takes numbers where it declares pointers.
long trace(__ptrace_request request, pid_t tid, uint64_t address, uint64_t data) {
  return ::ptrace(request, tid, reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
}

class MemoryOf final : public Memory {
 public:
  explicit MemoryOf(pid_t tid) : tid_(tid) {}
  size_t read(uint64_t address, void* into, size_t length) const override {
    const iovec here{.iov_base = into, .iov_len = length};
    const iovec there{.iov_base = reinterpret_cast<void*>(address), .iov_len = length};
    const ssize_t got = ::process_vm_readv(tid_, &here, 1, &there, 1, 0);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }

 private:
  pid_t tid_;
};

// @param tid stopped because it has created a thread or process
pid_t created_by(pid_t tid) {
  unsigned long created = 0;
  trace(PTRACE_GETEVENTMSG, tid, 0, reinterpret_cast<uint64_t>(&created));
  return static_cast<pid_t>(created);
}

pid_t wait_for(pid_t tid, int flags, int& status) {
  pid_t found = 0;
  do found = ::waitpid(tid, &status, flags | __WALL);
  while (found < 0 && errno == EINTR);
  return found;
}

}  // namespace

SyscallTracer::SyscallTracer(pid_t child, std::function<bool()> wanted, OnReturn on_return)
    : child_(child), wanted_(std::move(wanted)), on_return_(std::move(on_return)) {
  checked(static_cast<int>(trace(PTRACE_SEIZE, child, 0, options)), "ptrace(PTRACE_SEIZE)");
  checked(static_cast<int>(trace(PTRACE_INTERRUPT, child, 0, 0)), "ptrace(PTRACE_INTERRUPT)");
  int status = 0;
  checked(wait_for(child, 0, status), "waitpid");
  if (!WIFSTOPPED(status)) throw std::system_error(ESRCH, std::generic_category(), "the process to trace has ended");
  thread(child);
}

void SyscallTracer::start() {
  resume(child_, 0);
}

void SyscallTracer::step() {
  int status = 0;
  while (const pid_t tid = next_event(status)) {
    if (WIFSTOPPED(status)) {
      stopped(tid, status);
    } else {
      threads_.erase(tid);
      forked_.erase(tid);
      over_ = over_ || tid == child_;
    }
  }
}

// Of the child's process group, and of what it has forked, which may have left the group. Other children of this
// process are waited for elsewhere.
pid_t SyscallTracer::next_event(int& status) {
  const pid_t in_group = wait_for(-child_, WNOHANG, status);
  if (in_group > 0) return in_group;
  over_ = over_ || in_group < 0;
  const auto found = std::ranges::find_if(forked_, [&](pid_t tid) { return wait_for(tid, WNOHANG, status) > 0; });
  return found == forked_.end() ? 0 : *found;
}

bool SyscallTracer::is_inside(std::string_view name) const noexcept {
  return std::ranges::any_of(threads_, [&](const auto& entry) {
    const Thread& thread = entry.second;
    return thread.inside && thread.kept && calls_[thread.call].name == name;
  });
}

SyscallTracer::Thread& SyscallTracer::thread(pid_t tid) {
  const auto [found, is_new] = threads_.try_emplace(tid);
  if (is_new) found->second.index = ++seen_;
  return found->second;
}

void SyscallTracer::stopped(pid_t tid, int status) {
  thread(tid);
  const int signal = WSTOPSIG(status);
  const int event = status >> 16;
  if (signal == syscall_stop_signal) {
    syscall_stop(tid);
    resume(tid, 0);
  } else if (event != 0) {  // a thread or process has been created, or starts
    if (event == PTRACE_EVENT_FORK || (event == PTRACE_EVENT_CLONE && forked_.contains(tid)))
      forked_.insert(created_by(tid));
    resume(tid, 0);
  } else {
    if (wanted_()) signals_.push_back({to_ns(now()), thread(tid).index, signal});
    resume(tid, signal);
  }
}

void SyscallTracer::syscall_stop(pid_t tid) {
  __ptrace_syscall_info info{};
  if (trace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, reinterpret_cast<uint64_t>(&info)) <= 0) return;
  Thread& here = thread(tid);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    Arguments arguments{};
    std::ranges::copy(info.entry.args, arguments.begin());
    entered(tid, here, static_cast<int64_t>(info.entry.nr), arguments);
  } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && here.inside) {
    returned(tid, here, info.exit.rval);
  }
}

void SyscallTracer::entered(pid_t tid, Thread& thread, int64_t number, const Arguments& arguments) {
  thread.inside = true;
  thread.kept = wanted_();
  thread.number = number;
  thread.arguments = arguments;
  if (!thread.kept) return;
  CallText text = describe_entry(number, arguments, MemoryOf(tid));
  thread.call = calls_.size();
  calls_.push_back({.thread = thread.index,
                    .name = std::move(text.name),
                    .arguments = std::move(text.arguments),
                    .shown = text.shown});
  calls_.back().begin_ns = to_ns(now());  // taken last, just before the call enters the kernel
}

void SyscallTracer::returned(pid_t tid, Thread& thread, int64_t value) {
  const int64_t time = to_ns(now());
  thread.inside = false;
  if (!thread.kept) return;
  const MemoryOf memory(tid);
  const std::string result = describe_return(thread.number, thread.arguments, value, memory);
  SystemCall& call = calls_[thread.call];
  call.end_ns = time;
  call.result = result;
  const bool failed = value < 0 && value >= -4095;
  call.value = failed ? -1 : value;
  call.error = failed ? static_cast<int>(-value) : 0;
  on_return_({tid, thread.number, thread.arguments, value, memory, call.shown});
}

// Fails for a thread that was killed meanwhile, which step() then reports as ended.
void SyscallTracer::resume(pid_t tid, int signal) {
  trace(PTRACE_SYSCALL, tid, 0, static_cast<uint64_t>(signal));
}

}  // namespace connbench::trace
