#include "harness/trace/call_text.h"

#include <fmt/format.h>
#include <string.h>
#include <sys/syscall.h>

#include <algorithm>

#include "harness/trace/call_arguments.h"

namespace connbench::trace {
namespace {

constexpr int first_restart = 512;
constexpr int last_restart = 516;

using Text = std::string (*)(const Call&);

// A system call that is shown, and how.
struct ShownCall {
  int64_t number;
  const char* name;
  Text in;
  Text out;  ///< appended to the value of a call that succeeded
};

// Calls behind #ifdef do not exist on every architecture.
constexpr ShownCall shown_calls[] = {
    {SYS_socket, "socket", socket_in, nothing},
    {SYS_connect, "connect", to_address, nothing},
    {SYS_bind, "bind", to_address, nothing},
    {SYS_close, "close", first, nothing},
    {SYS_shutdown, "shutdown", shutdown_in, nothing},
    {SYS_setsockopt, "setsockopt", setsockopt_in, nothing},
    {SYS_getsockopt, "getsockopt", getsockopt_in, getsockopt_out},
    {SYS_getpeername, "getpeername", first, from_address},
    {SYS_getsockname, "getsockname", first, from_address},
    {SYS_fcntl, "fcntl", fcntl_in, nothing},
    {SYS_ioctl, "ioctl", first, nothing},
    {SYS_read, "read", bytes, nothing},
    {SYS_write, "write", bytes, nothing},
    {SYS_recvfrom, "recv", bytes, nothing},
    {SYS_sendto, "send", bytes, nothing},
    {SYS_recvmsg, "recvmsg", first, nothing},
    {SYS_sendmsg, "sendmsg", first, nothing},
    {SYS_epoll_create1, "epoll_create1", nothing, nothing},
    {SYS_epoll_ctl, "epoll_ctl", epoll_ctl_in, nothing},
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait",
     [](const Call& c) { return fmt::format("{}, {}", c.fd(), timeout_in_ms(c.number(3))); }, epoll_out},
#endif
    {SYS_epoll_pwait, "epoll_wait",
     [](const Call& c) { return fmt::format("{}, {}", c.fd(), timeout_in_ms(c.number(3))); }, epoll_out},
    {SYS_epoll_pwait2, "epoll_pwait2", [](const Call& c) { return fmt::format("{}, {}", c.fd(), time_of(c, 3)); },
     epoll_out},
#ifdef SYS_poll
    {SYS_poll, "poll", [](const Call& c) { return fmt::format("{}, {}", poll_in(c), timeout_in_ms(c.number(2))); },
     poll_out},
#endif
    {SYS_ppoll, "ppoll", [](const Call& c) { return fmt::format("{}, {}", poll_in(c), time_of(c, 2)); }, poll_out},
#ifdef SYS_select
    {SYS_select, "select", [](const Call& c) { return fmt::format("{}, {}", c.number(0), selected(c)); },
     [](const Call& c) { return c.value > 0 ? fmt::format(" [{}]", selected(c)) : ""; }},
#endif
    {SYS_pselect6, "pselect",
     [](const Call& c) { return fmt::format("{}, {}, {}", c.number(0), selected(c), time_of(c, 4)); },
     [](const Call& c) { return c.value > 0 ? fmt::format(" [{}]", selected(c)) : ""; }},
    {SYS_timerfd_create, "timerfd_create", nothing, nothing},
    {SYS_timerfd_settime, "timerfd_settime", timer_in, nothing},
    {SYS_timer_create, "timer_create", nothing, nothing},
    {SYS_timer_settime, "timer_settime", timer_in, nothing},
    {SYS_timer_delete, "timer_delete", nothing, nothing},
    {SYS_eventfd2, "eventfd", nothing, nothing},
    {SYS_pipe2, "pipe2", nothing, nothing},
    {SYS_io_uring_setup, "io_uring_setup", [](const Call& c) { return fmt::format("{} entries", c.arguments[0]); },
     nothing},
    {SYS_io_uring_enter, "io_uring_enter",
     [](const Call& c) { return fmt::format("{}, {} new, wait for {}", c.fd(), c.arguments[1], c.arguments[2]); },
     nothing},
    {SYS_io_uring_register, "io_uring_register", first, nothing},
    {SYS_clone, "clone", nothing, nothing},
    {SYS_clone3, "clone3", nothing, nothing},
    {SYS_clock_nanosleep, "clock_nanosleep", nothing, nothing},
    {SYS_rt_sigtimedwait, "rt_sigtimedwait", nothing, nothing},
    {SYS_tgkill, "tgkill", [](const Call& c) { return fmt::format("{}, signal {}", c.number(1), c.number(2)); },
     nothing},
};

// Calls that say nothing about a connection: listed so that they have a name in the JSON.
constexpr struct {
  int64_t number;
  const char* name;
} hidden_calls[] = {{SYS_mmap, "mmap"},
                    {SYS_munmap, "munmap"},
                    {SYS_mprotect, "mprotect"},
                    {SYS_madvise, "madvise"},
                    {SYS_brk, "brk"},
                    {SYS_futex, "futex"},
                    {SYS_exit, "exit"},
                    {SYS_exit_group, "exit_group"},
                    {SYS_rt_sigaction, "rt_sigaction"},
                    {SYS_rt_sigprocmask, "rt_sigprocmask"},
                    {SYS_rt_sigreturn, "rt_sigreturn"},
                    {SYS_restart_syscall, "restart_syscall"},
                    {SYS_set_robust_list, "set_robust_list"},
                    {SYS_rseq, "rseq"},
                    {SYS_prctl, "prctl"},
                    {SYS_prlimit64, "prlimit64"},
                    {SYS_getpid, "getpid"},
                    {SYS_gettid, "gettid"},
                    {SYS_getrandom, "getrandom"},
                    {SYS_sched_yield, "sched_yield"},
                    {SYS_openat, "openat"},
                    {SYS_newfstatat, "newfstatat"},
                    {SYS_clock_gettime, "clock_gettime"},
                    {SYS_getdents64, "getdents64"},
                    {SYS_lseek, "lseek"}};

const ShownCall* find_shown(int64_t number) {
  const auto found = std::ranges::find(shown_calls, number, &ShownCall::number);
  return found == std::end(shown_calls) ? nullptr : found;
}

}  // namespace

std::string error_name(int error) {
  // Codes internal to the kernel, visible only to a tracer. The program sees EINTR, or the call is restarted.
  constexpr const char* restarts[] = {"ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ENOIOCTLCMD",
                                      "ERESTART_RESTARTBLOCK"};
  if (error >= first_restart && error <= last_restart) return restarts[error - first_restart];
  const char* name = ::strerrorname_np(error);
  return name == nullptr ? fmt::format("errno {}", error) : name;
}

CallText describe_entry(int64_t number, const Arguments& arguments, const Memory& memory) {
  if (const ShownCall* known = find_shown(number)) return {known->name, known->in({arguments, memory}), true};
  for (const auto& known : hidden_calls)
    if (known.number == number) return {known.name, "", false};
  return {fmt::format("system call {}", number), "", false};
}

std::string describe_return(int64_t number, const Arguments& arguments, int64_t value, const Memory& memory) {
  if (value <= -first_restart && value >= -last_restart) return "interrupted by a signal";
  if (value < 0 && value >= -4095) return error_name(static_cast<int>(-value));
  const ShownCall* known = find_shown(number);
  return fmt::format("{}{}", value, known == nullptr ? "" : known->out({arguments, memory, value}));
}

}  // namespace connbench::trace
