// Whether the CPU time of a process contains the softirqs that its system calls cause.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/support/clock.h"

namespace connbench {

/// One burst of packets that a thread sent to itself: the kernel handles their arrival in softirqs, within send().
struct Burst {
  Duration cpu;          ///< CPU time of the thread
  Duration wall;         ///< CLOCK_MONOTONIC
  bool handled_at_once;  ///< every packet had arrived when the last send() returned
};

/// Whether the CPU time of a thread contains softirqs. A burst during which the thread kept its processor takes as much
/// CPU time as wall time if it does, and clearly less if not. nullopt when no burst was handled at once.
std::optional<bool> contains_softirqs(std::span<const Burst> bursts) noexcept;

/// Finds out by sending some bursts over loopback, which takes about 10 ms. nullopt when that does not work here.
std::optional<bool> process_time_contains_softirqs() noexcept;

/// The value of CONFIG_IRQ_TIME_ACCOUNTING in the text of a kernel's configuration: "y" or "n"; nullopt when the text
/// is no configuration.
std::optional<std::string> irq_time_accounting(std::string_view config);

/// For run.json: `softirqs_in_process_time` and `config_irq_time_accounting`. Unknown is null.
nlohmann::ordered_json describe_cpu_accounting();

}  // namespace connbench
