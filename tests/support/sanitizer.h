// What sanitizers change in the process under test.
#pragma once

#include <gtest/gtest.h>

#include "harness/support/sanitized.h"

/// For tests that count the threads or system calls of a process exactly.
#define SKIP_UNDER_THREAD_SANITIZER() \
  if (connbench::thread_sanitizer) GTEST_SKIP() << "ThreadSanitizer keeps a thread of its own and makes system calls"
