# Connectors whose library is too large for connbench itself: a process with it starts later and holds more memory, which
# would be in the figures of all connectors. Each is a program of its own (docs/programs.md), of one file and one line.
#
#   connbench_connector_program(<name> <target> <component>)   the program bin/programs/<name>; the target, a library of
#                                                              objects, defines its ConnectorEntry
#
#   add_library_program(<folder>/<name> APT <package> [PKG <module>...] [HEADER <header>] [LIBRARIES <library>...])
#
# The second builds impl/<folder>/<name>.cpp, if pkg-config knows the modules, the header and libraries are found, and
# CONNBENCH_WITH_<NAME> is ON (the default). Otherwise bin/programs/<name>.absent says why there is no such program. `cmake
# --install` installs it as the component `libraries`, which is in no package: the package would depend on all of them.
set(CONNBENCH_PROGRAMS_FOLDER ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/programs)

function(connbench_connector_program name objects component)
  string(REPLACE "-" "_" symbol ${name})
  set(table ${CMAKE_CURRENT_BINARY_DIR}/${name}.connectors.gen.cpp)
  connbench_write_table(connectors ConnectorEntry harness/connector/registry.h ${table} ${symbol})
  add_executable(${name} ${table})
  # Only what this program uses: connbench_impl brings the libraries of all connectors.
  target_link_options(${name} PRIVATE -Wl,--as-needed)
  target_link_libraries(${name} PRIVATE ${objects} connbench_program connbench_impl connbench_harness connbench_options)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CONNBENCH_PROGRAMS_FOLDER})
  install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench/programs COMPONENT ${component})
  set_property(GLOBAL APPEND PROPERTY CONNBENCH_connector_programs ${name})
endfunction()

function(add_library_program path)
  get_filename_component(name ${path} NAME)
  cmake_parse_arguments(PARSE_ARGV 1 the "" "APT;HEADER" "PKG;LIBRARIES")
  string(REPLACE "-" "_" file ${path})
  string(TOUPPER ${name} upper)
  string(REPLACE "-" "_" upper ${upper})
  option(CONNBENCH_WITH_${upper} "Build the program ${name}, if its library is found" ON)

  set(found "")
  if(the_PKG)
    pkg_check_modules(CONNBENCH_PKG_${upper} QUIET IMPORTED_TARGET GLOBAL ${the_PKG})
    list(APPEND found PkgConfig::CONNBENCH_PKG_${upper})
    if(NOT CONNBENCH_PKG_${upper}_FOUND)
      set(why "${the_PKG} was not found (apt-get install ${the_APT})")
    endif()
  endif()
  if(the_HEADER)
    find_path(CONNBENCH_${upper}_HEADER ${the_HEADER})
    mark_as_advanced(CONNBENCH_${upper}_HEADER)
    if(NOT CONNBENCH_${upper}_HEADER)
      set(why "${the_HEADER} was not found (apt-get install ${the_APT})")
    endif()
  endif()
  foreach(library IN LISTS the_LIBRARIES)
    find_library(CONNBENCH_LIBRARY_${library} ${library})
    mark_as_advanced(CONNBENCH_LIBRARY_${library})
    list(APPEND found ${CONNBENCH_LIBRARY_${library}})
    if(NOT CONNBENCH_LIBRARY_${library})
      set(why "the library ${library} was not found (apt-get install ${the_APT})")
    endif()
  endforeach()
  if(NOT CONNBENCH_WITH_${upper})
    set(why "configured with CONNBENCH_WITH_${upper}=OFF")
  endif()

  set(absent ${CONNBENCH_PROGRAMS_FOLDER}/${name}.absent)
  if(DEFINED why)
    message(STATUS "Connector ${name} is not built: ${why}")
    file(REMOVE ${CONNBENCH_PROGRAMS_FOLDER}/${name})
    file(WRITE ${absent} "not built in: ${why}\n")
    return()
  endif()
  file(REMOVE ${absent})
  # Compiled once, for the program and for its conformance test (tests/CMakeLists.txt).
  add_library(${name}_connector OBJECT ${PROJECT_SOURCE_DIR}/impl/${file}.cpp)
  target_compile_options(${name}_connector PRIVATE -fPIC)  # Qt insists on it
  if(the_HEADER)
    target_include_directories(${name}_connector SYSTEM PRIVATE ${CONNBENCH_${upper}_HEADER})
  endif()
  target_link_libraries(${name}_connector PRIVATE connbench_options connbench_impl connbench_harness PUBLIC ${found})
  connbench_connector_program(${name} ${name}_connector libraries)
  set_property(GLOBAL APPEND PROPERTY CONNBENCH_library_programs ${name})
endfunction()
