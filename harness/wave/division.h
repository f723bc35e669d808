// How a wave is divided over its shards.
#pragma once

#include <algorithm>
#include <cstddef>

namespace connbench {

/// A wave's division: attempt i is made by shard i mod `shards`. In memory the samples of a shard lie together, so that
/// each has a span of its own, and a sample's place tells its shard.
struct Division {
  size_t attempts;
  size_t shards;  ///< at least 1

  /// What `shard` has of `total` things that are dealt out one by one.
  constexpr size_t share(size_t total, size_t shard) const noexcept {
    return total / shards + (shard < total % shards ? 1 : 0);
  }
  constexpr size_t largest_share(size_t total) const noexcept { return share(total, 0); }

  constexpr size_t count(size_t shard) const noexcept { return share(attempts, shard); }
  /// Where its samples begin.
  constexpr size_t first(size_t shard) const noexcept {
    return shard * (attempts / shards) + std::min(shard, attempts % shards);
  }
  constexpr size_t shard_of(size_t attempt) const noexcept { return attempt % shards; }
  /// Where the sample of an attempt is.
  constexpr size_t place(size_t attempt) const noexcept { return first(shard_of(attempt)) + attempt / shards; }
};

}  // namespace connbench
