// The flags of `connbench run`, as text.
#pragma once

#include <string>
#include <vector>

#include "bench/command_line.h"

namespace connbench {

struct RunFlags {
  std::vector<std::string> connectors{"all"};
  std::vector<std::string> targets{"accepting"};
  std::vector<std::string> mixes;
  std::vector<std::string> families{"4"};
  std::vector<std::string> concurrency{"64"};
  std::vector<std::string> timeouts{"1s"};
  std::string attempts;  // "" = usual_attempts(), or default_attempts
  std::string duration;
  std::string repetitions = "5";
  std::string arrival;  // "" = closed; with --find-rate, default_search_start
  std::string find_rate;
  bool spin = false;
  bool spin_server = false;
  std::string addresses;
  std::string shards = "1";
  std::string wave_limit;
  std::string cpus;
  std::string close = "rst";
  std::string handshake = "lab";
  bool local_port = false;
  std::vector<std::string> sysctls;
  bool allow_tcp_memory = false;
  std::string pcap;
  bool external = false;
  std::string external_rate;
  std::string external_attempts;
  std::string external_concurrency;
  std::string samples = "all";
  std::string samples_format = "csv";
  std::string percentiles;
  std::string syscalls = "on";
  std::string out;
  std::string seed;
  std::string repeat;  // the folder of a run; "" = none
  bool dry_run = false;
  bool quiet = false;
};

inline constexpr size_t default_attempts = 2000;
/// Where a search for a rate begins.
inline constexpr const char* default_search_start = "poisson:1000/s";

/// Whether a flag decides what is measured. Those can be taken from an earlier run (--repeat); the others cannot.
bool is_setting(const Flag& flag);

/// The flags by topic, with their help. They write to `flags`, which must outlive them.
std::vector<FlagGroup> describe(RunFlags& flags);

}  // namespace connbench
