// The full matrix: what each query reports about a connect in each possible state, and which ways of using the queries
// are right.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probe/attempt_states.h"

namespace connbench::probe {

/// One row: a state, and the result of each query on a separate socket in that state. Errors are errnos; 0 = success.
struct MatrixRow {
  AttemptState state{};
  std::string why_not{};  ///< not empty: the state cannot be created here, and the other fields are meaningless
  int connect_error = 0;  ///< of the first connect(): 0, EINPROGRESS, …
  bool select_read = false, select_write = false, select_except = false;
  uint32_t poll = 0;
  uint32_t epoll = 0;
  int so_error = 0;        ///< SO_ERROR
  int so_error_again = 0;  ///< SO_ERROR, queried again
  int getpeername = 0;
  int empty_read = 0;  ///< read() of length 0
  long received = 0;   ///< what recv() of one byte returned
  int recv_error = 0;
  int second_connect = 0;
  int third_connect = 0;
  std::vector<std::string> consumers{};  ///< the calls that consume the pending error

  bool has_error() const noexcept { return so_error != 0; }
  bool operator==(const MatrixRow&) const = default;
};

/// Performs every query. Call this in a process of its own: for soft_error it moves to another network.
MatrixRow observe(AttemptState state, Surroundings& here);

/// Serialisation for passing a row between processes. row_from_text() throws std::invalid_argument.
std::string to_text(const MatrixRow& row);
MatrixRow row_from_text(std::string_view text);

/// What a way concludes about a socket.
enum class Diagnosis : uint8_t { pending, connected, failed };
std::string_view to_string(Diagnosis diagnosis) noexcept;

/// A way in which programs find out whether a non-blocking connect() has succeeded.
struct Way {
  std::string_view name;
  Diagnosis (*diagnose)(const MatrixRow& row);
  std::string_view side_effect = "";  ///< how it damages the connection, even when its diagnosis is right
};
/// All ways; the right ones come first.
std::span<const Way> ways();

/// Whether a diagnosis is right for a state. A connection that was reset counts as failed. For a soft error, both
/// "failed" and "pending" are right: the attempt continues, but the network has reported it as hopeless.
bool is_right(AttemptState state, Diagnosis diagnosis) noexcept;
/// Whether a way is right in all rows whose state could be created, without a side effect.
bool is_right(const Way& way, std::span<const MatrixRow> rows);

}  // namespace connbench::probe
