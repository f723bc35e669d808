// connbench cluster: the same measurement on several machines.
#include <memory>

#include "bench/cluster_run.h"
#include "bench/commands.h"
#include "bench/run_options.h"
#include "bench/run_settings.h"

namespace connbench {

Command cluster_command() {
  auto flags = std::make_shared<ClusterFlags>();
  return {
      .name = "cluster",
      .summary = "run on several machines, with Open MPI or Slurm",
      .groups = describe(*flags),
      .usual_flag = "--host",
      .notes = {"docs/cluster.md says what the machines need, and what the figures mean when they differ. A job that "
                "cannot begin on every host measures nothing.",
                "Exit status: 0 done, 1 ran but a check failed, 2 unusable arguments, 3 a host is missing or lacks "
                "what was asked for, 5 the run broke (a host was lost), 130 interrupted."},
      .examples = {{"Two hosts connect to a third", "connbench cluster run --host a,b --serve c --connector epoll"},
                   {"Whether that could begin", "connbench cluster check --host a,b --serve c"}},
      .run = [flags] { return flags->action == "check" ? check_cluster(*flags) : run_on_cluster(*flags); },
      .check =
          [flags] {
            read_cluster(*flags);
            parse(with_repeated(flags->run));
          }};
}

}  // namespace connbench
