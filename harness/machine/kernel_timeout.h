// When the kernel gives up on an unanswered SYN.
#pragma once

#include <optional>

#include "harness/support/clock.h"

namespace connbench {

/// How long connect() to a host that never answers takes, by Linux's rule (net/ipv4/tcp_timer.c, tcp_write_timeout).
/// The retransmission timer fires `linear` + 1 times a second apart, then at doubling intervals. The attempt ends at
/// the first firing by which `retries` + `linear` SYNs were retransmitted or 2^(retries + 1) − 1 seconds have passed.
/// Measured times exceed this by up to 5 %, because timers are rounded up.
Duration kernel_connect_timeout(int retries, int linear) noexcept;

/// The same for net.ipv4.tcp_syn_retries and tcp_syn_linear_timeouts of this network namespace; nullopt when they
/// cannot be read.
std::optional<Duration> kernel_connect_timeout();

}  // namespace connbench
