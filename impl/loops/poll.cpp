// One thread, one poll() over everything in flight. Choose it for some dozens of connections on any UNIX: its cost
// grows with what waits, not with what is ready.
#include <poll.h>

#include <algorithm>

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

  std::vector<pollfd> watched_;  // by index in pending(); poll() passes over those with fd -1
  size_t end_ = 0;               // behind the last that is watched
};

}  // namespace

extern const ConnectorEntry poll;
const ConnectorEntry poll{
    .name = "poll",
    .summary = "one thread, one poll() loop",
    .options = loop_options,
    .probe = probe_source_port,
    .make = [](const ConnectorSettings& settings) -> std::unique_ptr<Connector> {
      return std::make_unique<Poll>(settings);
    },
    .group = "loops",
};

}  // namespace connbench::connectors
