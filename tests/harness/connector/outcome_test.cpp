#include "harness/connector/outcome.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace connbench {
namespace {

struct Row {
  Evidence evidence;
  Outcome outcome;
  Stage stage;
};

void expect(const std::vector<Row>& rows) {
  for (const auto& [evidence, outcome, stage] : rows) {
    SCOPED_TRACE("call " + std::to_string(static_cast<int>(evidence.call)) + ", errno " +
                 std::to_string(evidence.error) + ", family " + std::to_string(evidence.family) +
                 (evidence.cancelled ? ", cancelled" : "") + (evidence.deadline_passed ? ", deadline passed" : ""));
    const ConnectResult result = classify(evidence);
    EXPECT_EQ(to_string(result.outcome), to_string(outcome));
    EXPECT_EQ(to_string(result.stage), to_string(stage));
    EXPECT_EQ(result.os_error, evidence.error);
  }
}

TEST(Classify, SuccessBelongsToTheCallThatRevealsIt) {
  expect({
      {{.call = Call::connect}, Outcome::connected, Stage::connect},
      {{.call = Call::so_error}, Outcome::connected, Stage::wait},
      {{.call = Call::connect, .family = AF_UNIX}, Outcome::connected, Stage::connect},
      {{.call = Call::connect, .cancelled = true}, Outcome::connected, Stage::connect},
      {{.call = Call::so_error, .cancelled = true, .deadline_passed = true}, Outcome::connected, Stage::wait},
  });
}

TEST(Classify, ErrorsFromThePeerOrTheNetwork) {
  for (const auto& [call, stage] : {std::pair(Call::connect, Stage::connect), {Call::so_error, Stage::wait}})
    expect({
        {{.call = call, .error = ECONNREFUSED}, Outcome::refused, stage},
        {{.call = call, .error = ECONNREFUSED, .family = AF_UNIX}, Outcome::refused, stage},
        {{.call = call, .error = ECONNRESET}, Outcome::reset, stage},
        {{.call = call, .error = EHOSTUNREACH}, Outcome::unreachable, stage},
        {{.call = call, .error = ENETUNREACH, .family = AF_INET6}, Outcome::unreachable, stage},
        {{.call = call, .error = EHOSTDOWN}, Outcome::unreachable, stage},
        {{.call = call, .error = ENETDOWN}, Outcome::unreachable, stage},
        {{.call = call, .error = ETIMEDOUT}, Outcome::peer_timeout, stage},
        {{.call = call, .error = EACCES}, Outcome::not_permitted, stage},
        {{.call = call, .error = EPERM}, Outcome::not_permitted, stage},
    });
}

TEST(Classify, ExhaustedResources) {
  expect({
      {{.call = Call::pthread_create, .error = EAGAIN}, Outcome::exhausted, Stage::spawn},
      {{.call = Call::pthread_create, .error = ENOMEM}, Outcome::exhausted, Stage::spawn},
      {{.call = Call::socket, .error = EMFILE}, Outcome::exhausted, Stage::socket},
      {{.call = Call::socket, .error = ENFILE}, Outcome::exhausted, Stage::socket},
      {{.call = Call::socket, .error = ENOBUFS}, Outcome::exhausted, Stage::socket},
      {{.call = Call::setsockopt, .error = ENOMEM}, Outcome::exhausted, Stage::option},
      {{.call = Call::bind, .error = EADDRINUSE}, Outcome::exhausted, Stage::option},
      {{.call = Call::bind, .error = EADDRNOTAVAIL}, Outcome::exhausted, Stage::option},
      {{.call = Call::timer, .error = EAGAIN}, Outcome::exhausted, Stage::option},
      {{.call = Call::connect, .error = EADDRNOTAVAIL}, Outcome::exhausted, Stage::connect},
      {{.call = Call::connect, .error = EAGAIN}, Outcome::exhausted, Stage::connect},
      {{.call = Call::connect, .error = EAGAIN, .family = AF_INET6}, Outcome::exhausted, Stage::connect},
      {{.call = Call::connect, .error = ENOMEM}, Outcome::exhausted, Stage::connect},
      {{.call = Call::wait, .error = ENOSPC}, Outcome::exhausted, Stage::wait},
      {{.call = Call::wait, .error = EMFILE}, Outcome::exhausted, Stage::wait},
  });
}

// connect(2): a full UNIX socket returns EAGAIN; a full TCP listener drops the SYN.
TEST(Classify, AFullUnixBacklogRefuses) {
  expect({
      {{.call = Call::connect, .error = EAGAIN, .family = AF_UNIX}, Outcome::refused, Stage::connect},
      {{.call = Call::connect, .error = EAGAIN, .family = AF_UNIX, .deadline_passed = true},
       Outcome::deadline_exceeded,
       Stage::connect},
  });
}

TEST(Classify, ADeadlineExplainsOnlyErrorsThatItCauses) {
  expect({
      {{.call = Call::wait, .deadline_passed = true}, Outcome::deadline_exceeded, Stage::wait},
      // SO_SNDTIMEO
      {{.call = Call::connect, .error = EINPROGRESS, .deadline_passed = true},
       Outcome::deadline_exceeded,
       Stage::connect},
      // a timer's signal
      {{.call = Call::connect, .error = EINTR, .deadline_passed = true}, Outcome::deadline_exceeded, Stage::connect},
      // io_uring's linked timeout
      {{.call = Call::connect, .error = ECANCELED, .deadline_passed = true},
       Outcome::deadline_exceeded,
       Stage::connect},
      // TCP_USER_TIMEOUT
      {{.call = Call::connect, .error = ETIMEDOUT, .deadline_passed = true},
       Outcome::deadline_exceeded,
       Stage::connect},
      {{.call = Call::so_error, .error = ECONNREFUSED, .deadline_passed = true}, Outcome::refused, Stage::wait},
      {{.call = Call::so_error, .error = ECONNRESET, .deadline_passed = true}, Outcome::reset, Stage::wait},
      {{.call = Call::connect, .error = EHOSTUNREACH, .deadline_passed = true}, Outcome::unreachable, Stage::connect},
      {{.call = Call::socket, .error = EMFILE, .deadline_passed = true}, Outcome::exhausted, Stage::socket},
  });
}

TEST(Classify, CancellingExplainsOnlyErrorsThatItCauses) {
  expect({
      {{.call = Call::wait, .cancelled = true}, Outcome::cancelled, Stage::wait},
      {{.call = Call::connect, .error = EINTR, .cancelled = true}, Outcome::cancelled, Stage::connect},
      {{.call = Call::connect, .error = ECANCELED, .cancelled = true}, Outcome::cancelled, Stage::connect},
      // a thread woken by shutdown(), or by connect() to AF_UNSPEC
      {{.call = Call::connect, .error = ECONNRESET, .cancelled = true}, Outcome::cancelled, Stage::connect},
      {{.call = Call::connect, .error = EPIPE, .cancelled = true}, Outcome::cancelled, Stage::connect},
      {{.call = Call::wait, .cancelled = true, .deadline_passed = true}, Outcome::cancelled, Stage::wait},
      {{.call = Call::connect, .error = ECONNREFUSED, .cancelled = true}, Outcome::refused, Stage::connect},
      {{.call = Call::connect, .error = ETIMEDOUT, .cancelled = true}, Outcome::peer_timeout, Stage::connect},
      {{.call = Call::connect, .error = EHOSTUNREACH, .cancelled = true}, Outcome::unreachable, Stage::connect},
      {{.call = Call::socket, .error = EMFILE, .cancelled = true}, Outcome::exhausted, Stage::socket},
  });
}

TEST(Classify, AnUnexplainedErrorIsUnexpected) {
  expect({
      {{.call = Call::wait}, Outcome::unexpected, Stage::wait},
      {{.call = Call::connect, .error = EINTR}, Outcome::unexpected, Stage::connect},
      {{.call = Call::connect, .error = EINPROGRESS}, Outcome::unexpected, Stage::connect},
      {{.call = Call::connect, .error = EADDRINUSE}, Outcome::unexpected, Stage::connect},
      {{.call = Call::connect, .error = EINVAL}, Outcome::unexpected, Stage::connect},
      {{.call = Call::wait, .error = EBADF}, Outcome::unexpected, Stage::wait},
      {{.call = Call::wait, .error = EBADF, .cancelled = true}, Outcome::unexpected, Stage::wait},
  });
}

TEST(Outcome, NamesAreUnique) {
  std::set<std::string_view> names;
  for (const Outcome outcome : all_outcomes()) names.insert(to_string(outcome));
  EXPECT_EQ(names.size(), outcome_count);
  EXPECT_EQ(to_string(Outcome::connected), "connected");
  EXPECT_EQ(to_string(Outcome::deadline_exceeded), "deadline_exceeded");
  EXPECT_EQ(to_string(Outcome::unexpected), "unexpected");
}

TEST(Stage, NoneIsEmptyAndTheLastIsWait) {
  EXPECT_EQ(to_string(Stage::none), "");
  EXPECT_EQ(to_string(Stage::spawn), "spawn");
  EXPECT_EQ(to_string(Stage::wait), "wait");
}

}  // namespace
}  // namespace connbench
