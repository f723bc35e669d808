// Fuzzes what reads frames from the wire. With clang and -DCONNBENCH_FUZZ=ON this is a libFuzzer program:
//   build/fuzz/bin/packet_fuzz -max_total_time=120 CORPUS_DIRECTORY
// The seed corpus comes from `packet_fuzz_seeds DIRECTORY`. The same function runs over garbled frames in the ordinary
// tests (packet_fuzz_test.cpp).
#include "tests/fuzz/packet_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  connbench::lab::check_frame({data, size});
  return 0;
}
