// Runs one of our programs as a user would, in a session of its own, so that processes it leaves behind can be found.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/support/clock.h"
#include "harness/support/proc_file.h"
#include "harness/support/sanitized.h"
#include "harness/support/unique_fd.h"
#include "tests/support/refused_calls.h"

namespace connbench {

/// How long a program may take before it counts as hanging. No test bounds a time more tightly.
inline constexpr Duration patience = std::chrono::minutes(4);

/// The --timeout of attempts that must connect: on a busy machine the kernel may deliver no packet for seconds.
inline constexpr const char* long_timeout = "1min";

/// How a program ended.
struct Ended {
  std::optional<int> status;  ///< exit status; nullopt = killed by `signal`
  int signal = 0;
  std::string out, err;
};

/// The processes whose session is `session`, without zombies.
inline std::vector<pid_t> processes_of_session(pid_t session) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const std::string stat = pid > 0 ? read_text(entry.path() / "stat").value_or("") : "";
    const size_t after_name = stat.rfind(')');
    char state = 0;
    int parent = 0, group = 0, its_session = 0;
    if (after_name != std::string::npos &&
        ::sscanf(&stat[after_name + 1], " %c %d %d %d", &state, &parent, &group, &its_session) == 4 &&
        its_session == session && state != 'Z')
      found.push_back(pid);
  }
  return found;
}

class Program {
 public:
  /// `prepare` runs in the child just before exec.
  explicit Program(
      const std::vector<std::string>& command, const std::function<void()>& prepare = [] {})
      : out_(checked(::memfd_create("stdout", MFD_CLOEXEC), "memfd_create")),
        err_(checked(::memfd_create("stderr", MFD_CLOEXEC), "memfd_create")) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) {
      ::setsid();
      ::dup2(out_.get(), STDOUT_FILENO);
      ::dup2(err_.get(), STDERR_FILENO);
      prepare();
      ::execv(arguments[0], arguments.data());
      ::_exit(could_not_execute);
    }
    ended_ = UniqueFd(checked(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
  }
  ~Program() {
    if (!collected_) wait(Duration::zero());
    for (const pid_t left : processes_of_session(pid_)) ::kill(left, SIGKILL);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }

  /// Whether it ends within `bound`.
  bool ends_within(Duration bound) const {
    pollfd watched{ended_.get(), POLLIN, 0};
    const timespec time = to_timespec(bound);
    return ::ppoll(&watched, 1, &time, nullptr) == 1;
  }

  /// Waits for its end. If it still runs after `bound`, it is killed, and `signal` is SIGKILL.
  Ended wait(Duration bound = patience) {
    if (!ends_within(bound)) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    collected_ = true;
    Ended ended{.status = std::nullopt, .out = content(out_), .err = content(err_)};
    if (WIFEXITED(status)) ended.status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
    return ended;
  }

  /// Processes of its session that outlive it. Waits for them to end, at most for `bound`.
  std::vector<pid_t> left_behind(Duration bound = patience) const {
    const TimePoint until = now() + bound;
    auto left = processes_of_session(pid_);
    while (!left.empty() && now() < until) {
      ::poll(nullptr, 0, 5);
      left = processes_of_session(pid_);
    }
    return left;
  }

 private:
  static std::string content(const UniqueFd& file) {
    std::string text(static_cast<size_t>(std::max<off_t>(0, ::lseek(file.get(), 0, SEEK_END))), '\0');
    const ssize_t got = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(static_cast<size_t>(std::max<ssize_t>(0, got)));
    return text;
  }

  UniqueFd out_;
  UniqueFd err_;
  UniqueFd ended_{-1};
  pid_t pid_ = -1;
  bool collected_ = false;
};

/// Waits until `happened()`, which must be while the program runs.
template <class Happened>
void wait_until(const Program& program, Happened happened) {
  const TimePoint until = now() + patience;
  while (now() < until && !program.ends_within(std::chrono::milliseconds(5)))
    if (happened()) return;
  FAIL() << "it did not happen";
}

/// Waits until `connbench run --out out` measures: its records exist, and so do the run, two servers and a child.
/// Before it begins its records, it opens every target on trial, which takes as many processes.
inline void wait_for_wave(const Program& program, const std::filesystem::path& out) {
  wait_until(program, [&] {
    return std::filesystem::exists(out / "run.json") && processes_of_session(program.pid()).size() >= 4;
  });
}

/// connbench with `arguments`, to its end.
inline Ended connbench(
    std::vector<std::string> arguments, const std::function<void()>& prepare = [] {}) {
  arguments.insert(arguments.begin(), CONNBENCH_PROGRAM);
  return Program(arguments, prepare).wait();
}

/// One of the Google Benchmark programs, to its end.
inline Ended benchmark_program(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(CONNBENCH_PROGRAMS) + "/" + name);
  return Program(arguments).wait();
}

}  // namespace connbench
