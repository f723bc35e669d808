#include <fmt/format.h>

#include "harness/exhaust/limit.h"
#include "harness/exhaust/soft_limit.h"

namespace connbench {
namespace {

class AddressSpaceLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_as"; }
  std::string describe() const override {
    return fmt::format(
        "at most {} MiB of address space in the process, by RLIMIT_AS (kernel memory used for the process is not "
        "limited)",
        value() >> 20);
  }
  void enter() const override { set_soft_limit(RLIMIT_AS, value(), "setrlimit(RLIMIT_AS)"); }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_address_space(uint64_t bytes) {
  return std::make_unique<AddressSpaceLimit>(bytes);
}

}  // namespace connbench
