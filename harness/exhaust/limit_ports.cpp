#include <fcntl.h>
#include <fmt/format.h>

#include "harness/exhaust/limit.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

void set(const char* sysctl, const std::string& value) {
  const UniqueFd file(checked(::open(sysctl, O_WRONLY | O_CLOEXEC), sysctl));
  checked(static_cast<int>(::write(file.get(), value.data(), value.size())), sysctl);
}

class PortLimit : public ResourceLimit {
 public:
  PortLimit(PortRange ports, uint64_t usable) : ResourceLimit(usable), ports_(ports) {}
  std::string_view kind() const override { return "port_range"; }
  std::string describe() const override {
    return fmt::format("{} ephemeral ports, by net.ipv4.ip_local_port_range of the lab's network", value());
  }
  void prepare() override {
    set("/proc/sys/net/ipv4/ip_local_port_range", fmt::format("{} {}", ports_.first, ports_.last));
  }

 private:
  PortRange ports_;
};

class MachinePorts final : public PortLimit {
 public:
  MachinePorts() : PortLimit(ephemeral_ports(), ephemeral_port_count()) {}
  void prepare() override {
    PortLimit::prepare();
    if (!reserved_.empty()) set("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved_);
  }
  std::string_view kind() const override { return "machine"; }
  std::string describe() const override {
    return fmt::format("this machine's own limit: {} (net.ipv4.ip_local_port_range{}, set in the lab too)", value(),
                       reserved_.empty() ? "" : " without ip_local_reserved_ports");
  }

 private:
  std::string reserved_ = sysctl("net.ipv4.ip_local_reserved_ports").value_or("");
};

}  // namespace

// The last ports, far from those of the servers of targets that are already open: those lie below the usual range.
std::unique_ptr<ResourceLimit> limit_ports(uint64_t ports) {
  const auto first = static_cast<uint16_t>(UINT16_MAX + 1 - std::min(ports, most_ports_of_a_limit));
  const PortRange range{first, UINT16_MAX};
  return std::make_unique<PortLimit>(range, range.size());
}

std::unique_ptr<ResourceLimit> limit_ports_as_here() {
  return std::make_unique<MachinePorts>();
}

}  // namespace connbench
