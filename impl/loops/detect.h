// How an event loop finds out whether a ready socket is connected.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/connector/registry.h"

namespace connbench {

/// What programs do, right and wrong. `so_error`, `getpeername` and `reconnect` are correct. `zero_read` reports every
/// ready socket as connected. `recv` consumes a byte that the peer has sent, and treats "nothing to read" as connected
/// even when the handshake is not complete.
enum class Detect : uint8_t { so_error, getpeername, reconnect, zero_read, recv };

inline constexpr OptionSpec detect_option{
    .name = "detect",
    .kind = OptionSpec::Kind::choice,
    .choices = "so_error|getpeername|reconnect|zero-read|recv",
    .default_value = "so_error",
    .help = "how a ready socket is checked; zero-read and recv are wrong, but some programs use them",
    .misleading = "zero-read|recv"};

/// The right way for a connector without the option.
Detect detect_of(const Options& options);

/// Checks a ready socket once. nullopt: the handshake continues (the socket was ready because of an error that
/// SO_ERROR does not have yet).
std::optional<Evidence> ask(Detect detect, int fd, const Endpoint& to, bool writable) noexcept;

}  // namespace connbench
