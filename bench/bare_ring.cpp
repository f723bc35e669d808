#include "bench/bare_ring.h"

#include <liburing.h>
#include <sys/socket.h>

#include <cstdint>
#include <numeric>
#include <system_error>
#include <vector>

#include "bench/bare_calls.h"

namespace connbench {

class BareIoUring::Ring {
 public:
  explicit Ring(size_t slots) {
    io_uring_params params{};
    params.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    checked_result(io_uring_queue_init_params(static_cast<unsigned>(3 * slots + 1), &ring_, &params), "io_uring_setup");
    checked_result(io_uring_register_files_sparse(&ring_, static_cast<unsigned>(slots)), "io_uring_register");
  }
  ~Ring() { io_uring_queue_exit(&ring_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void connect(unsigned slot, const Endpoint& to) {
    io_uring_sqe* socket = io_uring_get_sqe(&ring_);
    io_uring_prep_socket_direct(socket, to.family(), SOCK_STREAM | SOCK_NONBLOCK, 0, slot, 0);
    socket->flags |= IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* connect = io_uring_get_sqe(&ring_);
    io_uring_prep_connect(connect, static_cast<int>(slot), to.address(), to.size());
    connect->flags |= IOSQE_FIXED_FILE;
    connect->user_data = slot;
  }

  void reset_and_close(unsigned slot) {
    static constexpr linger at_once{.l_onoff = 1, .l_linger = 0};
    io_uring_sqe* option = io_uring_get_sqe(&ring_);
    io_uring_prep_rw(IORING_OP_URING_CMD, option, static_cast<int>(slot), nullptr, 0, 0);
    option->cmd_op = 3;                                                  // SOCKET_URING_OP_SETSOCKOPT
    option->addr = static_cast<uint64_t>(SO_LINGER) << 32 | SOL_SOCKET;  // level, optname
    option->file_index = sizeof at_once;
    option->addr3 = reinterpret_cast<uintptr_t>(&at_once);
    option->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe* close = io_uring_get_sqe(&ring_);
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
  static void checked_result(int result, const char* call) {
    if (result < 0) throw std::system_error(-result, std::generic_category(), call);
  }
  io_uring ring_{};
};

BareIoUring::BareIoUring(size_t concurrency) : ring_(std::make_unique<Ring>(concurrency)), concurrency_(concurrency) {}
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

}  // namespace connbench
