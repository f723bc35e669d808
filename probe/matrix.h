// The full matrix: what each way of asking says of a connect in each state that it can be in, and which ways are right.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "probe/attempt_states.h"

namespace connbench::probe {

/// One row: a state, and what every way of asking said of a socket of its own in it. Errors are errnos, 0 = success.
struct MatrixRow {
  AttemptState state{};
  std::string why_not{};  ///< not empty: this state cannot be had here, and the rest means nothing
  int connect_error = 0;  ///< of the first connect(): 0, EINPROGRESS, …
  bool select_read = false, select_write = false, select_except = false;
  uint32_t poll = 0;
  uint32_t epoll = 0;
  int so_error = 0;        ///< SO_ERROR, asked once
  int so_error_again = 0;  ///< and once more
  int getpeername = 0;
  int empty_read = 0;  ///< read() of length 0
  long received = 0;   ///< what recv() of one byte returned
  int recv_error = 0;
  int second_connect = 0;
  int third_connect = 0;
  std::vector<std::string> consumers{};  ///< the calls after which SO_ERROR does not say it any more

  bool has_error() const noexcept { return so_error != 0; }
  bool operator==(const MatrixRow&) const = default;
};

/// Asks. To be called in a process of its own: for soft_error it moves to another network.
MatrixRow observe(AttemptState state, Surroundings& here);

/// On its way between processes. row_from_text() throws std::invalid_argument.
std::string to_text(const MatrixRow& row);
MatrixRow row_from_text(std::string_view text);

/// What a way of asking makes of a socket.
enum class Said : uint8_t { pending, connected, failed };
std::string_view to_string(Said said) noexcept;

/// A way to find out whether a non-blocking connect() has succeeded, as programs do it.
struct Way {
  std::string_view name;
  Said (*say)(const MatrixRow& row);
  std::string_view spoils = "";  ///< what it does to the connection where it is right
};
/// Those that are right first.
std::span<const Way> ways();

/// Whether `said` is so in that state. A connection that was reset counts as failed, and of a soft error either
/// "failed" or "pending" will do: the attempt goes on, but the network has said that it is in vain.
bool is_right(AttemptState state, Said said) noexcept;
/// Whether the way is right in all of these rows (those that could be had).
bool is_right(const Way& way, std::span<const MatrixRow> rows);

}  // namespace connbench::probe
