#include "harness/machine/kernel_timeout.h"

#include <algorithm>
#include <string>

#include "harness/machine/machine.h"

namespace connbench {

Duration kernel_connect_timeout(int retries, int linear) noexcept {
  const auto bound = std::chrono::seconds((int64_t{1} << std::min(retries + 1, 62)) - 1);
  std::chrono::seconds fired{1};
  std::chrono::seconds interval{1};
  for (int retransmitted = 0; retransmitted < retries + linear && fired < bound; ++retransmitted) {
    if (retransmitted >= linear) interval = std::min(interval * 2, std::chrono::seconds(120));  // TCP_RTO_MAX
    fired += interval;
  }
  return fired;
}

std::optional<Duration> kernel_connect_timeout() {
  const auto retries = sysctl("net.ipv4.tcp_syn_retries");
  if (!retries) return std::nullopt;
  const auto linear = sysctl("net.ipv4.tcp_syn_linear_timeouts");  // since Linux 6.5; older kernels behave as with 0
  return kernel_connect_timeout(std::stoi(*retries), linear ? std::stoi(*linear) : 0);
}

}  // namespace connbench
