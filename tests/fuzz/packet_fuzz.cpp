// Fuzzes the code that parses frames. With clang and -DCONNBENCH_FUZZ=ON this is a libFuzzer program:
//
// build/fuzz/bin/packet_fuzz -max_total_time=120 CORPUS_DIRECTORY
//
// `packet_fuzz_seeds DIRECTORY` writes the seed corpus. An ordinary test (packet_fuzz_test.cpp) runs the same function
// on corrupted frames.
#include "tests/fuzz/packet_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  connbench::lab::check_frame({data, size});
  return 0;
}
