#include "probe/children.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <list>
#include <vector>

#include "harness/support/unique_fd.h"
#include "harness/support/units.h"

namespace connbench::probe {
namespace {

// The first character distinguishes an answer from an exception.
constexpr char answered = '+';
constexpr char threw = '-';

[[noreturn]] void run_child(const Job& job, pid_t parent, int to) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // the parent died before the request took effect
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);  // the parent may block signals, but a probe may need them
  std::string text;
  try {
    text = answered + job();
  } catch (const std::exception& error) {
    text = std::string(1, threw) + error.what();
  }
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(to, text.data() + at, text.size() - at);
    if (written < 0 && errno != EINTR) ::_exit(1);
    at += static_cast<size_t>(std::max<ssize_t>(written, 0));
  }
  ::_exit(0);
}

// A running job: its process, and what it has written so far. Destroying it kills the process.
class Child {
 public:
  Child(size_t which, const Job& job, TimePoint end) : which_(which), end_(end), pid_(-1), from_(-1) {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), "pipe2");
    from_ = UniqueFd(ends[0]);
    const UniqueFd to(ends[1]);
    ::fcntl(to.get(), F_SETFL, 0);  // only the reader is non-blocking
    const pid_t parent = ::getpid();
    pid_ = checked(::fork(), "fork");
    if (pid_ == 0) run_child(job, parent, to.get());
  }
  ~Child() {
    ::kill(pid_, SIGKILL);  // safe even when it has ended: its PID is not reused before waitpid()
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  size_t which() const noexcept { return which_; }
  TimePoint end() const noexcept { return end_; }
  int fd() const noexcept { return from_.get(); }

  /// Reads what is available. Returns false at end of file.
  bool read_on() {
    std::array<char, 4096> part;
    ssize_t length;
    while ((length = ::read(from_.get(), part.data(), part.size())) > 0)
      text_.append(part.data(), static_cast<size_t>(length));
    return length < 0 && (errno == EAGAIN || errno == EINTR);
  }

  ChildAnswer answer() const {
    if (text_.empty()) return {false, "the process that ran the probe died"};
    return {text_[0] == answered, text_.substr(1)};
  }

 private:
  size_t which_;
  TimePoint end_;
  pid_t pid_;
  UniqueFd from_;
  std::string text_{};
};

// Waits until a child has written something, the first limit passes, or `stop` is readable. Returns true in the last
// case.
bool wait_for_any(const std::list<Child>& children, int stop) {
  std::vector<pollfd> polled{{.fd = stop, .events = POLLIN, .revents = 0}};  // -1 is ignored
  TimePoint until = TimePoint::max();
  for (const Child& child : children) {
    polled.push_back({.fd = child.fd(), .events = POLLIN, .revents = 0});
    until = std::min(until, child.end());
  }
  const timespec limit = to_timespec(until - now());
  ::ppoll(polled.data(), polled.size(), &limit, nullptr);
  return polled[0].revents != 0;
}

}  // namespace

bool run_in_children(std::span<const Job> jobs, size_t at_once, Duration limit, int stop,
                     const std::function<void(size_t, const ChildAnswer&)>& done) {
  std::list<Child> children;
  for (size_t next = 0; next < jobs.size() || !children.empty();) {
    while (next < jobs.size() && children.size() < at_once) {
      children.emplace_back(next, jobs[next], now() + limit);
      ++next;
    }
    if (wait_for_any(children, stop)) return false;
    for (auto child = children.begin(); child != children.end();) {
      const bool goes_on = child->read_on();
      if (goes_on && now() < child->end()) {
        ++child;
        continue;
      }
      const size_t which = child->which();
      const ChildAnswer answer =
          goes_on ? ChildAnswer{false, fmt::format("it did not end within {}", human_readable(limit))}
                  : child->answer();
      child = children.erase(child);
      done(which, answer);
    }
  }
  return true;
}

}  // namespace connbench::probe
