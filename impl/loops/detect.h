// How an event loop asks a socket that has become ready whether it is connected.
#pragma once

#include <optional>

#include "harness/connector/registry.h"

namespace connbench {

/// What programs do, right and wrong. `so_error`, `getpeername` and `reconnect` tell the truth. `zero_read` says
/// "connected" of whatever has become ready; `recv` takes a byte of what the peer has sent, and "nothing to read" for
/// a connection, also where the handshake still goes on.
enum class Detect : uint8_t { so_error, getpeername, reconnect, zero_read, recv };

inline constexpr OptionSpec detect_option{
    .name = "detect",
    .kind = OptionSpec::Kind::choice,
    .choices = "so_error|getpeername|reconnect|zero-read|recv",
    .default_value = "so_error",
    .help = "how a socket that has become ready is asked; zero-read and recv do what some programs do, and are wrong",
    .misleading = "zero-read|recv"};

Detect detect_of(const Options& options);

/// Asks once, after readiness. nullopt: the handshake goes on (an error alone that came and went).
std::optional<Evidence> ask(Detect detect, int fd, const Endpoint& to, bool writable) noexcept;

}  // namespace connbench
