// Test bodies that run in the client's namespace.
#pragma once

#include <gtest/gtest.h>

#include "tests/harness/lab/link/two_ends.h"

namespace connbench::lab {

/// Runs `body` in a child process, where it may make TwoEnds. What fails there is printed there, and fails the test
/// here.
inline void in_own_process(const std::function<void()>& body) {
  static const std::string reason = why_no_two_ends();
  if (!reason.empty()) GTEST_SKIP() << "no namespaces to be had: " << reason;
  const ChildAnswer answer = ask_in_child([&] {
    body();
    std::fflush(nullptr);
    return std::string(testing::Test::HasFailure() ? "failed" : "passed");
  });
  EXPECT_EQ(answer.text, "passed") << "see above";
}

/// The same with a link between two ends, its rules and seed set by `prepare`.
inline void in_two_ends(const std::function<void(LinkState&)>& prepare, const std::function<void(TwoEnds&)>& body) {
  in_own_process([&] {
    TwoEnds ends(prepare);
    body(ends);
  });
}

}  // namespace connbench::lab
