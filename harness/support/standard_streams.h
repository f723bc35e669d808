// What every program of the project does about stdin, stdout and stderr.
#pragma once

#include <signal.h>

namespace connbench {

/// What a shell shows for a program that SIGPIPE ended: the status of one whose stdout nobody reads any more.
inline constexpr int reader_left = 128 + SIGPIPE;

/// Call it first. A stream that was closed gets /dev/null, so that no other file can take its number; writing to it
/// still fails. SIGPIPE and SIGXFSZ are ignored: what cannot be written is then an error of write(), in the lab, where
/// the run is the first process of its namespace, as well as outside.
void prepare_standard_streams() noexcept;

}  // namespace connbench
