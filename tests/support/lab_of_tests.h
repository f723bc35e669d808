// The lab in which the test program runs (in_lab_main.cpp).
#pragma once

#include <string>

#include "harness/lab/lab.h"

namespace connbench {

/// nullptr = there is none.
inline lab::Lab*& lab_of_tests() {
  static lab::Lab* lab = nullptr;
  return lab;
}

/// Why there is none.
inline std::string& why_no_lab_of_tests() {
  static std::string why = "this program does not run in the lab";
  return why;
}

}  // namespace connbench
