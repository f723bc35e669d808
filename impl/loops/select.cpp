// One thread, one select() loop. Choose it only where nothing else exists: descriptors must be below FD_SETSIZE, and
// each call copies and scans the whole set.
#include <sys/select.h>

#include <algorithm>
#include <array>

#include "harness/connector/make_connector.h"
#include "impl/loops/loop.h"
#include "impl/sockets/select_limit.h"

namespace connbench::connectors {
namespace {

class Select final : public LoopConnector {
 public:
  explicit Select(const ConnectorSettings& settings) : LoopConnector(settings) { FD_ZERO(&watched_); }

  Capabilities capabilities() const override {
    return {.granularity = std::chrono::microseconds(1), .max_in_flight = select_max_in_flight};
  }

 private:
  Evidence watch(uint32_t index) override {
    const int fd = pending()[index].fd.get();
    if (fd >= FD_SETSIZE) return {.call = Call::wait, .error = fd_setsize_error};
    FD_SET(fd, &watched_);
    index_of_[static_cast<size_t>(fd)] = index;
    highest_ = std::max(highest_, fd);
    return {};
  }

  void unwatch(uint32_t index) override {
    const int fd = pending()[index].fd.get();
    if (fd >= FD_SETSIZE) return;
    FD_CLR(fd, &watched_);
    while (highest_ >= 0 && !FD_ISSET(highest_, &watched_)) --highest_;
  }

  // select() overwrites the sets and the timeout, so they are set up for each call. A failed connect makes a socket
  // both writable and readable, but so does a peer that has already sent something. The exception set does not help.
  int wait(TimePoint wake) override {
    fd_set writable = watched_;
    fd_set readable = watched_;
    timeval left = wake == at_once ? timeval{} : select_timeout(wake - now());
    int count = ::select(highest_ + 1, &readable, &writable, nullptr, &left);
    if (count < 0) return errno;
    for (int fd = 0; count > 0 && fd < FD_SETSIZE; ++fd) {
      if (!FD_ISSET(fd, &writable)) continue;
      const bool only_writable = !FD_ISSET(fd, &readable);
      count -= only_writable ? 1 : 2;  // select() counts bits
      ready(index_of_[static_cast<size_t>(fd)], only_writable);
    }
    return 0;
  }

  fd_set watched_;
  int highest_ = -1;
  std::array<uint32_t, FD_SETSIZE> index_of_{};
};

}  // namespace

extern const ConnectorEntry select;
const ConnectorEntry select{
    .name = "select",
    .summary = "one thread, one select() loop; limited by FD_SETSIZE",
    .options = loop_options,
    .probe =
        [](const ConnectorSettings& settings) {
          auto reason = probe_select(settings.max_in_flight);
          return reason ? reason : probe_socket_setup(settings);
        },
    .make = make_connector<Select>,
    .group = "loops",
};

}  // namespace connbench::connectors
