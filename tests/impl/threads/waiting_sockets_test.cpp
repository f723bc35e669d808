// A signal ends the connects of the thread that it interrupts.
#include "impl/threads/waiting_sockets.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <thread>

#include "harness/support/unique_fd.h"
#include "harness/targets/target.h"
#include "impl/threads/interrupting_signal.h"

namespace connbench {
namespace {

class WaitingSockets : public testing::Test {
 protected:
  // A socket whose connect() nobody answers.
  UniqueFd connecting() {
    UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const Endpoint to = silent_->endpoints().front();
    EXPECT_EQ(::connect(fd.get(), to.address(), to.size()), -1);
    EXPECT_EQ(errno, EINPROGRESS);
    return fd;
  }

  static bool has_ended(const UniqueFd& fd) {
    pollfd one{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    return ::poll(&one, 1, 0) == 1;
  }

  static int error_of(const UniqueFd& fd) {
    int error = 0;
    socklen_t size = sizeof error;
    EXPECT_EQ(::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error;
  }

  void SetUp() override { install_ending_handler(cancelling_signal()); }

  std::unique_ptr<Target> silent_ = find_target("backlog-full").open({.family = Family::ipv4, .open_at_once = 2});
};

TEST_F(WaitingSockets, AreShutDownByTheSignal) {
  const UniqueFd fd = connecting();
  add_waiting_socket(fd.get());
  EXPECT_FALSE(has_ended(fd));
  ::raise(cancelling_signal());
  EXPECT_TRUE(has_ended(fd));
  const int error = error_of(fd);
  EXPECT_EQ(error, ECONNRESET);
  EXPECT_TRUE(was_shut_down(error, fd.get()));
  remove_waiting_socket(fd.get());
}

TEST_F(WaitingSockets, AreLeftAloneOnceTheyAreRemoved) {
  const UniqueFd removed = connecting(), kept = connecting();
  add_waiting_socket(removed.get());
  add_waiting_socket(kept.get());
  remove_waiting_socket(removed.get());
  ::raise(cancelling_signal());
  EXPECT_FALSE(has_ended(removed));
  EXPECT_TRUE(has_ended(kept));
  remove_waiting_socket(kept.get());
}

TEST_F(WaitingSockets, AreThoseOfTheInterruptedThread) {
  const UniqueFd fd = connecting();
  add_waiting_socket(fd.get());
  std::thread([] { ::raise(cancelling_signal()); }).join();
  EXPECT_FALSE(has_ended(fd));
  remove_waiting_socket(fd.get());
}

TEST_F(WaitingSockets, KeepTheErrorOfTheInterruptedCall) {
  const UniqueFd fd = connecting();
  add_waiting_socket(fd.get());
  const UniqueFd no_socket(::eventfd(0, EFD_CLOEXEC));  // whose shutdown() fails
  add_waiting_socket(no_socket.get());
  errno = EDOM;
  ::raise(cancelling_signal());
  EXPECT_EQ(errno, EDOM);
  forget_waiting_sockets();
}

TEST_F(WaitingSockets, AreForgottenAllAtOnce) {
  const UniqueFd fd = connecting();
  add_waiting_socket(fd.get());
  forget_waiting_sockets();
  ::raise(cancelling_signal());
  EXPECT_FALSE(has_ended(fd));
}

}  // namespace
}  // namespace connbench
