#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>

#include "harness/process/ask_in_child.h"
#include "harness/support/proc_file.h"
#include "harness/syscalls/syscall_methods.h"

namespace connbench {
namespace {

struct NamedCall {
  const char* name;
  int number;
};

#define CALL(name) \
  { #name, SYS_##name }
// The calls that characterise a connector; the rest is "other". The guarded ones are missing on some architectures or
// in older kernel headers.
constexpr NamedCall named_calls[] = {
    CALL(socket),
    CALL(connect),
    CALL(bind),
    CALL(close),
    CALL(shutdown),
    CALL(setsockopt),
    CALL(getsockopt),
    CALL(getsockname),
    CALL(getpeername),
    CALL(fcntl),
    CALL(ioctl),
    CALL(epoll_create1),
    CALL(epoll_ctl),
    CALL(epoll_pwait),
    CALL(pselect6),
    CALL(ppoll),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(timer_create),
    CALL(timer_settime),
    CALL(timer_delete),
    CALL(eventfd2),
    CALL(futex),
    CALL(clone),
    CALL(exit),
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(madvise),
    CALL(read),
    CALL(write),
    CALL(recvfrom),
    CALL(sendto),
    CALL(recvmsg),
    CALL(sendmsg),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(tgkill),
    CALL(set_robust_list),
    CALL(sched_yield),
    CALL(clock_nanosleep),
    CALL(brk),
    CALL(pipe2),
    CALL(prctl),
    CALL(gettid),
#ifdef SYS_select
    CALL(select),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
#ifdef SYS_epoll_wait
    CALL(epoll_wait),
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2),
#endif
#ifdef SYS_clone3
    CALL(clone3),
#endif
#ifdef SYS_rseq
    CALL(rseq),
#endif
#ifdef SYS_io_uring_setup
    CALL(io_uring_setup),
    CALL(io_uring_enter),
    CALL(io_uring_register),
#endif
};
#undef CALL

std::string read_id(const std::string& tracefs) {
  return read_text(tracefs + "/events/raw_syscalls/sys_enter/id").value_or("");
}

// Mounts tracefs in a namespace of the child's own, which disappears with the child.
ChildAnswer id_from_private_mount() {
  return ask_in_child([] {
    constexpr const char* place = "/sys/kernel/tracing";
    checked(::unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
    checked(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "mount(MS_PRIVATE)");
    checked(::mount("tracefs", place, "tracefs", 0, nullptr), "mount(tracefs)");
    return read_id(place);
  });
}

uint64_t tracepoint_id() {
  ChildAnswer answer{true, read_id("/sys/kernel/tracing")};
  if (answer.text.empty()) answer.text = read_id("/sys/kernel/debug/tracing");
  if (answer.text.empty()) answer = id_from_private_mount();
  const int64_t id = answer.ok ? leading_number(answer.text) : -1;
  if (id >= 0) return static_cast<uint64_t>(id);
  throw std::system_error(
      ENOENT, std::generic_category(),
      fmt::format("no id of raw_syscalls:sys_enter ({})", answer.ok ? "no such event" : answer.text));
}

UniqueFd open_event(uint64_t tracepoint, pid_t process) {
  perf_event_attr what{};
  what.size = sizeof what;
  what.type = PERF_TYPE_TRACEPOINT;
  what.config = tracepoint;
  what.disabled = 1;
  what.inherit = 1;
  const long fd = ::syscall(SYS_perf_event_open, &what, process, -1, -1, PERF_FLAG_FD_CLOEXEC);
  return out_of_the_way(UniqueFd(checked(static_cast<int>(fd), "perf_event_open")));
}

class TracepointCounter final : public SyscallCounter {
 public:
  explicit TracepointCounter(pid_t child) : child_(child) {
    const uint64_t id = tracepoint_id();
    for (const NamedCall& call : named_calls) {
      events_.push_back(open_event(id, child));
      checked(::ioctl(events_.back().get(), PERF_EVENT_IOC_SET_FILTER, fmt::format("id == {}", call.number).c_str()),
              "ioctl(PERF_EVENT_IOC_SET_FILTER)");
    }
    events_.push_back(open_event(id, child));
  }

  void start() override {
    begin_ = read_all();
    checked(::prctl(PR_TASK_PERF_EVENTS_ENABLE), "prctl(PR_TASK_PERF_EVENTS_ENABLE)");
  }

  std::vector<SyscallCount> stop() override {
    checked(::prctl(PR_TASK_PERF_EVENTS_DISABLE), "prctl(PR_TASK_PERF_EVENTS_DISABLE)");
    std::vector<uint64_t> calls = read_all();
    for (size_t i = 0; i < calls.size(); ++i) calls[i] -= begin_[i];
    std::vector<SyscallCount> counts;
    uint64_t named = 0;
    for (size_t i = 0; i < std::size(named_calls); ++i) {
      named += calls[i];
      const uint64_t own =
          child_ == 0 && named_calls[i].number == SYS_prctl ? 1 : 0;  // the call that stopped the counting
      if (calls[i] > own) counts.push_back({named_calls[i].name, calls[i] - own});
    }
    // Other threads may make calls while the events are enabled one after the other.
    if (calls.back() > named) counts.push_back({"other", calls.back() - named});
    std::ranges::sort(counts, {}, &SyscallCount::name);
    return counts;
  }

 private:
  std::vector<uint64_t> read_all() const {
    std::vector<uint64_t> values;
    for (const UniqueFd& event : events_) {
      uint64_t value;
      if (::read(event.get(), &value, sizeof value) != sizeof value) checked(-1, "read(perf event)");
      values.push_back(value);
    }
    return values;
  }

  pid_t child_;
  std::vector<UniqueFd> events_;  // one for each of named_calls, then the total
  std::vector<uint64_t> begin_;
};

}  // namespace

std::unique_ptr<SyscallCounter> make_tracepoint_counter(pid_t child) {
  return std::make_unique<TracepointCounter>(child);
}

std::string tracepoint_remedy(int error) {
  if (error == ENOENT) return "run as root, outside user namespaces, with tracefs in the kernel";
  if (error != EACCES && error != EPERM) return "";
  const std::string paranoid = read_text("/proc/sys/kernel/perf_event_paranoid").value_or("unknown");
  return fmt::format(
      "kernel.perf_event_paranoid is {} and this process lacks CAP_PERFMON: run as root, or "
      "sysctl kernel.perf_event_paranoid=1",
      paranoid);
}

}  // namespace connbench
