# Connectors in other languages (impl/runtimes), built by their own languages' tools as far as this machine has them. The
# target `runtimes` builds them into bin/programs, and says what is missing for the others.
option(CONNBENCH_RUNTIMES "Build the connectors in other languages with everything else, not only as the target runtimes" OFF)

find_package(Python3 COMPONENTS Interpreter QUIET)
if(NOT Python3_FOUND)
  message(STATUS "Connectors in other languages: skipped, because Python 3 was not found (apt-get install python3)")
  return()
endif()
set(builder ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/impl/runtimes/build.py)
set(CONNBENCH_RUNTIMES_FOLDER ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/programs)
execute_process(COMMAND ${builder} --list OUTPUT_VARIABLE CONNBENCH_RUNTIMES_NAMES OUTPUT_STRIP_TRAILING_WHITESPACE
                COMMAND_ERROR_IS_FATAL ANY)
if(CONNBENCH_RUNTIMES)
  set(in_all ALL)
endif()
add_custom_target(runtimes ${in_all} VERBATIM COMMENT "Connectors in other languages"
  COMMAND ${builder} --programs ${CONNBENCH_RUNTIMES_FOLDER} --work ${PROJECT_BINARY_DIR}/runtimes)
if(CONNBENCH_RUNTIMES AND TARGET manual)
  add_dependencies(manual runtimes) # as on the other programs (cmake/manual.cmake)
endif()
install(DIRECTORY ${CONNBENCH_RUNTIMES_FOLDER}/ DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/connbench/programs
        USE_SOURCE_PERMISSIONS OPTIONAL COMPONENT runtimes)
