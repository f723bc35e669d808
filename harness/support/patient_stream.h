// A stream over a descriptor that its other owners may have made non-blocking.
#pragma once

#include <cstdio>

namespace connbench {

/// When `fd` does not block, replaces `stream` (stdout or stderr) by one that waits until `fd` takes the text; its
/// buffering is that of a stream without a terminal. The flag itself stays as it is: it belongs to every process that
/// has the file open, and others may rely on it.
void make_patient(FILE*& stream, int fd);

}  // namespace connbench
