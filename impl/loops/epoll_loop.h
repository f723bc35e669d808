// What the epoll connectors share: everything but the flag that says how often a socket is reported.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "impl/loops/loop.h"
#include "impl/sockets/wake_timer.h"

namespace connbench {

inline constexpr OptionSpec wait_option{
    .name = "wait",
    .kind = OptionSpec::Kind::choice,
    .choices = "timerfd|pwait2",
    .default_value = "timerfd",
    .help = "how a wait ends at a deadline: an absolute timerfd in the epoll set, or the timeout of epoll_pwait2()"};
inline constexpr auto epoll_options = with_socket_options({detect_option, wait_option});

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

  uint32_t how_;
  UniqueFd epoll_;
  std::optional<WakeTimer> timer_;  // empty: the timeout of epoll_pwait2() is used
  // How many attempts have ended under each index. Every event carries the count at the time of registration: a
  // connection that is held until the wave ends stays in the epoll set, and may still be reported after its index has
  // been given to another attempt.
  std::vector<uint32_t> generations_;
  std::array<epoll_event, 256> events_{};
};

/// Why this kernel lacks what the options ask for; nullopt when it has everything.
std::optional<std::string> probe_epoll(const ConnectorSettings& settings);

}  // namespace connbench
