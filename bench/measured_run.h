// What `connbench run` does once there is a plan, wherever its waves are run: measures, records and reports.
#pragma once

#include <string>

#include "bench/progress.h"
#include "bench/run_options.h"
#include "harness/process/stop_signal.h"
#include "harness/record/recorder.h"
#include "harness/run/plan.h"
#include "harness/run/site.h"

namespace connbench {

/// What is known of the run when it begins.
RunInfo describe_run(const RunOptions& options, std::string run_id);

/// Runs every wave of the plan, finishes the records and prints the results. @return the exit status
int measure_plan(const RunOptions& options, const Plan& plan, Site& site, Recorder& recorder, StopSignal& stop,
                 Progress& progress);

}  // namespace connbench
