// The arguments of single system calls in words: what goes in, and what comes out.
#pragma once

#include <poll.h>

#include <string>

#include "harness/trace/call_text.h"

namespace connbench::trace {

/// What one call is told from.
struct Call {
  const Arguments& arguments;
  const Memory& memory;
  int64_t value = 0;

  int fd(size_t i = 0) const { return static_cast<int>(arguments[i]); }
  int number(size_t i) const { return static_cast<int>(arguments[i]); }

  template <class Value>
  bool load(uint64_t address, Value& into) const {
    return address != 0 && memory.read(address, &into, sizeof into) == sizeof into;
  }
};

std::string nothing(const Call& call);
std::string first(const Call& call);         ///< its descriptor
std::string bytes(const Call& call);         ///< and how many bytes
std::string to_address(const Call& call);    ///< and the address that it is given
std::string from_address(const Call& call);  ///< the address that it has written
std::string socket_in(const Call& call);
std::string setsockopt_in(const Call& call);
std::string getsockopt_in(const Call& call);
std::string getsockopt_out(const Call& call);
std::string fcntl_in(const Call& call);
std::string shutdown_in(const Call& call);
std::string timer_in(const Call& call);
std::string epoll_ctl_in(const Call& call);
std::string epoll_out(const Call& call);
/// Of poll(): what is asked, or what is ready.
std::string polled(const Call& call, short pollfd::*events, bool only_ready);
/// Of select(): the members of its sets, as it takes and as it returns them.
std::string selected(const Call& call);
/// A timeout, by the position of its timespec.
std::string time_of(const Call& call, size_t pointer);
std::string milliseconds(int timeout);

}  // namespace connbench::trace
