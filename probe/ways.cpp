// The ways in which programs find out whether a non-blocking connect() has succeeded, and which of them are right.
#include <errno.h>

#include "probe/matrix.h"

namespace connbench::probe {
namespace {

// Whether select() would have returned for this socket.
bool ready(const MatrixRow& row) {
  return row.select_write || row.select_read;
}
bool begun(const MatrixRow& row) {
  return row.connect_error == 0 || row.connect_error == EINPROGRESS;
}
Diagnosis connected_if(bool connected) {
  return connected ? Diagnosis::connected : Diagnosis::failed;
}

constexpr Way all_ways[] = {
    {"connect()'s own errno; once ready, SO_ERROR once",
     [](const MatrixRow& row) {
       if (!begun(row)) return Diagnosis::failed;
       return ready(row) ? connected_if(row.so_error == 0) : Diagnosis::pending;
     }},
    {"once ready, getpeername(); SO_ERROR for the reason",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.getpeername == 0) : Diagnosis::pending; }},
    {"connect() again: 0 or EISCONN is success",
     [](const MatrixRow& row) {
       if (row.second_connect == EALREADY) return Diagnosis::pending;
       return connected_if(row.second_connect == 0 || row.second_connect == EISCONN);
     }},
    {"connect() again: only EISCONN is success",
     [](const MatrixRow& row) {
       return row.second_connect == EALREADY ? Diagnosis::pending : connected_if(row.second_connect == EISCONN);
     }},
    {"once ready, SO_ERROR; connect()'s own errno ignored",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.so_error == 0) : Diagnosis::pending; }},
    {"SO_ERROR without waiting until ready", [](const MatrixRow& row) { return connected_if(row.so_error == 0); }},
    {"once ready, a read of length 0",
     [](const MatrixRow& row) { return ready(row) ? connected_if(row.empty_read == 0) : Diagnosis::pending; }},
    {"once ready, a recv() of 1 byte: EAGAIN is success too",
     [](const MatrixRow& row) {
       return ready(row) ? connected_if(row.recv_error == 0 || row.recv_error == EAGAIN) : Diagnosis::pending;
     },
     "consumes a byte of the server's data"},
    {"select(): readable and writable is an error",
     [](const MatrixRow& row) { return ready(row) ? connected_if(!row.select_read) : Diagnosis::pending; }},
};

}  // namespace

std::string_view to_string(Diagnosis diagnosis) noexcept {
  switch (diagnosis) {
    case Diagnosis::pending:
      return "pending";
    case Diagnosis::connected:
      return "connected";
    case Diagnosis::failed:
      return "failed";
  }
  return "";
}

std::span<const Way> ways() {
  return all_ways;
}

bool is_right(AttemptState state, Diagnosis diagnosis) noexcept {
  using enum AttemptState;
  switch (state) {
    case pending:
      return diagnosis == Diagnosis::pending;
    case accepted:
    case data_waiting:
    case fin_received:
      return diagnosis == Diagnosis::connected;
    case soft_error:
      return diagnosis != Diagnosis::connected;
    case fast_open:  // nothing has been sent, and no way of asking can know it: whoever turns it on has asked for that
      return true;
    case reset:
    case refused:
    case timed_out:
    case unreachable:
    case failed_at_once:
      return diagnosis == Diagnosis::failed;
  }
  return false;
}

bool is_right(const Way& way, std::span<const MatrixRow> rows) {
  if (!way.side_effect.empty()) return false;
  for (const MatrixRow& row : rows)
    if (row.why_not.empty() && !is_right(row.state, way.diagnose(row))) return false;
  return true;
}

}  // namespace connbench::probe
