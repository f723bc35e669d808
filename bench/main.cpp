// The program connbench, and the ready main() of an installed one (connbench::main): the connectors are those of the
// table that it is linked with.
#include "bench/commands.h"

int main(int argc, char** argv) {
  return connbench::command_line(argc, argv);
}
