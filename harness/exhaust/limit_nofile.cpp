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
  // The hard limit too: the runtimes of Go, Java and Node.js raise their soft one to it.
  void enter() const override {
    const rlimit limit{value(), value()};
    checked(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit(RLIMIT_NOFILE)");
  }
};

}  // namespace

std::unique_ptr<ResourceLimit> limit_descriptors(uint64_t descriptors) {
  return std::make_unique<NofileLimit>(descriptors);
}

}  // namespace connbench
