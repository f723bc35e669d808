# The generated tables: what `connbench list` shows is what CMake was told to build.
#
#   connbench_entry(<table> <name> [file])   in a folder's CMakeLists.txt adds one row; the file (default: the name with
#                                            dashes as underscores, .cpp) defines `const <Type> <symbol>`
#   connbench_table(<table> <Type> <header> <output variable>)   writes the source file that lists all rows
#   connbench_write_table(<table> <Type> <header> <file> <symbol>...)   the same with these rows, into this file
#
# A file that forgets to define its entry is a link error, never a silent hole. (Static-initialiser registrars inside a
# static library were tried: the linker dropped them and the list was empty.)

function(connbench_entry table name)
  string(REPLACE "-" "_" symbol ${name})
  set_property(GLOBAL APPEND PROPERTY CONNBENCH_${table} ${symbol})
endfunction()

function(connbench_table table type header output)
  get_property(symbols GLOBAL PROPERTY CONNBENCH_${table})
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${table}.gen.cpp)
  connbench_write_table(${table} ${type} ${header} ${file} ${symbols})
  set(${output} ${file} PARENT_SCOPE)
endfunction()

function(connbench_write_table table type header file)
  set(declarations "")
  set(rows "")
  foreach(symbol IN LISTS ARGN)
    string(APPEND declarations "extern const ${type} ${symbol};\n")
    string(APPEND rows "    &${symbol},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${file} @ONLY CONTENT
"// Written by CMake (cmake/registry.cmake): do not edit.
#include \"@header@\"

namespace connbench {
namespace @table@ {
@declarations@}  // namespace @table@

std::span<const @type@* const> all_@table@() {
  using namespace @table@;
  static constexpr const @type@* rows[] = {
@rows@  };
  return rows;
}
}  // namespace connbench
")
endfunction()
