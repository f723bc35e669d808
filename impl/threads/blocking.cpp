// One blocking connect() after another, which is what most programs do. Choose it for a handful of connections to hosts
// that answer; a host that does not answer delays everything behind it until the kernel gives up (135 s by default).
#include "harness/connector/make_connector.h"
#include "impl/threads/calls/calls.h"

namespace connbench::connectors {
namespace {

class Blocking final : public Connector {
 public:
  explicit Blocking(const ConnectorSettings& settings)
      : setup_(settings.options), context_{settings.retirement, cancelled_, setup_} {}

  Capabilities capabilities() const override {
    Capabilities capabilities = plain_call_capabilities();
    capabilities.completes_in_submit = true;
    capabilities.cancellable = false;  // the only thread that could cancel is blocked in connect()
    return capabilities;
  }

  size_t submit(std::span<const Attempt> attempts) override {
    if (done_ || attempts.empty()) return 0;
    done_ = plain_call(attempts.front(), context_);
    return 1;
  }

  size_t reap(std::vector<Completion>& completions, TimePoint) override {
    if (!done_) return 0;
    completions.push_back(*done_);
    done_.reset();
    return 1;
  }

  void cancel_all() override {}
  size_t in_flight() const override { return done_ ? 1 : 0; }

 private:
  const std::atomic<bool> cancelled_{false};
  SocketSetup setup_;
  CallContext context_;
  std::optional<Completion> done_;
};

}  // namespace

extern const ConnectorEntry blocking;
const ConnectorEntry blocking{
    .name = "blocking",
    .summary = "one connect() after another in the caller's thread; the kernel's own timeout",
    .options = socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<Blocking>,
    .group = "baselines",
};

}  // namespace connbench::connectors
