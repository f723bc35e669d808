#include "bench/worker_talk.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace connbench {
namespace {

// A copy that no child inherits, beyond the standard descriptors; what stood there is replaced.
UniqueFd take_over(int standard, int replacement) {
  UniqueFd own(checked(::fcntl(standard, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "fcntl(F_DUPFD_CLOEXEC)"));
  checked(::dup2(replacement, standard), "dup2");
  return own;
}

UniqueFd take_input() {
  const UniqueFd nothing(checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null"));
  return take_over(STDIN_FILENO, nothing.get());
}

}  // namespace

WorkerTalk::WorkerTalk() : stream_(take_input(), take_over(STDOUT_FILENO, STDERR_FILENO)) {}

void WorkerTalk::say(const cluster::Json& message) {
  stream_.send({cluster::FrameKind::message, 0, cluster::to_wire(message)});
}

void WorkerTalk::say_of_wave(cluster::Json message) {
  message["wave"] = wave_;
  say(message);
}

void WorkerTalk::read_on() {
  if (!stream_.read_on()) gone_ = true;
  while (auto frame = stream_.next()) {
    if (frame->kind == cluster::FrameKind::begin) {
      std::string_view bytes = frame->payload;
      begin_ = TimePoint(Duration(cluster::unpack<int64_t>(bytes)));
    }
    if (frame->kind != cluster::FrameKind::message) continue;
    cluster::Json order = cluster::from_wire(frame->payload);
    if (order.at("is") == "stop")
      stop_ = true;
    else
      orders_.push_back(std::move(order));
  }
}

void WorkerTalk::look() {
  pollfd readable{stream_.fd(), POLLIN, 0};
  while (!gone_ && ::poll(&readable, 1, 0) > 0) read_on();
}

std::optional<cluster::Json> WorkerTalk::next() {
  while (orders_.empty() && !gone_) {
    pollfd readable{stream_.fd(), POLLIN, 0};
    if (::poll(&readable, 1, -1) > 0) read_on();
  }
  if (orders_.empty()) return std::nullopt;
  cluster::Json order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

}  // namespace connbench
