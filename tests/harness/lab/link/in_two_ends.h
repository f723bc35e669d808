// Runs test bodies in the client's namespace.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <string>

#include "harness/lab/link/two_ends.h"

namespace connbench::lab {

/// Runs `body` in a child process, where it may create TwoEnds. Failures are printed by the child and fail the test in
/// the parent.
inline void in_own_process(const std::function<void()>& body) {
  static const std::string reason = why_no_two_ends();
  if (!reason.empty()) GTEST_SKIP() << "namespaces cannot be created here: " << reason;
  const ChildAnswer answer = ask_in_child([&] {
    body();
    std::fflush(nullptr);
    return std::string(testing::Test::HasFailure() ? "failed" : "passed");
  });
  EXPECT_EQ(answer.text, "passed") << "see above";
}

/// The same, with a link between two ends; `prepare` sets its rules and seed.
inline void in_two_ends(const std::function<void(LinkState&)>& prepare, const std::function<void(TwoEnds&)>& body) {
  in_own_process([&] {
    TwoEnds ends(prepare);
    body(ends);
  });
}

}  // namespace connbench::lab
