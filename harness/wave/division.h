// How a wave is divided among its shards.
#pragma once

#include <algorithm>
#include <cstddef>

namespace connbench {

/// Shard i mod `shards` makes attempt i. In memory the samples of a shard are adjacent, so that each shard has one span
/// and the place of a sample tells its shard.
struct Division {
  size_t attempts;
  size_t shards;  ///< at least 1

  /// How many of `total` things `shard` gets when they are dealt out one by one.
  constexpr size_t share(size_t total, size_t shard) const noexcept {
    return total / shards + (shard < total % shards ? 1 : 0);
  }
  constexpr size_t largest_share(size_t total) const noexcept { return share(total, 0); }

  constexpr size_t count(size_t shard) const noexcept { return share(attempts, shard); }
  /// The position of the shard's first sample.
  constexpr size_t first(size_t shard) const noexcept {
    return shard * (attempts / shards) + std::min(shard, attempts % shards);
  }
  constexpr size_t shard_of(size_t attempt) const noexcept { return attempt % shards; }
  /// The position of an attempt's sample.
  constexpr size_t place(size_t attempt) const noexcept { return first(shard_of(attempt)) + attempt / shards; }
};

}  // namespace connbench
