// The library as a connector: connbench's event loop, which watches and waits as the library does.
#include "harness/connector/make_connector.h"
#include "impl/loops/loop.h"
#include "reactor.h"

namespace connbench::connectors {
namespace {

class ReactorLoop final : public LoopConnector {
 public:
  using LoopConnector::LoopConnector;

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::wait, .granularity = std::chrono::milliseconds(1)};
  }

 private:
  Evidence watch(uint32_t index) override {
    return {.call = Call::wait, .error = reactor_.watch(pending()[index].fd.get(), index)};
  }

  void unwatch(uint32_t index) override { reactor_.forget(pending()[index].fd.get()); }

  int wait(TimePoint wake) override {
    const Reactor::Ready found = reactor_.wait(wake == at_once ? Duration::zero() : wake - now());
    for (size_t i = 0; i < found.count; ++i) ready(found.events[i].tag, found.events[i].writable);
    return found.error;
  }

  Reactor reactor_;
};

}  // namespace

extern const ConnectorEntry reactor_loop;
const ConnectorEntry reactor_loop{
    .name = "reactor-loop",
    .summary = "one thread, waiting with the library reactor",
    .options = loop_options,
    .probe = probe_socket_setup,
    .make = make_connector<ReactorLoop>,
};

}  // namespace connbench::connectors
