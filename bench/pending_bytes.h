// What an attempt that waits takes of memory: a part of floor_bench.
#pragma once

namespace connbench {

/// Registers floor/pending_bytes/<connector> for every connector that can hold attempts pending.
void register_pending_bytes();

}  // namespace connbench
