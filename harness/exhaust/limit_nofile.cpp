#include <fmt/format.h>

#include "harness/exhaust/limit.h"
#include "harness/exhaust/soft_limit.h"

namespace connbench {
namespace {

class NofileLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_nofile"; }
  std::string describe() const override {
    return fmt::format("at most {} descriptors in the process, by RLIMIT_NOFILE", value());
  }
  void enter() const override { set_soft_limit(RLIMIT_NOFILE, value(), "setrlimit(RLIMIT_NOFILE)"); }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_descriptors(uint64_t descriptors) {
  return std::make_unique<NofileLimit>(descriptors);
}

}  // namespace connbench
