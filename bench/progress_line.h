// One line on the terminal that says where a long command is. Without a terminal: a line now and then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/clock.h"

namespace connbench {

/// Writes to stderr. On a terminal the line is rewritten in place and never wraps; otherwise a line is printed every
/// 10 s, the first after 10 s.
class ProgressLine {
 public:
  enum class Wanted : uint8_t { yes, no };

  explicit ProgressLine(Wanted wanted);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Whether show() would write anything now.
  bool due() const;
  /// `head`, `subject` and one of `tails`, as fitted_line() puts them together.
  void show(std::string_view head, std::string_view subject, const std::vector<std::string>& tails = {});
  /// Removes the line from the terminal before something else is printed.
  void clear();

 private:
  enum class Kind : uint8_t { none, terminal, lines };
  Kind kind_;
  bool shown_ = false;
  TimePoint last_ = now();
};

/// The first of `tails` that leaves the subject enough room, or none. A subject that is still too long loses its
/// middle. At most `width` columns.
std::string fitted_line(std::string_view head, std::string_view subject, const std::vector<std::string>& tails,
                        size_t width);

/// How long the rest of a sequence of parts takes: as expected, corrected by how long the finished parts took.
class TimeLeft {
 public:
  /// A part begins; the one before it has ended. @param rest expected of the parts after this one
  void begin(TimePoint at, Duration expected, Duration rest);
  Duration left(TimePoint at) const;
  /// The same where the end of the current part is known better. @param current what is left of it
  Duration left_after(Duration current) const;

 private:
  double factor() const;

  bool begun_ = false;
  TimePoint part_begun_{};
  Duration part_{};      // expected
  Duration rest_{};      // expected
  Duration finished_{};  // expected of the parts that have ended
  Duration took_{};      // that they really took
};

/// For a time that is only estimated: "4 s", "2 min 10 s", "1 h 5 min".
std::string roughly(Duration d);

}  // namespace connbench
