#include "bench/bare_ring.h"

#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>
#include <numeric>
#include <system_error>
#include <vector>

#include "bench/bare_calls.h"
#include "impl/ring/ring.h"

namespace connbench {

namespace {

void checked_result(int result, const char* call) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), call);
}

// With a thread of the kernel that takes the requests, there may be no room for a moment.
io_uring_sqe* next_request(io_uring& ring) {
  while (true) {
    if (io_uring_sqe* request = io_uring_get_sqe(&ring)) return request;
    checked_result(io_uring_submit(&ring), "io_uring_enter");
    if ((ring.flags & IORING_SETUP_SQPOLL) != 0) checked_result(io_uring_sqring_wait(&ring), "io_uring_enter");
  }
}

}  // namespace

BareRingOptions bare_ring_coop() {
  return {.setup = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER, .socket = {}};
}

class BareIoUring::Ring {
 public:
  Ring(size_t slots, const BareRingOptions& options) : socket_(options.socket) {
    io_uring_params params{};
    params.flags = options.setup;
    const auto requests = static_cast<unsigned>((3 + extra_requests()) * slots + 1);
    checked_result(open_ring(requests, ring_, params), "io_uring_setup");
    checked_result(io_uring_register_files_sparse(&ring_, static_cast<unsigned>(slots)), "io_uring_register");
  }
  ~Ring() { io_uring_queue_exit(&ring_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void connect(unsigned slot, const Endpoint& to) {
    io_uring_sqe* socket = next_request(ring_);
    io_uring_prep_socket_direct(socket, to.family(), SOCK_STREAM | SOCK_NONBLOCK, socket_.protocol, slot, 0);
    socket->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    prepare(slot);
    io_uring_sqe* connect = next_request(ring_);
    io_uring_prep_connect(connect, static_cast<int>(slot), to.address(), to.size());
    connect->flags |= IOSQE_FIXED_FILE;
    connect->user_data = slot;
  }

  void reset_and_close(unsigned slot) {
    static constexpr linger at_once{.l_onoff = 1, .l_linger = 0};
    set_option(slot, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once)->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* close = next_request(ring_);
    io_uring_prep_close_direct(close, slot);
    close->flags |= IOSQE_CQE_SKIP_SUCCESS;
  }

  void submit(unsigned wait_for) { checked_result(io_uring_submit_and_wait(&ring_, wait_for), "io_uring_enter"); }

  void take(std::vector<unsigned>& slots) {
    unsigned head = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&ring_, head, completion) {
      checked_result(completion->res, "connect");
      bare_stamp();
      slots.push_back(static_cast<unsigned>(completion->user_data));
    }
    io_uring_cq_advance(&ring_, static_cast<unsigned>(slots.size()));
  }

 private:
  size_t extra_requests() const { return (socket_.fastopen ? 1U : 0U) + (socket_.source != nullptr ? 2U : 0U); }

  // Between socket() and connect(), in one chain with them.
  void prepare(unsigned slot) {
    static constexpr int on = 1;
    constexpr auto linked = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    if (socket_.fastopen) set_option(slot, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on)->flags |= linked;
    if (socket_.source == nullptr) return;
    set_option(slot, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on)->flags |= linked;
    io_uring_sqe* bind = next_request(ring_);
    io_uring_prep_rw(56, bind, static_cast<int>(slot), socket_.source->address(), 0, socket_.source->size());  // BIND
    bind->flags |= IOSQE_FIXED_FILE | linked;
  }

  io_uring_sqe* set_option(unsigned slot, int level, int name, const void* value, unsigned size) {
    io_uring_sqe* option = next_request(ring_);
    io_uring_prep_rw(IORING_OP_URING_CMD, option, static_cast<int>(slot), nullptr, 0, 0);
    option->cmd_op = 3;                                                               // SOCKET_URING_OP_SETSOCKOPT
    option->addr = static_cast<uint64_t>(name) << 32 | static_cast<uint32_t>(level);  // level, optname
    option->file_index = size;
    option->addr3 = reinterpret_cast<uintptr_t>(value);
    option->flags |= IOSQE_FIXED_FILE;
    return option;
  }

  io_uring ring_{};
  BareSocket socket_;
};

BareIoUring::BareIoUring(size_t concurrency, const BareRingOptions& options)
    : ring_(std::make_unique<Ring>(concurrency, options)), concurrency_(concurrency) {}
BareIoUring::~BareIoUring() = default;

void BareIoUring::run(std::span<const Endpoint> endpoints, size_t attempts) {
  std::vector<unsigned> free(concurrency_);
  std::iota(free.begin(), free.end(), 0U);
  std::vector<unsigned> done;
  done.reserve(concurrency_);
  size_t begun = 0;
  size_t ended = 0;
  while (ended < attempts) {
    bare_stamp();
    for (; begun < attempts && !free.empty(); ++begun, free.pop_back())
      ring_->connect(free.back(), endpoints[begun % endpoints.size()]);
    ring_->submit(1);
    ring_->take(done);
    for (const unsigned slot : done) ring_->reset_and_close(slot);
    free.insert(free.end(), done.begin(), done.end());
    ended += done.size();
    done.clear();
    ring_->submit(0);
  }
}

struct BareRingPoll::State {
  io_uring ring{};
  size_t concurrency;
  bool multishot;

