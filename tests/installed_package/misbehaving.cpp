// External connectors that do what a run must survive.
#include <signal.h>
#include <unistd.h>

#include <stdexcept>

#include "harness/connector/registry.h"

namespace connbench::connectors {
namespace {

// Accepts attempts and does nothing with them. Derived classes misbehave when they are called.
class Misbehaving : public Connector {
 public:
  Capabilities capabilities() const override { return {.granularity = Duration(1)}; }
  size_t submit(std::span<const Attempt> attempts) override {
    in_flight_ += attempts.size();
    return attempts.size();
  }
  size_t reap(std::vector<Completion>&, TimePoint) override { return 0; }
  void cancel_all() override {}
  size_t in_flight() const override { return in_flight_; }

 private:
  size_t in_flight_ = 0;
};

struct Throws final : Misbehaving {
  size_t submit(std::span<const Attempt>) override { throw std::runtime_error("cannot connect"); }
};

struct Crashes final : Misbehaving {
  size_t submit(std::span<const Attempt>) override {
    ::raise(SIGSEGV);
    return 0;
  }
};

struct Hangs final : Misbehaving {
  size_t reap(std::vector<Completion>&, TimePoint) override {
    for (;;) ::pause();
  }
};

template <class Kind>
constexpr ConnectorEntry entry(std::string_view name) {
  return {.name = name,
          .summary = "misbehaves",
          .options = {},
          .probe = [](const ConnectorSettings&) -> std::optional<std::string> { return std::nullopt; },
          .make = [](const ConnectorSettings&) -> std::unique_ptr<Connector> { return std::make_unique<Kind>(); }};
}

}  // namespace

extern const ConnectorEntry throws;
const ConnectorEntry throws = entry<Throws>("throws");
extern const ConnectorEntry crashes;
const ConnectorEntry crashes = entry<Crashes>("crashes");
extern const ConnectorEntry hangs;
const ConnectorEntry hangs = entry<Hangs>("hangs");

}  // namespace connbench::connectors
