# What `cmake --install` puts in place beside the programs: the package that find_package(connbench) finds, for connectors
# that are written elsewhere. Static libraries and a source file for the table, no plugins: what is linked was compiled
# together, or does not link.
include(CMakePackageConfigHelpers)

set(headers ${CMAKE_INSTALL_INCLUDEDIR}/connbench)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/connbench)

foreach(part harness impl probe cluster main)
  set_target_properties(connbench_${part} PROPERTIES EXPORT_NAME ${part})
endforeach()
target_include_directories(connbench_harness INTERFACE $<INSTALL_INTERFACE:${headers}>)
target_compile_features(connbench_harness INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)
install(TARGETS connbench_harness connbench_impl connbench_probe connbench_cluster connbench_main EXPORT connbench COMPONENT development)
install(EXPORT connbench NAMESPACE connbench:: FILE connbenchTargets.cmake DESTINATION ${package} COMPONENT development)

# frames.h and two_ends.h serve the tests and the benchmark of the link.
install(DIRECTORY harness DESTINATION ${headers} COMPONENT development FILES_MATCHING PATTERN *.h PATTERN frames.h EXCLUDE
        PATTERN two_ends.h EXCLUDE)
# What a connector can be made of: an event loop of its own, a call for a thread to sit in, a library's loop.
foreach(header loops/loop loops/detect loops/pending sockets/due_table sockets/begin_connect sockets/source sockets/socket_setup
        threads/thread_executor threads/thread_per_attempt threads/thread_pool threads/calls/calls libraries/library_connector)
  get_filename_component(folder impl/${header} DIRECTORY)
  install(FILES impl/${header}.h DESTINATION ${headers}/${folder} COMPONENT development)
endforeach()

# The subcommands in Python, and what they share.
foreach(program report compare regress exact history table study export)
  install(PROGRAMS scripts/${program} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench)
endforeach()
install(DIRECTORY scripts/connbench_tools DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench
        PATTERN __pycache__ EXCLUDE PATTERN method EXCLUDE PATTERN environment.sh EXCLUDE PATTERN answer.py EXCLUDE)
install(DIRECTORY studies DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench
        FILES_MATCHING PATTERN *.py PATTERN *.cpp PATTERN __pycache__ EXCLUDE)
install(FILES results/self-test/result.json DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench/self-test)

get_property(CONNBENCH_OUR_CONNECTORS GLOBAL PROPERTY CONNBENCH_connectors)
get_property(libraries GLOBAL PROPERTY CONNBENCH_libraries)
list(REMOVE_DUPLICATES libraries)
list(TRANSFORM libraries REPLACE "^(.*) (.*)$" "connbench_needs_library(\\1 \\2)" OUTPUT_VARIABLE needs)
list(JOIN needs "\n" CONNBENCH_NEEDS_LIBRARIES)
configure_package_config_file(cmake/connbenchConfig.cmake.in connbenchConfig.cmake INSTALL_DESTINATION ${package}
                              NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(connbenchConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/connbenchConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/connbenchConfigVersion.cmake
              cmake/registry.cmake
        DESTINATION ${package} COMPONENT development)
