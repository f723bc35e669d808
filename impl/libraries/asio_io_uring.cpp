// Standalone Asio over io_uring instead of epoll (ASIO_HAS_IO_URING, ASIO_DISABLE_EPOLL): the code of `asio`, and
// another event loop. Choose it in a program that also reads and writes files through Asio, which epoll cannot wait
// for. For connections alone, compare it with `asio` first. It needs Linux 5.6, and a container may forbid io_uring.
//
// Its traps, of which the first three need care in every program:
//
// Before Asio 1.27, requests whose answer Asio ignores (to cancel, to move a timer) carry what their entry of the ring
// held before. After 16,384 requests, when the entries are used again, such an answer is taken for that of a socket,
// and a connection is reported that does not exist. Here the entries are cleared, as Asio does since.
//
// In Asio 1.22, close() and release() of a socket that still waits leave its request to the next socket, whose own
// request is then not made. Here the socket is cancelled first, and released in its callback. To cancel costs a system
// call either way.
//
// run_for(), run_until() and their like make up to three system calls for each wait. In Asio 1.22, a signal that
// interrupts the wait leaves a timeout in the ring that refers to the stack. Here a timer of Asio ends the wait.
//
// A UNIX socket whose peer's backlog is full waits in a thread of the kernel, and cannot be cancelled on its way there.
// So this connector does not serve them. The kernel's request reports a host as connected whose ICMP error has not
// reached SO_ERROR yet (docs/connect.md). Each io_context makes a ring of 16,384 entries, 1.6 MiB of the kernel's
// memory, which Linux 6.18 charges to RLIMIT_MEMLOCK. All files of a program must choose the same loop, unless they
// rename Asio, as this one does.
#include <liburing.h>

#include <asio/version.hpp>

#include "impl/ring/ring.h"

namespace connbench {
namespace {

constexpr unsigned entries_of_asio = 16'384;  // io_uring_service::ring_size, which is private

// Asio's own call does not wait for the memory of rings that were closed a moment ago.
int open_ring_of_asio(unsigned entries, io_uring* ring, unsigned flags) noexcept {
  io_uring_params params{};
  params.flags = flags;
  return open_ring(entries, *ring, params);
}
#define io_uring_queue_init connbench::open_ring_of_asio

#if ASIO_VERSION < 102700
io_uring_sqe* get_cleared_sqe(io_uring* ring) noexcept {
  io_uring_sqe* sqe = ::io_uring_get_sqe(ring);
  if (sqe != nullptr) ::io_uring_sqe_set_data(sqe, nullptr);
  return sqe;
}
#define io_uring_get_sqe connbench::get_cleared_sqe
#endif

}  // namespace
}  // namespace connbench

#define CONNBENCH_ASIO_OVER_IO_URING
#include "harness/connector/make_connector.h"
#include "impl/libraries/asio_callbacks.h"

namespace connbench::connectors {
namespace {

class AsioIoUring final : public AsioCallbacks {
 public:
  explicit AsioIoUring(const ConnectorSettings& settings) : AsioCallbacks(settings), wake_(io_) {}
  ~AsioIoUring() override { shut_down(); }

 private:
  void stop(AsioSlot& slot) override {
    asio::error_code ignored;
    slot.socket.cancel(ignored);
  }

  void run_loop(TimePoint wake) override {
    io_.restart();
    if (wake != at_once) {
      if (wake < wake_set_for_) set_wake(wake);
      io_.run_one();
    }
    io_.poll();
  }

  void set_wake(TimePoint wake) {
    wake_set_for_ = wake;
    wake_.expires_at(wake);
    wake_.async_wait([this](const asio::error_code& error) {
      if (!error) wake_set_for_ = TimePoint::max();
    });
  }

  asio::steady_timer wake_;
  TimePoint wake_set_for_ = TimePoint::max();
};

std::optional<std::string> why_no_requests(io_uring& ring) {
  io_uring_probe* known = ::io_uring_get_probe_ring(&ring);
  const bool connects = known != nullptr && ::io_uring_opcode_supported(known, IORING_OP_CONNECT) != 0;
  ::io_uring_free_probe(known);
  if (connects) return std::nullopt;
  return "io_uring: this kernel does not say that a ring can connect (since Linux 5.6)";
}

std::optional<std::string> probe(const ConnectorSettings& settings) {
  if (auto reason = probe_socket_setup(settings)) return reason;
  io_uring ring{};
  if (const int result = open_ring_of_asio(entries_of_asio, &ring, 0); result < 0) return why_no_ring(-result);
  auto reason = why_no_requests(ring);
  ::io_uring_queue_exit(&ring);
  return reason;
}

}  // namespace

extern const ConnectorEntry asio_io_uring;
const ConnectorEntry asio_io_uring{
    .name = "asio-io-uring",
    .summary = "Asio over io_uring: async_connect() with a callback and a steady_timer per attempt",
    .options = unrepeated_socket_options,
    .probe = probe,
    .make = make_connector<AsioIoUring>,
    .families = ip_families,
    .library = AsioConnector::library,
    .group = "libraries",
};

}  // namespace connbench::connectors
