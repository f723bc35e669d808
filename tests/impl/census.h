// Counts what a process owns that a defect could leave behind.
#pragma once

#include <unistd.h>

#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <thread>

#include "harness/support/clock.h"

namespace connbench {

struct Census {
  size_t threads = 0;
  size_t descriptors = 0;
  size_t children = 0;

  bool operator==(const Census&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Census& census) {
    return out << census.threads << " threads, " << census.descriptors << " descriptors, " << census.children
               << " children";
  }
};

inline size_t entries_of(const char* folder) {
  const std::filesystem::directory_iterator list(folder);
  return static_cast<size_t>(std::distance(begin(list), end(list)));
}

inline size_t children_of_this_process() {
  size_t children = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (std::isdigit(static_cast<unsigned char>(entry.path().filename().native()[0])) == 0) continue;
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text, '\0');
    const size_t name_ends = text.rfind(')');  // the name may contain anything; the state and the parent follow it
    if (name_ends == std::string::npos) continue;
    if (std::stoi(text.substr(name_ends + 4)) == ::getpid()) ++children;
  }
  return children;
}

inline Census take_census() {
  return {entries_of("/proc/self/task"), entries_of("/proc/self/fd"), children_of_this_process()};
}

/// A census to compare with. It creates a thread first, because a sanitizer starts a thread of its own together with
/// the first one. It then waits until that thread, which /proc shows for a moment after it was joined, has disappeared.
inline Census first_census() {
  std::string own;
  std::thread([&own] { own = "/proc/self/task/" + std::to_string(::gettid()); }).join();
  while (std::filesystem::exists(own)) std::this_thread::yield();
  Census census = take_census();  // threads of an earlier test may also disappear late
  for (Census before{}; census != before; census = take_census()) {
    before = census;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return census;
}

/// Polls until nothing exceeds `expected`, and returns `expected`; after 10 s it returns the current census. Fewer
/// items are no leak: something that an earlier test left to the kernel (a worker thread of a ring) may have gone
/// meanwhile.
inline Census census_becoming(const Census& expected) {
  const TimePoint end = now() + std::chrono::seconds(10);
  for (;;) {
    const Census census = take_census();
    if (census.threads <= expected.threads && census.descriptors <= expected.descriptors &&
        census.children <= expected.children)
      return expected;
    if (now() >= end) return census;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace connbench
