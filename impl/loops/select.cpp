// One thread, one select() loop. Choose it where nothing else exists: it holds descriptors below FD_SETSIZE only, and
// each call copies and scans the whole set.
#include <sys/select.h>

#include <algorithm>
#include <array>

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

  // Sets and timeout are consumed by select() and made anew for each call. A failed connect makes a socket writable,
  // and readable; so does a peer that has spoken already. The exception set says nothing about it.
  int wait(TimePoint wake) override {
    fd_set writable = watched_;
    fd_set readable = watched_;
    timeval left = wake == at_once ? timeval{} : select_timeout(wake - now());
    int count = ::select(highest_ + 1, &readable, &writable, nullptr, &left);
    if (count < 0) return errno;
    for (int fd = 0; count > 0 && fd < FD_SETSIZE; ++fd) {
      if (!FD_ISSET(fd, &writable)) continue;
      const bool by_itself = !FD_ISSET(fd, &readable);
      count -= by_itself ? 1 : 2;  // it counts bits
      ready(index_of_[static_cast<size_t>(fd)], by_itself);
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
    .summary = "one thread, one select() loop; honest about FD_SETSIZE",
    .options = loop_options,
    .probe =
        [](const ConnectorSettings& settings) {
          auto reason = probe_select(settings.max_in_flight);
          return reason ? reason : probe_source_port(settings);
        },
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<Select>(settings);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
