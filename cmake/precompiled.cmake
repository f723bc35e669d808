# Precompiled headers. Most of the time to compile a file goes into the headers of the standard library and of fmt, which are
# the same everywhere: with them precompiled, a small file takes a third of the time.
#
# Only what most files need belongs here: every file loads it all. nlohmann/json.hpp would double the time of a small file.
# Only <headers> of the system: a path of this checkout would keep checkouts from sharing a compiler cache.
# Each file still includes what it uses. -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without.
set(CONNBENCH_PRECOMPILED_HEADERS
    <algorithm> <array> <atomic> <charconv> <chrono> <cstdint> <cstring> <functional> <map> <memory> <optional> <set> <span>
    <stdexcept> <string> <string_view> <system_error> <utility> <vector> <fmt/format.h>)
