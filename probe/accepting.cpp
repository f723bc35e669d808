// S1: what accept() returns when the client has reset the connection between select() and accept().
#include <sys/select.h>
#include <sys/socket.h>

#include "harness/support/units.h"
#include "probe/probe.h"
#include "probe/surroundings.h"
#include "probe/words.h"

namespace connbench::probes {
namespace {

using namespace probe;
using namespace std::chrono_literals;

// Waits for the listener with select(). Returns 1 when a connection can be accepted.
int select_readable(int listener) {
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(listener, &readable);
  timeval limit{.tv_sec = 5, .tv_usec = 0};
  return ::select(listener + 1, &readable, nullptr, nullptr, &limit);
}

// Connects and resets at once.
void connect_and_reset(const Endpoint& to, int listener, bool& was_readable) {
  const UniqueFd client = tcp_socket();
  checked(::connect(client.get(), to.address(), to.size()), "connect");
  was_readable = select_readable(listener) == 1;  // between connect and reset, as in the claim
  reset_on_close(client.get());
}

Finding accept_after_a_reset(Surroundings&) {
  constexpr int tries = 200;
  Finding finding;
  const Listener listener = listen_on_loopback();  // blocking
  // Lets an accept() that blocks end with EAGAIN after this time, so that it can be counted.
  const timeval limit{.tv_sec = 0, .tv_usec = 200'000};
  checked(::setsockopt(listener.fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), "SO_RCVTIMEO");

  int readable = 0, blocked = 0, failed = 0, dead = 0;
  for (int i = 0; i < tries; ++i) {
    bool was_readable = false;
    connect_and_reset(listener.at, listener.fd.get(), was_readable);
    readable += was_readable;
    const UniqueFd accepted(::accept(listener.fd.get(), nullptr, nullptr));
    if (!accepted) {
      ++(errno == EAGAIN ? blocked : failed);
      continue;
    }
    char byte = 0;
    const Returned read = returned(::recv(accepted.get(), &byte, 1, 0));
    dead += read.error == ECONNRESET;
  }
  finding.saw("{} tries: before the client's RST, select() reported the listener as readable {} times", tries,
              readable);
  finding.saw("accept() after the RST: {} returned a connection, {} blocked, {} failed", tries - blocked - failed,
              blocked, failed);
  finding.saw(
      "recv() on the accepted connections failed with ECONNRESET in {} of {} cases: the dead connection stays in the "
      "queue",
      dead, tries - blocked - failed);

  // What does make accept() block after select(): another process sharing the listener was quicker.
  const UniqueFd client = tcp_socket();
  checked(::connect(client.get(), listener.at.address(), listener.at.size()), "connect");
  const int ready = select_readable(listener.fd.get());
  const UniqueFd taken_by_another(::accept(listener.fd.get(), nullptr, nullptr));
  const TimePoint began = now();
  const Returned late = returned(::accept(listener.fd.get(), nullptr, nullptr));
  finding.saw(
      "a shared listener: select() = {}, another accept() takes the connection, ours blocks (ended by SO_RCVTIMEO: {} "
      "after {}). So a shared listener should still be non-blocking",
      ready, late, human_readable(now() - began));

  const bool as_claimed = blocked == tries;
  finding.verdict = as_claimed ? Verdict::confirmed : blocked > 0 ? Verdict::depends : Verdict::refuted;
  return finding;
}

}  // namespace

extern const Entry S1;
const Entry S1{
    .id = "S1",
    .sentence =
        "When a client resets its connection after select() has reported a blocking listener as readable, accept() "
        "blocks; so a listener used with select() must be non-blocking.",
    .source = "probe/accepting.cpp",
    .run = accept_after_a_reset,
};

}  // namespace connbench::probes
