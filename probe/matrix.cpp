#include "probe/matrix.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "probe/probe.h"
#include "probe/words.h"

namespace connbench::probe {
namespace {

using Json = nlohmann::ordered_json;

int connect_again(int fd, const Endpoint& to) {
  return returned(::connect(fd, to.address(), to.size())).error;
}

// Every call that might take the pending error away.
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

void ask_select(int fd, MatrixRow& row) {
  fd_set read, write, except;
  FD_ZERO(&read);
  FD_SET(fd, &read);
  write = except = read;
  timeval no_time{};
  ::select(fd + 1, &read, &write, &except, &no_time);
  row.select_read = FD_ISSET(fd, &read) != 0;
  row.select_write = FD_ISSET(fd, &write) != 0;
  row.select_except = FD_ISSET(fd, &except) != 0;
}

uint32_t ask_poll(int fd) {
  pollfd polled{.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};
  ::poll(&polled, 1, 0);
  return static_cast<uint32_t>(polled.revents);
}

uint32_t ask_epoll(int fd) {
  const UniqueFd epoll(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  epoll_event wanted{.events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP, .data = {.fd = fd}};
  checked(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &wanted), "epoll_ctl");
  epoll_event ready{};
  return ::epoll_wait(epoll.get(), &ready, 1, 0) == 1 ? uint32_t{ready.events} : 0;
}

int ask_getpeername(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return returned(::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size)).error;
}

// The ways. `ready`: select() would have returned for this socket.
bool ready(const MatrixRow& row) {
  return row.select_write || row.select_read;
}
bool begun(const MatrixRow& row) {
  return row.connect_error == 0 || row.connect_error == EINPROGRESS;
}
Said connected_if(bool connected) {
  return connected ? Said::connected : Said::failed;
}

constexpr Way all_ways[] = {
    {"connect()'s own errno; once ready, SO_ERROR once",
     [](const MatrixRow& row) {
       if (!begun(row)) return Said::failed;
       return ready(row) ? connected_if(row.so_error == 0) : Said::pending;
     }},
    {"once ready, getpeername(); SO_ERROR for the reason",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.getpeername == 0) : Said::pending; }},
    {"connect() again: 0 or EISCONN is success",
     [](const MatrixRow& row) {
       if (row.second_connect == EALREADY) return Said::pending;
       return connected_if(row.second_connect == 0 || row.second_connect == EISCONN);
     }},
    {"connect() again: only EISCONN is success",
     [](const MatrixRow& row) {
       return row.second_connect == EALREADY ? Said::pending : connected_if(row.second_connect == EISCONN);
     }},
    {"once ready, SO_ERROR; connect()'s own errno ignored",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.so_error == 0) : Said::pending; }},
    {"SO_ERROR without waiting until ready", [](const MatrixRow& row) { return connected_if(row.so_error == 0); }},
    {"once ready, a read of length 0",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.empty_read == 0) : Said::pending; }},
    {"once ready, a recv() of 1 byte: EAGAIN is success too",
     [](const MatrixRow& row) {
       return ready(row) ? connected_if(row.recv_error == 0 || row.recv_error == EAGAIN) : Said::pending;
     },
     "eats a byte of what the server has sent"},
    {"select(): readable and writable is an error",
     [](const MatrixRow& row) { return ready(row) ? connected_if(!row.select_read) : Said::pending; }},
};

}  // namespace

MatrixRow observe(AttemptState state, Surroundings& here) {
  MatrixRow row{.state = state};
  constexpr size_t questions = 6;
  try {
    const Attempts attempts = attempts_in(state, questions + std::size(consumers), here);
    const auto fd = [&](size_t i) { return attempts.fds[i].get(); };
    row.connect_error = attempts.connect_error;
    ask_select(fd(0), row);
    row.poll = ask_poll(fd(0));
    row.epoll = ask_epoll(fd(0));
    row.so_error = so_error(fd(1));
    row.so_error_again = so_error(fd(1));
    row.getpeername = ask_getpeername(fd(2));
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

std::string_view to_string(Said said) noexcept {
  switch (said) {
    case Said::pending:
      return "pending";
    case Said::connected:
      return "connected";
    case Said::failed:
      return "failed";
  }
  return "";
}

std::span<const Way> ways() {
  return all_ways;
}

bool is_right(AttemptState state, Said said) noexcept {
  using enum AttemptState;
  switch (state) {
    case pending:
      return said == Said::pending;
    case accepted:
    case data_waiting:
    case fin_received:
      return said == Said::connected;
    case soft_error:
      return said != Said::connected;
    case reset:
    case refused:
    case timed_out:
    case unreachable:
    case failed_at_once:
      return said == Said::failed;
  }
  return false;
}

bool is_right(const Way& way, std::span<const MatrixRow> rows) {
  if (!way.spoils.empty()) return false;
  for (const MatrixRow& row : rows)
    if (row.why_not.empty() && !is_right(row.state, way.say(row))) return false;
  return true;
}

}  // namespace connbench::probe
