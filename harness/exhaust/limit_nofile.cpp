#include <fmt/format.h>
#include <sys/resource.h>

#include "harness/exhaust/limit.h"
#include "harness/support/unique_fd.h"

namespace connbench {
namespace {

class NofileLimit final : public ResourceLimit {
 public:
  using ResourceLimit::ResourceLimit;
  std::string_view kind() const override { return "rlimit_nofile"; }
  std::string describe() const override {
    return fmt::format("at most {} descriptors in the process, by RLIMIT_NOFILE", value());
  }
  void enter() const override {
    rlimit limit{};
    checked(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = value();
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit(RLIMIT_NOFILE)");
  }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_descriptors(uint64_t descriptors) {
  return std::make_unique<NofileLimit>(descriptors);
}

}  // namespace connbench
