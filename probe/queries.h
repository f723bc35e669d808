// What select(), poll() and epoll report about a socket at one moment.
#pragma once

#include <cstdint>

namespace connbench::probe {

struct Readiness {
  bool readable, writable, exceptional;  ///< by select()
  uint32_t poll;
  uint32_t epoll;
};

/// Queries all three without waiting, each for every event it can report. @throws std::system_error
Readiness readiness_of(int fd);

}  // namespace connbench::probe
