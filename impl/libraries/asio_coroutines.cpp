// Standalone Asio with coroutines: `co_await (connect || timer)` for each attempt. Choose it for the shape of the code:
// it reads as if it blocked, and a timeout is one operator. Each attempt costs three coroutines.
#include "harness/connector/make_connector.h"
#include "impl/libraries/asio_connector.h"

// as_tuple left the experimental namespace in Asio 1.24.
#if ASIO_VERSION >= 102400
#include <asio/as_tuple.hpp>
#else
#include <asio/experimental/as_tuple.hpp>
#endif

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/use_awaitable.hpp>
#include <deque>

namespace connbench::connectors {
namespace {

#if ASIO_VERSION >= 102400
using asio::as_tuple;
#else
using asio::experimental::as_tuple;
#endif

// Errors are values of the awaited expressions: nothing is thrown.
constexpr auto awaited = as_tuple(asio::use_awaitable);

class AsioCoroutines final : public AsioConnector {
 public:
  explicit AsioCoroutines(const ConnectorSettings& settings) : AsioConnector(settings) {
    for (size_t i = 0; i < settings.max_in_flight; ++i) adopt(slots_.emplace_back(io_));
  }
  ~AsioCoroutines() override { shut_down(); }

 private:
  struct Slot : AsioSlot {
    using AsioSlot::AsioSlot;
    bool cancelled = false;
  };

  // The coroutine starts when the loop runs next, so it stamps `started` itself.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.cancelled = false;
    asio::co_spawn(io_, connect(slot, attempt.endpoints.front(), attempt.timeout), asio::detached);
  }

  asio::awaitable<void> connect(Slot& slot, Endpoint to, Duration timeout) {
    using asio::experimental::awaitable_operators::operator||;
    if (slot.cancelled) {
      slot.completion.result.outcome = Outcome::never_started;
      ended(slot);
      co_return;
    }
    slot.completion.started = now();
    if (const Evidence evidence = open(slot); evidence.error != 0) {
      decide(slot, evidence);
      ended(slot);
      co_return;
    }
    slot.timer.expires_at(slot.completion.started + timeout);
    const auto first = co_await (slot.socket.async_connect(endpoint_of(to), awaited) || slot.timer.async_wait(awaited));
    if (first.index() == 0) {
      const int error = errno_of(std::get<0>(std::get<0>(first)), slot.family);
      decide(slot, {.call = call_that_reported(error, slot.family), .error = error, .cancelled = slot.cancelled});
    } else {
      decide(slot, {.call = Call::wait, .cancelled = slot.cancelled, .deadline_passed = !slot.cancelled});
    }
    retire(slot);
    ended(slot);
  }

  // The awaited operations end with operation_aborted, and the coroutine continues from there.
  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    asio::error_code ignored;
    slot.cancelled = true;
    slot.socket.cancel(ignored);
    slot.timer.cancel();
  }

  std::deque<Slot> slots_;
};

}  // namespace

extern const ConnectorEntry asio_coroutines;
const ConnectorEntry asio_coroutines{
    .name = "asio-coroutines",
    .summary = "Asio: a coroutine per attempt, co_await (async_connect() || timer)",
    .options = unrepeated_socket_options,
    .probe = probe_socket_setup,
    .make = make_connector<AsioCoroutines>,
    .library = AsioConnector::library,
    .group = "libraries",
};

}  // namespace connbench::connectors
