// Standalone Asio with coroutines: `co_await (connect || timer)` for each attempt. Choose it for the shape of the code:
// it reads as if it blocked, and a timeout is one operator. Each attempt costs three coroutines.
#define ASIO_STANDALONE
#define ASIO_NO_DEPRECATED
#include <fmt/format.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/as_tuple.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>
#include <deque>

#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

using Protocol = asio::generic::stream_protocol;  // IPv4, IPv6 and UNIX sockets in one class

// Errors are values of the awaited expressions: nothing is thrown.
constexpr auto awaited = asio::experimental::as_tuple(asio::use_awaitable);

// The errno of connect(). Asio turns EAGAIN into ENOBUFS, to tell the full backlog of a UNIX socket from "in progress";
// the kernel gives no ENOBUFS there itself.
int errno_of(const asio::error_code& error, sa_family_t family) {
  return family == AF_UNIX && error == asio::error::no_buffer_space ? EAGAIN : error.value();
}

class AsioCoroutines final : public LibraryConnector {
 public:
  explicit AsioCoroutines(const ConnectorSettings& settings) : LibraryConnector(settings) {
    for (size_t i = 0; i < settings.max_in_flight; ++i) adopt(slots_.emplace_back(io_));
  }
  ~AsioCoroutines() override { shut_down(); }

  // Its timers are a timerfd that is set in microseconds.
  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::microseconds(1)};
  }

 private:
  struct Slot : InFlight {
    explicit Slot(asio::io_context& io) : socket(io), timer(io) {}
    asio::basic_stream_socket<Protocol> socket;
    asio::steady_timer timer;
    bool cancelled = false;
  };

  // Spawned now and not begun before the loop turns: started is stamped by the coroutine itself.
  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    slot.cancelled = false;
    asio::co_spawn(io_, connect(slot, attempt.endpoints.front(), attempt.timeout), asio::detached);
  }

  asio::awaitable<void> connect(Slot& slot, Endpoint to, Duration timeout) {
    using asio::experimental::awaitable_operators::operator||;
    if (slot.cancelled) {
      slot.completion.result.outcome = Outcome::never_started;
      slot.completion.finished = now();
      ended(slot);
      co_return;
    }
    slot.completion.started = now();
    slot.timer.expires_at(slot.completion.started + timeout);
    const auto first = co_await (slot.socket.async_connect(Protocol::endpoint(to.address(), to.size()), awaited) ||
                                 slot.timer.async_wait(awaited));
    if (first.index() == 0) {
      const int error = errno_of(std::get<0>(std::get<0>(first)), slot.family);
      decide(slot, {.call = call_that_told(error, slot.family), .error = error, .cancelled = slot.cancelled});
    } else {
      decide(slot, {.call = Call::wait, .cancelled = slot.cancelled, .deadline_passed = !slot.cancelled});
    }
    asio::error_code failed;
    if (slot.socket.is_open()) retirement().retire(UniqueFd(slot.socket.release(failed)), slot.completion);
    ended(slot);
  }

  // What is awaited ends with operation_aborted, and the coroutine goes on from there.
  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    asio::error_code not_open;
    slot.cancelled = true;
    slot.socket.cancel(not_open);
    slot.timer.cancel();
  }

  void turn(TimePoint wake) override {
    io_.restart();
    if (wake == at_once || io_.run_one_until(wake) > 0) io_.poll();
  }

  asio::io_context io_{1};  // one thread
  std::deque<Slot> slots_;
};

}  // namespace

extern const ConnectorEntry asio_coroutines;
const ConnectorEntry asio_coroutines{
    .name = "asio-coroutines",
    .summary = "Asio: a coroutine each, co_await (async_connect() || timer)",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<AsioCoroutines>(settings);
    },
    .library = []() -> Library {
      return {"asio", fmt::format("{}.{}.{}", ASIO_VERSION / 100'000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100),
              true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
