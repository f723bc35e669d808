// What the epoll connectors share: everything but the flag that says how often a socket is reported.
#pragma once

#include <sys/epoll.h>

#include <array>

#include "impl/loops/loop.h"

namespace connbench {

inline constexpr OptionSpec wait_option{
    .name = "wait",
    .kind = OptionSpec::Kind::choice,
    .choices = "timerfd|pwait2",
    .default_value = "timerfd",
    .help = "what ends a wait at a deadline: an absolute timerfd in the set, or the timeout of epoll_pwait2()"};
inline constexpr OptionSpec epoll_options[] = {source_port_option, detect_option, wait_option};

/// One thread, one epoll.
class EpollLoop final : public LoopConnector {
 public:
  /// `how`: EPOLLONESHOT (level-triggered, reported once) or EPOLLET (reported at each change).
  EpollLoop(const ConnectorSettings& settings, uint32_t how);

  Capabilities capabilities() const override;

 private:
  Evidence watch(uint32_t index) override { return control(EPOLL_CTL_ADD, index); }
  void unwatch(uint32_t index) override { ++generations_[index]; }
  int wait(TimePoint wake) override;
  int wait_for_events(TimePoint wake);
  Evidence control(int operation, uint32_t index);
  void take(const epoll_event& event);
  int set_timer(TimePoint time);

  uint32_t how_;
  UniqueFd epoll_;
  UniqueFd timer_{-1};  // none: epoll_pwait2()
  TimePoint timer_set_for_ = TimePoint::max();
  // Of each index, how many of its attempts are over. An event carries the number that held when it was asked for:
  // a connection that is held until the wave ends stays in the epoll, and may still be reported, under an index that
  // means another attempt by then.
  std::vector<uint32_t> generations_;
  std::array<epoll_event, 256> events_{};
};

/// Why this kernel does not have what the options ask for; nullopt when it has.
std::optional<std::string> probe_epoll(const ConnectorSettings& settings);

}  // namespace connbench
