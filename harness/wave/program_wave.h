// A wave whose attempts are made by a program, and not by a linked connector.
#pragma once

#include <sys/types.h>

#include <functional>

#include "harness/support/clock.h"
#include "harness/wave/wave_child.h"

namespace connbench {

/// How long a program may take to start and to warm up.
inline constexpr Duration program_start_limit = std::chrono::seconds(30);

/// How long a program may take after the wave's limit until it has reported everything and has ended.
Duration program_end_limit(size_t attempts) noexcept;

/// What somebody else does around a program's wave: limits it, reads what it holds, traces it. Each may be empty.
struct ProgramCompanion {
  std::function<void()> prepare{};        ///< in the program's process, just before it is executed
  std::function<void(pid_t)> created{};   ///< its process exists, and waits to be executed
  std::function<void(bool)> measuring{};  ///< true: it is told to start next; false: it is done
  /// Called every `interval` from its start until it is done, with its number in /proc.
  std::function<void(pid_t)> look{};
  Duration interval = std::chrono::milliseconds(100);
};

/// Runs the wave in the child that was made for it. Nothing of the program is left when this returns or throws.
/// @throws std::runtime_error, whose sentence says what the program got wrong; std::system_error
void run_program_wave(const WaveSpec& spec, SampleBuffer& samples, WaveReport& report,
                      const ProgramCompanion& companion = {});

}  // namespace connbench
