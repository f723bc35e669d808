# Connectors that need a library which may be missing.
#
#   add_library_connector(<folder>/<name> APT <package> HEADER <header> [LIBRARIES <library>...] [MACRO <macro> <header>])
#
# MACRO: the header must define this macro with this compiler.
# Works like add_connector when the header and the libraries are found and CONNBENCH_WITH_<NAME> is ON (the default). Otherwise
# the connector is listed with the reason why it was not built (absent_connector.cpp.in).

include(CheckCXXSymbolExists)

# The template of a missing connector; `name`, `symbol` and `why` are filled in.
set(CONNBENCH_ABSENT_CONNECTOR ${CMAKE_CURRENT_LIST_DIR}/absent_connector.cpp.in CACHE INTERNAL "")

function(add_library_connector path)
  get_filename_component(name ${path} NAME)
  cmake_parse_arguments(PARSE_ARGV 1 the "" "APT;HEADER" "LIBRARIES;MACRO")
  string(REPLACE "-" "_" symbol ${name})
  string(REPLACE "-" "_" file ${path})
  string(TOUPPER ${symbol} upper)
  option(CONNBENCH_WITH_${upper} "Build the connector ${name}, if its library is found" ON)

  set(found "")
  find_path(CONNBENCH_${upper}_HEADER ${the_HEADER})
  mark_as_advanced(CONNBENCH_${upper}_HEADER)
  if(NOT CONNBENCH_${upper}_HEADER)
    set(why "${the_HEADER} was not found (apt-get install ${the_APT})")
  endif()
  foreach(library IN LISTS the_LIBRARIES)
    find_library(CONNBENCH_LIBRARY_${library} ${library})
    mark_as_advanced(CONNBENCH_LIBRARY_${library})
    # An installed package searches for it again, because it may be elsewhere then (cmake/connbenchConfig.cmake.in).
    list(APPEND found $<BUILD_INTERFACE:${CONNBENCH_LIBRARY_${library}}>
         $<INSTALL_INTERFACE:connbench::library_${library}>)
    if(NOT CONNBENCH_LIBRARY_${library})
      set(why "the library ${library} was not found (apt-get install ${the_APT})")
    endif()
  endforeach()
  if(the_MACRO AND NOT DEFINED why)
    list(POP_FRONT the_MACRO macro header)
    set(CMAKE_REQUIRED_INCLUDES ${CONNBENCH_${upper}_HEADER})
    set(CMAKE_REQUIRED_QUIET ON)
    check_cxx_symbol_exists(${macro} ${header} CONNBENCH_${upper}_COMPILES)
    if(NOT CONNBENCH_${upper}_COMPILES)
      set(why "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} does not provide what ${header} needs for ${macro}")
    endif()
  endif()
  if(NOT CONNBENCH_WITH_${upper})
    set(why "configured with CONNBENCH_WITH_${upper}=OFF")
  endif()

  if(DEFINED why)
    message(STATUS "Connector ${name} is not built: ${why}")
    configure_file(${CONNBENCH_ABSENT_CONNECTOR} ${symbol}.absent.cpp @ONLY)
    target_sources(connbench_impl PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.absent.cpp)
  else()
    target_sources(connbench_impl PRIVATE ${file}.cpp)
    target_include_directories(connbench_impl SYSTEM PRIVATE ${CONNBENCH_${upper}_HEADER})
    target_link_libraries(connbench_impl PRIVATE ${found})
    foreach(library IN LISTS the_LIBRARIES)
      set_property(GLOBAL APPEND PROPERTY CONNBENCH_libraries "${library} ${the_APT}")
    endforeach()
  endif()
  connbench_entry(connectors ${name})
endfunction()
