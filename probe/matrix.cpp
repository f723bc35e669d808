#include "probe/matrix.h"

#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "probe/probe.h"
#include "probe/queries.h"
#include "probe/words.h"

namespace connbench::probe {
namespace {

using Json = nlohmann::ordered_json;

int connect_again(int fd, const Endpoint& to) {
  return returned(::connect(fd, to.address(), to.size())).error;
}

// Every call that might consume the pending error.
struct Consumer {
  const char* name;
  void (*call)(int fd, const Endpoint& to);
};
constexpr Consumer consumers[] = {
    {"SO_ERROR", [](int fd, const Endpoint&) { so_error(fd); }},
    {"getpeername",
     [](int fd, const Endpoint&) {
       sockaddr_storage peer{};
       socklen_t size = sizeof peer;
       static_cast<void>(::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size));
     }},
    {"read of length 0", [](int fd, const Endpoint&) { static_cast<void>(returned(::read(fd, nullptr, 0))); }},
    {"recv",
     [](int fd, const Endpoint&) {
       char byte = 0;
       static_cast<void>(returned(::recv(fd, &byte, 1, 0)));
     }},
    {"send", [](int fd, const Endpoint&) { static_cast<void>(returned(::send(fd, "x", 1, MSG_NOSIGNAL))); }},
    {"second connect", [](int fd, const Endpoint& to) { connect_again(fd, to); }},
    {"shutdown", [](int fd, const Endpoint&) { static_cast<void>(returned(::shutdown(fd, SHUT_WR))); }},
};

int query_getpeername(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return returned(::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size)).error;
}

}  // namespace

MatrixRow observe(AttemptState state, Surroundings& here) {
  MatrixRow row{.state = state};
  constexpr size_t questions = 6;
  try {
    const Attempts attempts = attempts_in(state, questions + std::size(consumers), here);
    const auto fd = [&](size_t i) { return attempts.fds[i].get(); };
    row.connect_error = attempts.connect_error;
    const Readiness readiness = readiness_of(fd(0));
    row.select_read = readiness.readable;
    row.select_write = readiness.writable;
    row.select_except = readiness.exceptional;
    row.poll = readiness.poll;
    row.epoll = readiness.epoll;
    row.so_error = so_error(fd(1));
    row.so_error_again = so_error(fd(1));
    row.getpeername = query_getpeername(fd(2));
    char byte = 0;
    row.empty_read = returned(::read(fd(3), &byte, 0)).error;
    const Returned received = returned(::recv(fd(4), &byte, 1, 0));
    row.received = received.value;
    row.recv_error = received.error;
    row.second_connect = connect_again(fd(5), attempts.to);
    row.third_connect = connect_again(fd(5), attempts.to);
    for (size_t i = 0; row.has_error() && i < std::size(consumers); ++i) {
      consumers[i].call(fd(questions + i), attempts.to);
      if (so_error(fd(questions + i)) != row.so_error) row.consumers.emplace_back(consumers[i].name);
    }
  } catch (const NotTestable& reason) {
    row.why_not = reason.what();
  }
  return row;
}

std::string to_text(const MatrixRow& row) {
  return Json{static_cast<int>(row.state),
              row.why_not,
              row.connect_error,
              row.select_read,
              row.select_write,
              row.select_except,
              row.poll,
              row.epoll,
              row.so_error,
              row.so_error_again,
              row.getpeername,
              row.empty_read,
              row.received,
              row.recv_error,
              row.second_connect,
              row.third_connect,
              row.consumers}
      .dump();
}

MatrixRow row_from_text(std::string_view text) {
  try {
    const Json fields = Json::parse(text);
    MatrixRow row;
    size_t at = 0;
    const auto next = [&](auto& field) { fields.at(at++).get_to(field); };
    int state = 0;
    next(state);
    row.state = static_cast<AttemptState>(state);
    next(row.why_not);
    next(row.connect_error);
    next(row.select_read);
    next(row.select_write);
    next(row.select_except);
    next(row.poll);
    next(row.epoll);
    next(row.so_error);
    next(row.so_error_again);
    next(row.getpeername);
    next(row.empty_read);
    next(row.received);
    next(row.recv_error);
    next(row.second_connect);
    next(row.third_connect);
    next(row.consumers);
    return row;
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(fmt::format("not a row of the matrix: {}", error.what()));
  }
}

}  // namespace connbench::probe
