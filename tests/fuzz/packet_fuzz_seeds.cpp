// Writes the seed corpus: one frame of each kind that the link may meet.
#include <fmt/format.h>

#include <fstream>

#include "harness/lab/link/frames.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: packet_fuzz_seeds DIRECTORY (which must exist)\n");
    return 2;
  }
  size_t number = 0;
  for (const auto& kind : connbench::lab::frames::every_kind()) {
    std::ofstream file(fmt::format("{}/frame-{}", argv[1], number++), std::ios::binary);
    file.write(reinterpret_cast<const char*>(kind.bytes.data()), static_cast<std::streamsize>(kind.bytes.size()));
    if (!file) {
      fmt::print(stderr, "cannot write to {}\n", argv[1]);
      return 3;
    }
  }
}
