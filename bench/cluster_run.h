// connbench cluster run and check.
#pragma once

#include "bench/cluster_flags.h"

namespace connbench {

/// @return the exit status
int run_on_cluster(const ClusterFlags& flags);
int check_cluster(const ClusterFlags& flags);

}  // namespace connbench