  State(size_t at_once, bool several) : concurrency(at_once), multishot(several) {
    io_uring_params params{};
    params.flags = bare_ring_coop().setup;
    checked_result(open_ring(static_cast<unsigned>(2 * at_once + 1), ring, params), "io_uring_setup");
  }
  ~State() { io_uring_queue_exit(&ring); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void watch(int fd) {
    io_uring_sqe* poll = next_request(ring);
    io_uring_prep_poll_add(poll, fd, POLLOUT);
    if (multishot) poll->len = IORING_POLL_ADD_MULTI;
    poll->user_data = static_cast<uint64_t>(fd);
  }

  void end(int fd) {
    bare_end(fd);
    if (!multishot) return;
    io_uring_sqe* remove = next_request(ring);
    io_uring_prep_poll_remove(remove, static_cast<uint64_t>(fd));
    remove->flags |= IOSQE_CQE_SKIP_SUCCESS;
    remove->user_data = UINT64_MAX;
  }
};

BareRingPoll::BareRingPoll(size_t concurrency, bool multishot)
    : state_(std::make_unique<State>(concurrency, multishot)) {}
BareRingPoll::~BareRingPoll() = default;

// A descriptor is polled again only after the request for its predecessor was removed: both go in one submission, in
// this order.
void BareRingPoll::run(std::span<const Endpoint> endpoints, size_t attempts) {
  State& state = *state_;
  std::vector<int> done;
  size_t begun = 0;
  for (size_t ended = 0; ended < attempts;) {
    for (; begun < attempts && begun - ended < state.concurrency; ++begun)
      state.watch(bare_begin(endpoints[begun % endpoints.size()]));
    checked_result(io_uring_submit_and_wait(&state.ring, 1), "io_uring_enter");
    unsigned head = 0;
    unsigned taken = 0;
    io_uring_cqe* completion = nullptr;
    io_uring_for_each_cqe(&state.ring, head, completion) {
      ++taken;
      const bool last = state.multishot && (completion->flags & IORING_CQE_F_MORE) == 0;
      if (completion->user_data != UINT64_MAX && !last) done.push_back(static_cast<int>(completion->user_data));
    }
    io_uring_cq_advance(&state.ring, taken);
    for (const int fd : done) state.end(fd);
    ended += done.size();
    done.clear();
  }
  checked_result(io_uring_submit(&state.ring), "io_uring_enter");
}

}  // namespace connbench
