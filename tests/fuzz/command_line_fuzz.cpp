// Fuzzes the command line. With clang and -DCONNBENCH_FUZZ=ON this is a libFuzzer program:
//
// build/fuzz/bin/command_line_fuzz -max_total_time=600 CORPUS_DIRECTORY
//
// It knows its seeds and the words that are worth trying. An ordinary test (command_line_fuzz_test.cpp) runs the same
// function on corrupted command lines.
#include "tests/fuzz/command_line_fuzz.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  connbench::check_command_line({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Every hundredth input begins anew with a seed, so that an empty corpus is no obstacle.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  const auto& seeds = connbench::command_line_seeds();
  if (seed % 100 == 0) {
    const std::string& chosen = seeds[seed / 100 % seeds.size()];
    size = std::min(chosen.size(), max_size);
    std::memcpy(data, chosen.data(), size);
  }
  return LLVMFuzzerMutate(data, size, max_size);
}
