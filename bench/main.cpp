// The program connbench, and the ready-made main() of the installed package (connbench::main). Its connectors are those
// of the table that it is linked with.
#include "bench/commands.h"

int main(int argc, char** argv) {
  return connbench::command_line(argc, argv);
}
