// When the kernel itself gives up on a SYN that nobody answers.
#pragma once

#include <optional>

#include "harness/support/clock.h"

namespace connbench {

/// The whole time that a connect() to a host that never answers takes, by Linux's rule (net/ipv4/tcp_timer.c,
/// tcp_write_timeout): the retransmission timer fires `linear` + 1 times a second apart, then at doubling distances,
/// and the attempt ends at the first firing by which `retries` + `linear` SYNs were sent again or 2^(retries + 1) − 1
/// seconds have passed. Measured times exceed it by up to 5 %: timers are rounded up.
Duration kernel_connect_timeout(int retries, int linear) noexcept;

/// The same for this network namespace's net.ipv4.tcp_syn_retries and tcp_syn_linear_timeouts; nothing when they cannot
/// be read.
std::optional<Duration> kernel_connect_timeout();

}  // namespace connbench
