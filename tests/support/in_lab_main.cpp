// The main() of tests that need a lab: runs the whole program in one, where one can be made.
#include <gtest/gtest.h>

#include <cstdio>

#include "harness/machine/machine.h"
#include "tests/support/lab_of_tests.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  connbench::raise_descriptor_limit();
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  using namespace connbench;
  try {
    return lab::run_in_lab({.seed = 1}, [](lab::Lab& lab) {
      lab_of_tests() = &lab;
      return RUN_ALL_TESTS();
    });
  } catch (const lab::Unavailable& error) {
    why_no_lab_of_tests() = error.what();
    return RUN_ALL_TESTS();
  }
}
