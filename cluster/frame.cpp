#include "cluster/frame.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace connbench::cluster {
namespace {

struct Header {
  uint32_t length;
  FrameKind kind;
  int32_t rank;
};
constexpr uint32_t longest_payload = 64 * 1024 * 1024;
constexpr char end_of_frame = '\n';  // srun passes on whole lines only

std::runtime_error not_a_frame() {
  return std::runtime_error("what came from the cluster's job is not of connbench-mpi");
}

void write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // the other owners of the pipe may have made it non-blocking
      pollfd room{fd, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    bytes.remove_prefix(static_cast<size_t>(checked(static_cast<int>(written), "write to the cluster's job")));
  }
}

}  // namespace

void FrameStream::send(const Frame& frame) {
  std::string bytes;
  pack(bytes, Header{static_cast<uint32_t>(frame.payload.size()), frame.kind, frame.rank});
  write_whole(out_.get(), bytes.append(frame.payload).append(1, end_of_frame));
}

bool FrameStream::read_on() {
  std::array<char, 65536> part;
  const ssize_t length = ::read(in_.get(), part.data(), part.size());
  if (length > 0) unread_.append(part.data(), static_cast<size_t>(length));
  return length > 0 || (length < 0 && (errno == EINTR || errno == EAGAIN));
}

std::optional<Frame> FrameStream::next() {
  std::string_view rest = std::string_view(unread_).substr(taken_);
  if (rest.size() < sizeof(Header)) {
    unread_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }
  const auto header = unpack<Header>(rest);
  if (header.length > longest_payload || header.kind > FrameKind::end) throw not_a_frame();
  if (rest.size() <= header.length) {
    unread_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }
  if (rest[header.length] != end_of_frame) throw not_a_frame();
  taken_ += sizeof header + header.length + sizeof end_of_frame;
  return Frame{header.kind, header.rank, std::string(rest.substr(0, header.length))};
}

std::optional<Frame> FrameStream::wait() {
  while (true) {
    if (auto frame = next()) return frame;
    pollfd readable{in_.get(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    if (!read_on()) return std::nullopt;
  }
}

}  // namespace connbench::cluster
