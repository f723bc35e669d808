// One thread, one poll() over everything in flight. Choose it for a few dozen connections on any UNIX: its cost grows
// with the number of waiting sockets, not with the number of ready ones.
#include <poll.h>

#include <algorithm>

#include "harness/connector/make_connector.h"
#include "impl/loops/loop.h"

namespace connbench::connectors {
namespace {

class Poll final : public LoopConnector {
 public:
  explicit Poll(const ConnectorSettings& settings)
      : LoopConnector(settings), watched_(settings.max_in_flight, {.fd = -1, .events = POLLOUT, .revents = 0}) {}

  Capabilities capabilities() const override {
    return {.deadline_by = Capabilities::DeadlineBy::wait, .granularity = Duration(1)};
  }

 private:
  Evidence watch(uint32_t index) override {
    watched_[index].fd = pending()[index].fd.get();
    end_ = std::max<size_t>(end_, index + 1);
    return {.call = Call::wait};
  }

  void unwatch(uint32_t index) override {
    watched_[index].fd = -1;
    while (end_ > 0 && watched_[end_ - 1].fd < 0) --end_;
  }

  int wait(TimePoint wake) override {
    const timespec left = to_timespec(wake == at_once ? Duration::zero() : wake - now());
    int count = ::ppoll(watched_.data(), end_, &left, nullptr);
    if (count < 0) return errno;
    for (uint32_t index = 0; count > 0; ++index) {
      const short events = watched_[index].revents;
      if (events == 0) continue;
      --count;
      ready(index, (events & POLLOUT) != 0);
    }
    return 0;
  }

  std::vector<pollfd> watched_;  // by index in pending(); poll() ignores entries with fd -1
  size_t end_ = 0;               // one past the last watched entry
};

}  // namespace

extern const ConnectorEntry poll;
const ConnectorEntry poll{
    .name = "poll",
    .summary = "one thread, one poll() loop",
    .options = loop_options,
    .probe = probe_socket_setup,
    .make = make_connector<Poll>,
    .group = "loops",
};

}  // namespace connbench::connectors
