// What the lab's interfaces see, into a file that tcpdump and Wireshark read.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "harness/lab/network.h"

namespace connbench::lab {

/// In memory that the capturing process and the session share.
struct CaptureState {
  std::atomic<bool> ready{false};    ///< from now on nothing is missed
  std::atomic<bool> finish{false};   ///< set from outside: write what is left, and end
  std::atomic<uint64_t> packets{0};  ///< written
  std::atomic<uint64_t> drops{0};    ///< the kernel had no room for
  char error[256]{};                 ///< why it ended before it was told to; "" = it did not
};

/// Captures every interface of two network namespaces into `file` (libpcap's format, nanoseconds,
/// Linux "cooked" v2 headers, which tell the interface and the direction). What a process sends to itself over lo is
/// there once. Returns when told to finish, or with `state.error` set.
void run_capture(const UniqueFd& client, const UniqueFd& server, const std::string& file, CaptureState& state);

}  // namespace connbench::lab
