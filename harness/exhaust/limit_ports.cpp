#include <fcntl.h>
#include <fmt/format.h>

#include "harness/exhaust/limit.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

// Below the kernel's default range, in which the servers of targets that are already open have their ports.
constexpr uint64_t last_port = 32'767;

class PortLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "port_range"; }
  std::string describe() const override {
    return fmt::format("{} ephemeral ports, by net.ipv4.ip_local_port_range of the lab's network", value());
  }
  void prepare() override {
    constexpr const char* path = "/proc/sys/net/ipv4/ip_local_port_range";
    const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
    const std::string range = fmt::format("{} {}", last_port + 1 - value(), last_port);
    checked(static_cast<int>(::write(file.get(), range.data(), range.size())), path);
  }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_ports(uint64_t ports) {
  return std::make_unique<PortLimit>(ports);
}

}  // namespace connbench
