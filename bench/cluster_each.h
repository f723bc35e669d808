// connbench cluster run --each-host: a whole run on every host, as `connbench run` makes it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "bench/worker_talk.h"
#include "cluster/job.h"
#include "harness/process/stop_signal.h"

namespace connbench {

/// The conductor: lets every host run what `settings` say, and gathers the records in one folder per host below `out`.
/// @return the worst exit status of all
int run_on_each_host(cluster::Job& job, const nlohmann::ordered_json& settings, const std::filesystem::path& out,
                     StopSignal& stop);

/// The worker: makes the run, sends its records, and leaves nothing behind.
/// @param job_folder where it may have files; "" = where temporary ones are
void make_whole_run(const nlohmann::ordered_json& order, WorkerTalk& talk, const std::filesystem::path& job_folder);

}  // namespace connbench
