// What the Asio connectors share: the io_context, the socket and timer of each attempt, and how they are used.
//
// Asio's event loop is chosen when it is compiled. A file that defines CONNBENCH_ASIO_OVER_IO_URING has another one
// than the rest of the program, so its Asio, and everything here that is made of it, needs another name.
#pragma once

#ifdef CONNBENCH_ASIO_OVER_IO_URING
#define ASIO_HAS_IO_URING
#define ASIO_DISABLE_EPOLL
#define asio asio_io_uring
#define asio_detail_posix_thread_function asio_io_uring_detail_posix_thread_function  // it is in no namespace
#define CONNBENCH_ASIO_VARIANT over_io_uring
#else
#define CONNBENCH_ASIO_VARIANT over_epoll
#endif
#ifndef ASIO_STANDALONE
#define ASIO_STANDALONE
#endif
#ifndef ASIO_NO_DEPRECATED
#define ASIO_NO_DEPRECATED
#endif
#include <errno.h>
#include <fmt/format.h>

#include <asio/basic_stream_socket.hpp>
#include <asio/connect.hpp>
#include <asio/error.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/version.hpp>

#include "impl/libraries/library_connector.h"

namespace connbench {
inline namespace CONNBENCH_ASIO_VARIANT {

/// One thread that runs an io_context. A derived class says how an attempt begins and how it is cancelled.
class AsioConnector : public LibraryConnector {
 public:
  // Asio's timers share a timerfd, or a timeout of the ring, that is set in microseconds.
  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::timer, .granularity = std::chrono::microseconds(1)};
  }

  static Library library() {
    return {"asio", fmt::format("{}.{}.{}", ASIO_VERSION / 100'000, ASIO_VERSION / 100 % 1000, ASIO_VERSION % 100),
            true};
  }

 protected:
  using Protocol = asio::generic::stream_protocol;  // IPv4, IPv6 and UNIX sockets in one class

  struct AsioSlot : InFlight {
    explicit AsioSlot(asio::io_context& io) : socket(io), timer(io) {}
    asio::basic_stream_socket<Protocol> socket;
    asio::steady_timer timer;
  };

  using LibraryConnector::LibraryConnector;

  static Protocol::endpoint endpoint_of(const Endpoint& to) { return {to.address(), to.size()}; }

  // The errno of connect(). Asio turns EAGAIN into ENOBUFS to distinguish the full backlog of a UNIX socket from "in
  // progress"; the kernel itself never returns ENOBUFS there.
  static int errno_of(const asio::error_code& error, sa_family_t family) {
    return family == AF_UNIX && error == asio::error::no_buffer_space ? EAGAIN : error.value();
  }

  // Gives the slot the socket that the options ask for; async_connect() opens one where they ask for none.
  Evidence open(AsioSlot& slot) { return open(slot, slot.family); }
  Evidence open(AsioSlot& slot, sa_family_t family) {
    if (library_opens_sockets()) return {};
    UniqueFd fd(-1);
    const Evidence evidence = open_socket(family, fd);
    if (evidence.error != 0) return evidence;
    asio::error_code error;
    slot.socket.assign(Protocol(family, setup().protocol(family)), fd.get(), error);
    if (!error) fd.release();
    return {.call = Call::wait, .error = error.value()};  // epoll_ctl()
  }

  // release() cancels the outstanding operations of the socket. Without a socket it does nothing.
  void retire(AsioSlot& slot) {
    asio::error_code ignored;
    if (slot.socket.is_open()) retirement().retire(UniqueFd(slot.socket.release(ignored)), slot.completion);
  }

  void run_loop(TimePoint wake) override {
    io_.restart();
    if (wake == at_once || io_.run_one_until(wake) > 0) io_.poll();
  }

  asio::io_context io_{1};  // one thread
};

}  // namespace CONNBENCH_ASIO_VARIANT
}  // namespace connbench
