// Standalone Asio with callbacks: async_connect() and a steady_timer for each attempt. Choose it in a program that
// already runs an io_context, or that must run elsewhere than on Linux too.
#define ASIO_STANDALONE
#define ASIO_NO_DEPRECATED
#include <fmt/format.h>

#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/version.hpp>
#include <deque>

#include "impl/libraries/library_connector.h"

namespace connbench::connectors {
namespace {

using Protocol = asio::generic::stream_protocol;  // IPv4, IPv6 and UNIX sockets in one class

// The errno of connect(). Asio turns EAGAIN into ENOBUFS, to tell the full backlog of a UNIX socket from "in progress";
// the kernel gives no ENOBUFS there itself.
int errno_of(const asio::error_code& error, sa_family_t family) {
  return family == AF_UNIX && error == asio::error::no_buffer_space ? EAGAIN : error.value();
}

class Asio final : public LibraryConnector {
 public:
  explicit Asio(const ConnectorSettings& settings) : LibraryConnector(settings) {
    for (size_t i = 0; i < settings.max_in_flight; ++i) adopt(slots_.emplace_back(io_));
  }
  ~Asio() override { shut_down(); }

  // Its timers are a timerfd that is set in microseconds.
  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::microseconds(1)};
  }

 private:
  struct Slot : InFlight {
    explicit Slot(asio::io_context& io) : socket(io), timer(io) {}
    asio::basic_stream_socket<Protocol> socket;
    asio::steady_timer timer;
    int handlers = 0;  // that have not been called yet
  };

  void begin(InFlight& in_flight, const Attempt& attempt) override {
    auto& slot = static_cast<Slot&>(in_flight);
    const Endpoint& to = attempt.endpoints.front();
    slot.handlers = 2;
    slot.completion.started = now();
    slot.socket.async_connect(Protocol::endpoint(to.address(), to.size()),
                              [this, &slot](const asio::error_code& error) {
                                if (!slot.decided) {
                                  const int reason = errno_of(error, slot.family);
                                  decide(slot, {.call = call_that_told(reason, slot.family), .error = reason});
                                  slot.timer.cancel();
                                  retire(slot);
                                }
                                called(slot);
                              });
    slot.timer.expires_at(slot.completion.started + attempt.timeout);
    slot.timer.async_wait([this, &slot](const asio::error_code& error) {
      if (!slot.decided) {
        decide(slot, {.call = Call::wait, .error = error.value(), .deadline_passed = true});
        retire(slot);
      }
      called(slot);
    });
  }

  void give_up(InFlight& in_flight) override {
    auto& slot = static_cast<Slot&>(in_flight);
    decide(slot, {.call = Call::wait, .cancelled = true});
    slot.timer.cancel();
    retire(slot);
  }

  // release() cancels what is outstanding on the socket.
  void retire(Slot& slot) {
    asio::error_code failed;
    if (slot.socket.is_open()) retirement().retire(UniqueFd(slot.socket.release(failed)), slot.completion);
  }

  void called(Slot& slot) {
    if (--slot.handlers == 0) ended(slot);
  }

  void turn(TimePoint wake) override {
    io_.restart();
    if (wake == at_once || io_.run_one_until(wake) > 0) io_.poll();
  }

  asio::io_context io_{1};  // one thread
  std::deque<Slot> slots_;
};

}  // namespace

extern const ConnectorEntry asio;
const ConnectorEntry asio{
    .name = "asio",
    .summary = "Asio: async_connect() with a callback, and a steady_timer each",
    .options = {},
    .probe = [](const ConnectorSettings&) { return std::optional<std::string>(); },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<Asio>(settings);
    },
    .library = []() -> Library {
      return {"asio", fmt::format("{}.{}.{}", ASIO_VERSION / 100'000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100),
              true};
    },
    .group = "libraries",
};

}  // namespace connbench::connectors
