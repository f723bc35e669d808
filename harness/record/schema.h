// What readers of a run's records must know: the files, their columns, and the version of both. results/README.md
// explains every column.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace connbench {

/// Raised when a column or key is removed or changes its meaning.
inline constexpr int record_schema_version = 2;

/// The files that `connbench run` and `connbench exhaust` leave.
namespace run_file {
inline constexpr std::string_view run = "run.json";
inline constexpr std::string_view samples = "samples.csv";
inline constexpr std::string_view compressed_samples = "samples.csv.zst";  ///< instead, with the same columns
inline constexpr std::string_view summary = "summary.csv";
inline constexpr std::string_view benchmark = "benchmark.json";
inline constexpr std::string_view aggregate = "benchmark-aggregate.json";
inline constexpr std::string_view exhaustion = "exhaustion.csv";
}  // namespace run_file

/// One row per attempt.
inline constexpr std::string_view samples_header =
    "run_id,scenario,connector,target,family,concurrency,shard,timeout_ns,repetition,attempt,scheduled_ns,started_ns,"
    "finished_ns,reaped_ns,outcome,stage,os_error,handshake_ns,syn_retransmits,local_port,protocol";

/// One row per wave. The counts of the outcomes stand in the order of `Outcome`.
inline constexpr std::string_view summary_header =
    "run_id,scenario,connector,target,family,concurrency,shards,timeout_ns,repetition,wave,wave_started_ns,attempts,"
    "connected,refused,reset,unreachable,peer_timeout,deadline_exceeded,never_started,cancelled,exhausted,"
    "not_permitted,self_connected,unexpected,"
    "makespan_ns,connects_per_s,completions_per_s,in_flight_mean,p50_ns,p90_ns,p99_ns,p999_ns,max_ns,"
    "queue_p50_ns,queue_p90_ns,queue_p99_ns,queue_p999_ns,queue_max_ns,"
    "overshoot_p50_ns,overshoot_p90_ns,overshoot_p99_ns,overshoot_p999_ns,overshoot_max_ns,added_p50_ns,added_p99_ns,"
    "cpu_ns,cpu_user_ns,cpu_sys_ns,softirq_ns,steal_ns,server_cpu_ns,listen_overflows,threads_peak,fds_peak,"
    "rss_peak_kib,voluntary_switches,involuntary_switches,syscalls,client_softirq_ns,"
    "reaped_overshoot_p50_ns,reaped_overshoot_p90_ns,reaped_overshoot_p99_ns,reaped_overshoot_p999_ns,"
    "reaped_overshoot_max_ns";

/// The last column of both tables in the run of a cluster; others do not have it. In samples.csv the rank of the host
/// that made the attempt. summary.csv has a row for each host of a wave, and then one with "*", for all of them.
inline constexpr std::string_view rank_column = "rank";
inline constexpr std::string_view every_rank = "*";

/// One row per reading of a ramp.
inline constexpr std::string_view exhaustion_header =
    "run_id,connector,resource,limit_kind,limit,repetition,step,elapsed_ns,pending,threads,fds,rss_kib,kernel_kib,"
    "start_p50_ns,start_p99_ns,stopped_call,os_error,healthy_p50_ns,healthy_p99_ns,recovery_pending_ns,"
    "recovery_released_ns";

/// The names in `run_file`.
std::span<const std::string_view> run_files() noexcept;

/// In which file a host of a cluster keeps its own samples: "samples.3.csv", with the columns of samples.csv.
/// @param samples the name of the file that all would be in
std::string samples_of_rank(std::string_view samples, unsigned rank);
/// Whether a file has such a name.
bool is_samples_of_rank(std::string_view name) noexcept;

/// The columns of one of run_files(), in order; none for a JSON file or an unknown name. The views never dangle.
std::vector<std::string_view> columns_of(std::string_view file);

}  // namespace connbench
