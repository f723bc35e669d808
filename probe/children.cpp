#include "probe/children.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <list>
#include <vector>

#include "harness/support/units.h"

namespace connbench::probe {
namespace {

// A running job. Destroying it kills its process.
struct Running {
  Running(size_t index, TimePoint limit, const Question& question) : which(index), end(limit), child(question) {}
  size_t which;
  TimePoint end;
  AskedChild child;
};

// The parent may block signals, but a probe may need them.
std::string unblocked(const Job& job) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  return job();
}

// case.
bool wait_for_any(const std::list<Running>& children, int stop) {
  std::vector<pollfd> polled{{.fd = stop, .events = POLLIN, .revents = 0}};  // -1 is ignored
  TimePoint until = TimePoint::max();
  for (const Running& running : children) {
    polled.push_back({.fd = running.child.fd(), .events = POLLIN, .revents = 0});
    until = std::min(until, running.end);
  }
  const timespec limit = to_timespec(until - now());
  ::ppoll(polled.data(), polled.size(), &limit, nullptr);
  return polled[0].revents != 0;
}

}  // namespace

bool run_in_children(std::span<const Job> jobs, size_t at_once, Duration limit, int stop,
                     const std::function<void(size_t, const ChildAnswer&)>& done) {
  std::list<Running> children;
  for (size_t next = 0; next < jobs.size() || !children.empty();) {
    while (next < jobs.size() && children.size() < at_once) {
      children.emplace_back(next, now() + limit, [&job = jobs[next]] { return unblocked(job); });
      ++next;
    }
    if (wait_for_any(children, stop)) return false;
    for (auto running = children.begin(); running != children.end();) {
      const bool goes_on = running->child.read_on();
      if (goes_on && now() < running->end) {
        ++running;
        continue;
      }
      const size_t which = running->which;
      const ChildAnswer answer =
          goes_on ? ChildAnswer{false, fmt::format("it did not end within {}", human_readable(limit))}
                  : running->child.answer();
      running = children.erase(running);
      done(which, answer);
    }
  }
  return true;
}

}  // namespace connbench::probe
