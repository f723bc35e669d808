// A library that waits for many sockets at once. It stands for yours.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>

class Reactor {
 public:
  struct Event {
    uint32_t tag;
    bool writable;  ///< false: reported only because of an error
  };
  /// The errno of a wait that failed, 0 = none; and what became ready.
  struct Ready {
    int error;
    std::array<Event, 64> events;
    size_t count;
  };

  /// @throws std::system_error
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Watches a socket until it is writable. Returns errno, 0 = watched.
  int watch(int fd, uint32_t tag);
  void forget(int fd);
  /// Waits at most for this long, rounded up to milliseconds.
  Ready wait(std::chrono::nanoseconds at_most);

 private:
  int epoll_;
};
