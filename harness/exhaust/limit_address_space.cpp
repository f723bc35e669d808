#include <fmt/format.h>
#include <sys/resource.h>

#include "harness/exhaust/limit.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

class AddressSpaceLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_as"; }
  std::string describe() const override {
    return fmt::format(
        "at most {} MiB of address space in the process, by RLIMIT_AS (what the kernel keeps for it is "
        "not bounded by that)",
        value() >> 20);
  }
  void enter() const override {
    rlimit limit{};
    checked(::getrlimit(RLIMIT_AS, &limit), "getrlimit");
    limit.rlim_cur = value();
    checked(::setrlimit(RLIMIT_AS, &limit), "setrlimit(RLIMIT_AS)");
  }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_address_space(uint64_t bytes) {
  return std::make_unique<AddressSpaceLimit>(bytes);
}

}  // namespace connbench
