// Standalone Asio with callbacks: async_connect() and a steady_timer for each attempt. Choose it in a program that
// already runs an io_context, or that must also run on other systems than Linux.
#include <deque>

#include "harness/connector/make_connector.h"
#include "impl/libraries/asio_connector.h"

namespace connbench::connectors {
namespace {

class Asio final : public AsioConnector {
 public:
  explicit Asio(const ConnectorSettings& settings) : AsioConnector(settings) {
    for (size_t i = 0; i < settings.max_in_flight; ++i) adopt(slots_.emplace_back(io_));
  }
  ~Asio() override { shut_down(); }

 private:
  struct Slot : AsioSlot {
    using AsioSlot::AsioSlot;
    int handlers = 0;  // callbacks that are still to come
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.handlers = 2;
    slot.completion.started = now();
    if (const Evidence evidence = open(slot); evidence.error != 0) {
      decide(slot, evidence);
      return ended(slot);
    }
    slot.socket.async_connect(endpoint_of(attempt.endpoints.front()), [this, &slot](const asio::error_code& error) {
      if (!slot.decided) {
        const int reason = errno_of(error, slot.family);
        decide(slot, {.call = call_that_reported(reason, slot.family), .error = reason});
        slot.timer.cancel();
        retire(slot);
      }
      called_back(slot);
    });
    slot.timer.expires_at(slot.completion.started + attempt.timeout);
    slot.timer.async_wait([this, &slot](const asio::error_code& error) {
      if (!slot.decided) {
        decide(slot, {.call = Call::wait, .error = error.value(), .deadline_passed = true});
        retire(slot);
      }
      called_back(slot);
    });
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    decide(slot, {.call = Call::wait, .cancelled = true});
    slot.timer.cancel();
    retire(slot);
  }

  void called_back(Slot& slot) {
    if (--slot.handlers == 0) ended(slot);
  }

  std::deque<Slot> slots_;
};

}  // namespace

extern const ConnectorEntry asio;
const ConnectorEntry asio{
    .name = "asio",
    .summary = "Asio: async_connect() with a callback and a steady_timer per attempt",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<Asio>,
    .library = AsioConnector::library,
    .group = "libraries",
};

}  // namespace connbench::connectors
