// Formats the arguments of single system calls: what is passed in and what comes out.
#pragma once

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "harness/trace/call_text.h"

namespace connbench::trace {

/// Everything needed to describe one call.
struct Call {
  const Arguments& arguments;
  const Memory& memory;
  int64_t value = 0;  ///< what it returned

  int fd(size_t i = 0) const { return static_cast<int>(arguments[i]); }
  int number(size_t i) const { return static_cast<int>(arguments[i]); }

  template <class Value>
  bool load(uint64_t address, Value& into) const {
    return address != 0 && memory.read(address, &into, sizeof into) == sizeof into;
  }
};

std::string nothing(const Call& call);
std::string first(const Call& call);         ///< the descriptor
std::string bytes(const Call& call);         ///< the descriptor and the number of bytes
std::string to_address(const Call& call);    ///< the descriptor and the address passed in
std::string from_address(const Call& call);  ///< the address that the call has written
std::string socket_in(const Call& call);
std::string setsockopt_in(const Call& call);
std::string getsockopt_in(const Call& call);
std::string getsockopt_out(const Call& call);
std::string fcntl_in(const Call& call);
std::string shutdown_in(const Call& call);
std::string timer_in(const Call& call);
std::string epoll_ctl_in(const Call& call);
std::string epoll_out(const Call& call);
/// poll(): the requested events, and those that are ready.
std::string poll_in(const Call& call);
std::string poll_out(const Call& call);
/// select(): the members of its sets, as passed in or as returned.
std::string selected(const Call& call);
/// A timeout in a timespec; `pointer` is the position of the argument.
std::string time_of(const Call& call, size_t pointer);
std::string timeout_in_ms(int timeout);

}  // namespace connbench::trace
