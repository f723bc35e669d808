// The lab's link: a process that acts as the network between the client and the server.
#pragma once

#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// Forwards frames between two interfaces of this network namespace according to `state.rules`, until the process ends.
/// `near` and `far` are their names, towards the client and towards the server. Frames are forwarded unchanged, so
/// senders need static neighbour entries for the other side's interface and must compute checksums in software.
/// `state.report.ready` is set once frames are forwarded.
///
/// A held frame leaves `delay` after the kernel received it, never earlier. Where this thread may run on more than one
/// CPU, it spins for the last 50 µs before a frame is due. That removes the wake-up latency of a timer and costs a
/// quarter of a CPU at 20,000 frames/s, and next to nothing at low rates.
///
/// A refusal (LinkRule::Answer) without any delay can overtake the connect() that it answers. While the kernel is still
/// inside that call, it only records the error, which then surfaces when the SYN is retransmitted a second later.
/// @throws std::system_error when the sockets cannot be created
[[noreturn]] void run_link(const char* near, const char* far, LinkState& state);

}  // namespace connbench::lab
