// A library that waits for connections. It stands for yours.
#pragma once

#include <chrono>

namespace dialer {

enum class Wait { timed_out, writable, unclear, failed };

/// Waits until a connecting socket is writable, at most for this long, and may return early. After `failed`, errno says
/// why.
Wait wait_writable(int fd, std::chrono::nanoseconds at_most);

}  // namespace dialer
