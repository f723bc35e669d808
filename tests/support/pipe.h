// A pipe, for processes that wait for each other.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "harness/support/unique_fd.h"

namespace connbench {

/// Closed on exec. Reading it ends once no process holds the writing end.
struct Pipe {
  Pipe() {
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "pipe2");
    reading.reset(ends[0]);
    writing.reset(ends[1]);
  }
  UniqueFd reading{-1};
  UniqueFd writing{-1};
};

}  // namespace connbench
