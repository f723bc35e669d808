// For tests that link connbench_main: its main() must not be taken for theirs, whatever the order of the libraries.
#include <gmock/gmock.h>

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
