// The Asio connector with callbacks, over either of Asio's event loops.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "impl/libraries/asio_connector.h"

namespace connbench {
inline namespace CONNBENCH_ASIO_VARIANT {

/// async_connect() and a steady_timer for each attempt. With several addresses it is Asio's range connect, which tries
/// the next one when one has failed: after a dead one, never. That opens a socket of its own for each address, so where
/// options ask for other sockets, the same is done here.
class AsioCallbacks : public AsioConnector {
 public:
  explicit AsioCallbacks(const ConnectorSettings& settings) : AsioConnector(settings) {
    for (size_t i = 0; i < settings.max_in_flight; ++i) adopt(slots_.emplace_back(io_));
  }
  ~AsioCallbacks() override { shut_down(); }

  Capabilities capabilities() const override {
    Capabilities capabilities = AsioConnector::capabilities();
    capabilities.uses_all_endpoints = true;
    return capabilities;
  }

 protected:
  /// The attempt has been given up: the socket need not wait any longer. Its callback comes in any case.
  virtual void stop(AsioSlot& slot) { retire(slot); }

 private:
  struct Slot : AsioSlot {
    using AsioSlot::AsioSlot;
    int handlers = 0;                           // callbacks that are still to come
    std::vector<Protocol::endpoint> addresses;  // for a range connect
    std::span<const Endpoint> left;             // otherwise: what is still to be tried
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.handlers = 2;
    slot.completion.started = now();
    if (attempt.endpoints.size() > 1 && library_opens_sockets()) {
      connect_to_any(slot, attempt.endpoints);
    } else {
      slot.left = attempt.endpoints;
      if (const Evidence evidence = connect_to_next(slot); evidence.error != 0) {
        decide(slot, evidence);
        return ended(slot);
      }
    }
    slot.timer.expires_at(slot.completion.started + attempt.timeout);
    slot.timer.async_wait([this, &slot](const asio::error_code& error) {
      if (!slot.decided) {
        decide(slot, {.call = Call::wait, .error = error.value(), .deadline_passed = true});
        stop(slot);
      }
      called_back(slot);
    });
  }

  // Begins to connect to the first address for which there is a socket. Otherwise it says why there is none.
  Evidence connect_to_next(Slot& slot) {
    Evidence evidence;
    do {
      const Endpoint& to = slot.left.front();
      slot.left = slot.left.subspan(1);
      evidence = open(slot, to.family());
      if (evidence.error == 0)
        slot.socket.async_connect(endpoint_of(to),
                                  [this, &slot](const asio::error_code& error) { on_connect(slot, error); });
    } while (evidence.error != 0 && !slot.left.empty());
    return evidence;
  }

  void connect_to_any(Slot& slot, std::span<const Endpoint> endpoints) {
    slot.left = {};
    slot.addresses.clear();
    for (const Endpoint& to : endpoints) slot.addresses.push_back(endpoint_of(to));
    const auto is_wanted = [&slot](const asio::error_code&, const Protocol::endpoint&) { return !slot.decided; };
    asio::async_connect(slot.socket, slot.addresses.begin(), slot.addresses.end(), is_wanted,
                        [this, &slot](const asio::error_code& error, auto) { on_connect(slot, error); });
  }

  void on_connect(Slot& slot, const asio::error_code& error) {
    if (!slot.decided) {
      const int reason = errno_of(error, slot.family);
      Evidence evidence{.call = call_that_reported(reason, slot.family), .error = reason};
      if (error && !slot.left.empty()) {
        asio::error_code ignored;
        slot.socket.close(ignored);
        evidence = connect_to_next(slot);
        if (evidence.error == 0) return;
      }
      decide(slot, evidence);
      slot.timer.cancel();
    }
    retire(slot);
    called_back(slot);
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    decide(slot, {.call = Call::wait, .cancelled = true});
    slot.timer.cancel();
    stop(slot);
  }

  void called_back(Slot& slot) {
    if (--slot.handlers == 0) ended(slot);
  }

  std::deque<Slot> slots_;
};

}  // namespace CONNBENCH_ASIO_VARIANT
}  // namespace connbench
