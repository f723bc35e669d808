#include "harness/process/descendants.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "harness/support/proc_file.h"

namespace connbench {
namespace {

// A line of a status file: "NSpid:\t4711\t12" → {"4711", "12"}.
std::vector<std::string_view> words_after(std::string_view text, std::string_view label) {
  const size_t at = text.find(label);
  if (at == std::string_view::npos) return {};
  std::string_view line = text.substr(at + label.size());
  line = line.substr(0, line.find('\n'));
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    const size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    words.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

struct Child {
  pid_t pid;
  std::string name;
};

// /proc may number processes otherwise than this PID namespace does; NSpid has the numbers of all namespaces.
std::vector<Child> children() {
  const size_t level = words_after(read_text("/proc/self/status").value_or(""), "NSpid:").size();
  const std::string own = read_text("/proc/thread-self/children").value_or("");
  std::vector<Child> found;
  for (const std::string_view number : words_after(own, "")) {
    const std::string status = read_text(fmt::format("/proc/{}/status", number)).value_or("");
    const auto numbers = words_after(status, "NSpid:");
    pid_t pid = 0;
    if (level == 0 || numbers.size() < level) continue;
    const std::string_view here = numbers[level - 1];
    if (std::from_chars(here.data(), here.data() + here.size(), pid).ec != std::errc()) continue;
    const auto name = words_after(status, "Name:");
    found.push_back({pid, name.empty() ? std::string(number) : std::string(name.front())});
  }
  return found;
}

// @return whether there are still children that run
bool collect_the_ended() noexcept {
  pid_t ended = 0;
  do ended = ::waitpid(-1, nullptr, WNOHANG);
  while (ended > 0 || (ended < 0 && errno == EINTR));
  return ended == 0;
}

}  // namespace

void adopt_orphans() noexcept {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

pid_t number_in_proc(int pidfd) noexcept {
  const auto text = read_text(fmt::format("/proc/self/fdinfo/{}", pidfd));
  const int64_t number = text ? number_after(*text, "Pid:") : -1;
  return number > 0 ? static_cast<pid_t>(number) : -1;
}

std::vector<std::string> end_children(Duration grace) noexcept {
  constexpr int interval_ms = 5;
  const TimePoint until = now() + grace;
  while (collect_the_ended() && now() < until) ::poll(nullptr, 0, interval_ms);
  std::vector<std::string> killed;
  const TimePoint give_up = now() + std::chrono::seconds(2);  // where /proc does not name children
  while (collect_the_ended() && now() < give_up) {
    for (Child& child : children())
      if (::kill(child.pid, SIGKILL) == 0) killed.push_back(std::move(child.name));
    ::poll(nullptr, 0, interval_ms);
  }
  std::ranges::sort(killed);
  killed.erase(std::unique(killed.begin(), killed.end()), killed.end());
  return killed;
}

}  // namespace connbench
