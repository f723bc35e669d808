// Ways of opening connections that grpc_channels compares, and one drive loop for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "harness/support/clock.h"

namespace connbench::channels {

/// How an attempt ended.
enum class End : uint8_t {
  deadline,  ///< it had not ended by its deadline
  ready,     ///< connected, or READY
  failed     ///< an error, or TRANSIENT_FAILURE
};
std::string_view to_string(End end) noexcept;

struct Ended {
  size_t attempt;
  End end;  ///< never `deadline`
};

/// Opens connections to one host in the calling thread. Attempts have numbers from 0 on; each is made once.
class Way {
 public:
  virtual ~Way() = default;
  /// What precedes an attempt and is not part of its time.
  virtual void prepare(size_t attempt) = 0;
  virtual void begin(size_t attempt) = 0;
  /// Waits until `deadline` for the end of an attempt that has begun. nullopt: none has ended by then.
  virtual std::optional<Ended> next(TimePoint deadline) = 0;
  /// Closes the connection, or gives up the attempt.
  virtual void close(size_t attempt) = 0;
};

struct Load {
  size_t attempts;
  size_t at_once;    ///< as many begin together; when all have ended, they are closed, and the next ones begin
  Duration timeout;  ///< from the beginning of the first of those that begin together
};

/// What one attempt took.
struct Timed {
  Duration prepared{};  ///< in prepare()
  Duration took{};      ///< from just before begin() until next() has returned its end, or nothing by the deadline
  End end = End::deadline;
};

struct Driven {
  std::vector<Timed> attempts{};
  std::vector<Duration> batches{};  ///< from the beginning of the first of those at once until all have ended
};

/// Makes attempts `first` to `first + load.attempts`, and closes none. All of them are at once. @return as drive()
Driven open(Way& way, size_t first, const Load& load);

/// Makes all attempts of the load and closes them.
Driven drive(Way& way, const Load& load);

}  // namespace connbench::channels
