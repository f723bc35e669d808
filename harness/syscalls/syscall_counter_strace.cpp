#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "harness/process/child_process.h"
#include "harness/support/clock.h"
#include "harness/support/proc_file.h"
#include "harness/syscalls/syscall_methods.h"

namespace connbench {
namespace {

// strace makes the first waitid() of this process fail with an error that waitid() never has: from then on calls are
// counted. TracerPid is not enough, because strace attaches some time before it counts.
constexpr const char* inject_marker = "inject=waitid:error=EXFULL:when=1";
constexpr int marker = EXFULL;
// The only calls that start() and stop() make while strace counts them.
constexpr std::string_view own_calls[] = {"waitid", "kill"};

// A row of the table is: % time, seconds, usecs/call, calls, [errors,] name.
std::vector<SyscallCount> parse_table(std::string_view text, std::span<const std::string_view> without) {
  std::vector<SyscallCount> counts;
  bool in_table = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("------")) in_table = !in_table;
    const std::string_view calls = word(line, 3);
    uint64_t number = 0;
    if (!in_table || std::from_chars(calls.data(), calls.data() + calls.size(), number).ec != std::errc()) continue;
    const std::string_view name = line.substr(line.find_last_of(' ') + 1);
    if (std::ranges::find(without, name) == without.end()) counts.push_back({std::string(name), number});
  }
  std::ranges::sort(counts, {}, &SyscallCount::name);
  return counts;
}

// A child in a state of its own cannot be told to fail a call. It waits while strace attaches, and strace says when it
// has.
[[noreturn]] void exec_strace(pid_t parent, pid_t child, int go, int output) {
  die_with_parent(parent);
  ::setsid();  // Ctrl-C at the terminal is not meant for strace
  ::signal(SIGINT, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  char byte;
  if (::read(go, &byte, 1) != 1) ::_exit(1);  // waits until the target has allowed its tracer
  const std::string pid = std::to_string(child == 0 ? parent : child);
  ::dup2(output, STDERR_FILENO);
  if (child == 0)
    ::execlp("strace", "strace", "-c", "-f", "-q", "-e", inject_marker, "-p", pid.c_str(), nullptr);
  else
    ::execlp("strace", "strace", "-c", "-f", "-p", pid.c_str(), nullptr);
  const int error = errno;
  const std::string why = fmt::format("strace cannot be run: {}\n", std::generic_category().message(error));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(error == ENOENT ? 127 : 126);
}

class StraceCounter final : public SyscallCounter {
 public:
  explicit StraceCounter(pid_t child) : child_(child) {}
  ~StraceCounter() override {
    if (strace_ == 0) return;
    ::kill(strace_, SIGKILL);
    wait_for_end();
  }

  void start() override {
    output_ = out_of_the_way(UniqueFd(checked(::memfd_create("strace", MFD_CLOEXEC), "memfd_create")));
    launch();
    wait_until_counting();
  }

  std::vector<SyscallCount> stop() override {
    if (!is_running()) fail("strace ended too early");
    ::kill(strace_, SIGINT);
    wait_for_end();
    const std::string text = output();
    if (text.find("------") == std::string::npos) fail("strace printed no table");
    return parse_table(text, child_ == 0 ? own_calls : std::span<const std::string_view>());
  }

 private:
  // Closes everything that it opens before strace counts.
  void launch() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    const UniqueFd wait(ends[0]), go(ends[1]);
    const pid_t self = ::getpid();
    strace_ = checked(::fork(), "fork");
    if (strace_ == 0) exec_strace(self, child_, wait.get(), output_.get());
    ::prctl(PR_SET_PTRACER, strace_);  // fails where there is no Yama, which is fine
    if (::write(go.get(), "", 1) != 1) checked(-1, "write(pipe)");
  }

  // Once strace counts this calls only waitid(); the clock is read in user space. It takes milliseconds, but on a busy
  // machine with a slow disk more than ten seconds were seen.
  void wait_until_counting() {
    const TimePoint deadline = now() + std::chrono::seconds(30);
    while (is_running()) {
      if (child_ == 0 ? errno == marker : output().find(" attached") != std::string::npos) return;
      if (child_ != 0) ::poll(nullptr, 0, 1);
      if (now() > deadline) fail("strace did not attach within 30 s", ETIME);
    }
    fail("strace did not attach");
  }

  // errno is the marker when strace answered instead of the kernel.
  bool is_running() const {
    siginfo_t info{};
    errno = 0;
    const int result = ::waitid(P_PID, static_cast<id_t>(strace_), &info, WEXITED | WNOHANG | WNOWAIT);
    return result < 0 ? errno == marker : info.si_pid == 0;
  }

  int wait_for_end() {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(strace_), &info, WEXITED) < 0 && errno == EINTR) {
    }
    strace_ = 0;
    return info.si_code == CLD_EXITED ? info.si_status : -1;
  }

  std::string output() const {
    std::string text;
    std::array<char, 4096> part;
    ssize_t length;
    while ((length = ::pread(output_.get(), part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
      text.append(part.data(), static_cast<size_t>(length));
    }
    return text;
  }

  // The child exits with 127 when there is no strace. If strace has ended otherwise, ptrace was refused.
  [[noreturn]] void fail(const char* what, int error = EPERM) {
    int status = -1;
    if (strace_ != 0) {
      ::kill(strace_, SIGKILL);
      status = wait_for_end();
    }
    const std::string printed = output();
    const std::string text = printed.empty() ? what : printed.substr(0, printed.find('\n'));
    throw std::system_error(status == 127 ? ENOENT : error, std::generic_category(), text);
  }

  pid_t child_;
  UniqueFd output_{-1};
  pid_t strace_ = 0;
};

}  // namespace

std::unique_ptr<SyscallCounter> make_strace_counter(pid_t child) {
  // strace -f looks up the threads of its target in /proc, by number.
  if (read_text("/proc/self/stat").value_or("").starts_with(std::to_string(::getpid()) + " ")) {
    return std::make_unique<StraceCounter>(child);
  }
  throw std::system_error(ESRCH, std::generic_category(), "/proc belongs to another PID namespace");
}

std::string strace_remedy(int error) {
  if (error == ENOENT) return "apt-get install strace";
  if (error != EPERM) return "";
  const std::string scope = read_text("/proc/sys/kernel/yama/ptrace_scope").value_or("absent");
  return fmt::format("ptrace may be refused: kernel.yama.ptrace_scope is {}, or a container forbids it", scope);
}

}  // namespace connbench
