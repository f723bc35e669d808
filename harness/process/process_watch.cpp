#include "harness/process/process_watch.h"

#include <utility>

#include "harness/process/child_process.h"

namespace connbench {

void ProcessWatch::watch(pid_t pid, std::string name) {
  pidfds_.push_back(pidfd_of(pid));
  watched_.push_back({pidfds_.back().get(), POLLIN, 0});
  names_.push_back(std::move(name));
}

bool ProcessWatch::should_stop() {
  return ::poll(watched_.data(), watched_.size(), 0) > 0;
}

std::string ProcessWatch::died() {
  std::string names;
  should_stop();
  for (size_t i = 1; i < watched_.size(); ++i)
    if (watched_[i].revents != 0) names += (names.empty() ? "" : ", ") + names_[i - 1];
  return names;
}

}  // namespace connbench
