// When the kernel gives up on an unanswered SYN.
#pragma once

#include <optional>

#include "harness/support/clock.h"

namespace connbench {

/// What the retransmission of a SYN depends on.
struct SynTimers {
  int retries;     ///< net.ipv4.tcp_syn_retries, or TCP_SYNCNT of the socket
  int linear = 0;  ///< net.ipv4.tcp_syn_linear_timeouts (Linux 6.5); older kernels: as with 0
  Duration longest = std::chrono::minutes(2);  ///< net.ipv4.tcp_rto_max_ms (Linux 6.15); before, TCP_RTO_MAX
};

/// Those of this network namespace; nullopt when they cannot be read.
std::optional<SynTimers> syn_timers();

/// How long connect() to a host that never answers takes, by Linux's rule (net/ipv4/tcp_timer.c: tcp_write_timeout,
/// tcp_model_timeout). The retransmission timer fires `linear` + 1 times a second apart, then at doubling intervals of
/// at most `longest`. The attempt ends at the first firing by which `retries` + `linear` SYNs were retransmitted, or
/// as much time has passed as `retries` doubling intervals take. Measured times exceed this by up to 5 %, because
/// timers are rounded up.
Duration kernel_connect_timeout(const SynTimers& timers) noexcept;

/// The same with syn_timers(); nullopt when they cannot be read.
std::optional<Duration> kernel_connect_timeout();

}  // namespace connbench
