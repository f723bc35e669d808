// Completes every attempt at once without a system call, which shows what the harness itself costs.
#include "harness/connector/make_connector.h"
#include "impl/sockets/completions.h"

namespace connbench::connectors {
namespace {

class Null final : public Connector {
 public:
  explicit Null(const ConnectorSettings& settings) { ready_.reserve(settings.max_in_flight); }

  Capabilities capabilities() const override { return {.opens_sockets = false}; }

  size_t submit(std::span<const Attempt> attempts) override {
    for (const Attempt& attempt : attempts) {
      const TimePoint started = now();
      ready_.push_back(
          {.id = attempt.id, .result = {Outcome::connected, Stage::connect, 0}, .started = started, .finished = now()});
    }
    return attempts.size();
  }

  size_t reap(std::vector<Completion>& completions, TimePoint) override {
    return move_completions(ready_, completions);
  }

  void cancel_all() override {}
  size_t in_flight() const override { return ready_.size(); }

 private:
  std::vector<Completion> ready_;
};

}  // namespace

extern const ConnectorEntry null;
const ConnectorEntry null{
    .name = "null",
    .summary = "does nothing and reports success: the cost of the harness itself",
    .options = {},
    .probe = works_everywhere,
    .make = make_connector<Null>,
    .group = "baselines",
};

}  // namespace connbench::connectors
