// The lab's link: a process that is the network between the client and the server.
#pragma once

#include "harness/lab/link/rule.h"

namespace connbench::lab {

/// Carries frames between two interfaces of this network namespace by `state.rules`, until the process ends. `near` and
/// `far`: their names, towards the client and towards the server. Frames are carried unchanged, so those who send them
/// must know the addresses of the other side's interfaces (static neighbours), and compute their own checksums (no
/// transmit checksum offload). `state.report.ready` is set once frames are carried.
///
/// A frame that is held leaves `delay` after the kernel received it, never before. Where this thread may run on more
/// than one processor, the last 50 µs before a frame is due are spent spinning: that takes the lateness of a timer's
/// wake-up away, at a quarter of a processor for 20,000 frames/s and next to nothing for few.
///
/// A refusal (LinkRule::Answer) without any delay can overtake the connect() that it answers: while the kernel is still
/// inside that call the error is only noted, and shows when the SYN is repeated a second later.
/// @throws std::system_error when the sockets cannot be made
[[noreturn]] void run_link(const char* near, const char* far, LinkState& state);

}  // namespace connbench::lab
