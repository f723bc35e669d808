// The ways in which programs find out whether a non-blocking connect() has succeeded, and which of them are right.
#include <errno.h>

#include "probe/matrix.h"

namespace connbench::probe {
namespace {

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
