// The system calls of a thread for one attempt, with nothing around them but the two stamps that every connector takes:
// socket, the call that bounds connect(), connect, setsockopt(SO_LINGER), close. There are no outcomes; anything but a
// connection throws.
#pragma once

#include "harness/connector/endpoint.h"
#include "harness/support/clock.h"

namespace connbench {

/// What a socket is besides plain TCP, and what is asked of it before connect().
struct BareSocket {
  int protocol = 0;                  ///< the third argument of socket()
  bool fastopen = false;             ///< setsockopt(TCP_FASTOPEN_CONNECT)
  const Endpoint* source = nullptr;  ///< setsockopt(IP_BIND_ADDRESS_NO_PORT), bind
};

using BareCall = void (*)(const Endpoint& to);

void bare_plain(const Endpoint& to);
void bare_sndtimeo(const Endpoint& to);      ///< setsockopt(SO_SNDTIMEO)
void bare_user_timeout(const Endpoint& to);  ///< setsockopt(TCP_USER_TIMEOUT)
void bare_syncnt(const Endpoint& to);        ///< setsockopt(TCP_SYNCNT)
void bare_signal(const Endpoint& to);        ///< timer_settime before and after; timer_create once per thread
void bare_select_one(const Endpoint& to);    ///< non-blocking, select, getsockopt(SO_ERROR)
void bare_poll_one(const Endpoint& to);      ///< non-blocking, ppoll, getsockopt(SO_ERROR)

/// Reads the clock at the same points as a connector does: before the first system call of an attempt, and when its
/// outcome is known.
inline void bare_stamp() noexcept {
  static_cast<void>(now());
}
/// A non-blocking socket on which connect() was called.
int bare_open(const Endpoint& to, const BareSocket& socket = {});
/// The same after a stamp.
int bare_begin(const Endpoint& to, const BareSocket& socket = {});
/// getsockopt(SO_ERROR), a stamp, setsockopt(SO_LINGER), close.
void bare_end(int fd);

}  // namespace connbench
