// Captures the packets on the lab's interfaces into a file for tcpdump and Wireshark.
#pragma once

#include <atomic>
#include <cstdint>

#include "harness/lab/network.h"

namespace connbench::lab {

/// Shared memory between the capturing process and the session.
struct CaptureState {
  std::atomic<bool> ready{false};    ///< set once every packet is captured
  std::atomic<bool> finish{false};   ///< set by the session: write what is buffered, then end
  std::atomic<uint64_t> packets{0};  ///< written to the file
  std::atomic<uint64_t> drops{0};    ///< packets that did not fit into the kernel's buffer
  char error[256]{};                 ///< why it ended early; "" = it did not
};

/// Captures every interface of two network namespaces into an open file, in libpcap's format with nanosecond timestamps
/// and Linux "cooked" v2 headers, which record interface and direction. Packets over lo are recorded once. Returns
/// after `state.finish` was set, or earlier with `state.error` set. If the file is a pipe, it may wait for the reader.
void run_capture(const UniqueFd& client, const UniqueFd& server, UniqueFd file, CaptureState& state);

}  // namespace connbench::lab
