// How much memory a pending attempt takes: a part of floor_bench.
#pragma once

namespace connbench {

/// Registers floor/pending_bytes/<connector> for every connector that can have pending attempts.
void register_pending_bytes();

}  // namespace connbench
