#include "impl/ring/ring.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <system_error>

namespace connbench {
namespace {

// Values of the kernel's io_uring.h, which is older on some distributions.
constexpr uint8_t op_fixed_fd_install = 54;         // IORING_OP_FIXED_FD_INSTALL, Linux 6.8
constexpr uint32_t socket_uring_op_setsockopt = 3;  // SOCKET_URING_OP_SETSOCKOPT, Linux 6.7

// The kernel reads it when the request begins.
constexpr linger at_once{.l_onoff = 1, .l_linger = 0};

// The kernel adds the current time to a wait, which must not overflow.
constexpr Duration longest_wait = std::chrono::hours(1);

// SUBMIT_ALL: a failed request must not hold back the ones after it. COOP_TASKRUN: completions are processed when this
// thread enters the kernel anyway; interrupting it for each would cost a system call each.
constexpr unsigned setup_flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL |
                                 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;

}  // namespace

Ring::Ring(unsigned submissions, unsigned completions, unsigned slots) {
  io_uring_params params{};
  params.flags = setup_flags;
  params.cq_entries = completions;
  if (const int error = io_uring_queue_init_params(submissions, &ring_, &params); error < 0)
    throw std::system_error(-error, std::generic_category(), "io_uring_setup");
  if (const int error = io_uring_register_files_sparse(&ring_, slots); error < 0) {
    io_uring_queue_exit(&ring_);
    throw std::system_error(-error, std::generic_category(), "io_uring_register (direct descriptors)");
  }
}

Ring::~Ring() {
  io_uring_queue_exit(&ring_);
}

// A submission must not cut a chain of requests in two.
void Ring::make_room(unsigned requests) noexcept {
  if (error_ != 0 || io_uring_sq_space_left(&ring_) >= requests) return;
  const int error = submit();
  if (io_uring_sq_space_left(&ring_) < requests) error_ = error != 0 ? error : EBUSY;
}

io_uring_sqe& Ring::next(Tag tag, uint32_t index, unsigned flags) noexcept {
  io_uring_sqe& request = error_ == 0 ? *io_uring_get_sqe(&ring_) : *discarded_;
  request = {};
  request.flags = static_cast<uint8_t>(flags);
  request.user_data = static_cast<uint64_t>(tag) << 32 | index;
  return request;
}

void Ring::connect(uint32_t slot, const Endpoint& to, const __kernel_timespec* deadline) noexcept {
  make_room(3);
  constexpr unsigned silent_link = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe& socket = next(Tag::socket, slot, silent_link);
  socket.opcode = IORING_OP_SOCKET;
  socket.fd = to.family();
  socket.off = SOCK_STREAM | SOCK_NONBLOCK;  // else a kernel worker would block in the connect() of a UNIX socket
  socket.file_index = slot + 1;
  io_uring_sqe& connect = next(Tag::connect, slot, IOSQE_FIXED_FILE | (deadline != nullptr ? IOSQE_IO_LINK : 0U));
  connect.opcode = IORING_OP_CONNECT;
  connect.fd = static_cast<int>(slot);
  connect.addr = reinterpret_cast<uintptr_t>(to.address());
  connect.off = to.size();
  if (deadline == nullptr) return;
  io_uring_sqe& timeout = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  timeout.opcode = IORING_OP_LINK_TIMEOUT;
  timeout.addr = reinterpret_cast<uintptr_t>(deadline);
  timeout.len = 1;
  timeout.timeout_flags = IORING_TIMEOUT_ABS;
}

void Ring::reset_on_close(uint32_t slot) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_URING_CMD;
  request.fd = static_cast<int>(slot);
  request.cmd_op = socket_uring_op_setsockopt;
  request.addr = static_cast<uint64_t>(SO_LINGER) << 32 | SOL_SOCKET;  // the fields `level` and `optname`
  request.file_index = sizeof at_once;                                 // `optlen`
  request.addr3 = reinterpret_cast<uintptr_t>(&at_once);               // `optval`
}

void Ring::close(uint32_t slot) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_CLOSE;
  request.file_index = slot + 1;
}

void Ring::install(uint32_t slot, uint32_t index) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::install, index, IOSQE_FIXED_FILE);
  request.opcode = op_fixed_fd_install;
  request.fd = static_cast<int>(slot);
}

void Ring::cancel(uint32_t slot) noexcept {
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_ASYNC_CANCEL;
  request.fd = -1;
  request.addr = static_cast<uint64_t>(Tag::connect) << 32 | slot;
}

void Ring::disconnect(uint32_t slot) noexcept {
  static constexpr sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
  make_room(1);
  io_uring_sqe& request = next(Tag::housekeeping, slot, IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS);
  request.opcode = IORING_OP_CONNECT;
  request.fd = static_cast<int>(slot);
  request.addr = reinterpret_cast<uintptr_t>(&nowhere);
  request.off = sizeof nowhere;
}

int Ring::submit() noexcept {
  if (error_ != 0 || io_uring_sq_ready(&ring_) == 0) return error_;
  const int result = io_uring_submit(&ring_);
  return result < 0 ? -result : 0;
}

int Ring::wait(TimePoint wake) noexcept {
  if (error_ != 0) return error_;
  const Duration time = wake > TimePoint{} ? std::min<Duration>(wake - now(), longest_wait) : Duration::zero();
  int result = 0;
  if (time <= Duration::zero()) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    const timespec until = to_timespec(time);
    __kernel_timespec timeout{.tv_sec = until.tv_sec, .tv_nsec = until.tv_nsec};
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, &timeout, nullptr);
  }
  return result < 0 && result != -ETIME ? -result : 0;
}

}  // namespace connbench
