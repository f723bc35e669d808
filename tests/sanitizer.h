// What sanitizers change about the process under test.
#pragma once

#include <gtest/gtest.h>

namespace connbench {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif
#else
inline constexpr bool thread_sanitizer = false;
#endif

}  // namespace connbench

/// For tests that count the threads or system calls of a process exactly.
#define SKIP_UNDER_THREAD_SANITIZER() \
  if (connbench::thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer keeps a thread of its own and makes system calls"
