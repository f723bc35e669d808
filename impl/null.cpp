// Completes everything at once without a system call: what the harness itself costs. In every table.
#include "harness/connector/registry.h"

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
    const size_t count = ready_.size();
    completions.insert(completions.end(), ready_.begin(), ready_.end());
    ready_.clear();
    return count;
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
    .summary = "does nothing and says connected: the harness's own cost",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<Null>(settings);
    },
    .group = "baselines",
};

}  // namespace connbench::connectors
