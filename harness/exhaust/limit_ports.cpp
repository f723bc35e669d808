#include <fcntl.h>
#include <fmt/format.h>

#include "harness/exhaust/limit.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

class PortLimit : public ResourceLimit {
 public:
  explicit PortLimit(PortRange ports) : ResourceLimit(ports.size()), ports_(ports) {}
  std::string_view kind() const override { return "port_range"; }
  std::string describe() const override {
    return fmt::format("{} ephemeral ports, by net.ipv4.ip_local_port_range of the lab's network", value());
  }
  void prepare() override {
    constexpr const char* path = "/proc/sys/net/ipv4/ip_local_port_range";
    const UniqueFd file(checked(::open(path, O_WRONLY | O_CLOEXEC), path));
    const std::string range = fmt::format("{} {}", ports_.first, ports_.last);
    checked(static_cast<int>(::write(file.get(), range.data(), range.size())), path);
  }

 private:
  PortRange ports_;
};

class MachinePorts final : public PortLimit {
 public:
  using PortLimit::PortLimit;
  std::string_view kind() const override { return "machine"; }
  std::string describe() const override {
    return fmt::format("this machine's own limit: {} (net.ipv4.ip_local_port_range, set in the lab too)", value());
  }
};

}  // namespace

// The last ports, far from those of the servers of targets that are already open: those lie below the usual range.
std::unique_ptr<ResourceLimit> limit_ports(uint64_t ports) {
  const auto first = static_cast<uint16_t>(UINT16_MAX + 1 - std::min(ports, most_ports_of_a_limit));
  return std::make_unique<PortLimit>(PortRange{first, UINT16_MAX});
}

std::unique_ptr<ResourceLimit> limit_ports_as_here() {
  return std::make_unique<MachinePorts>(ephemeral_ports());
}

}  // namespace connbench
