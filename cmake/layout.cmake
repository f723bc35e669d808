# -DCONNBENCH_LAYOUT=N: builds that differ only in where their code lies. Each N > 0 links the files in another order, behind
# another amount of padding. Such builds do the same work, but caches and branch predictors see other addresses. The gate's
# record compares them (docs/gate.md). 0, the default, is the order of the CMake files.
set(CONNBENCH_LAYOUT 0 CACHE STRING "Which order and padding to link with; 0: as written")

# connbench_lay_out(<executable> <library>...): does that for an executable and for the static libraries that it links.
function(connbench_lay_out executable)
  if(CONNBENCH_LAYOUT EQUAL 0)
    return()
  endif()
  math(EXPR padding "(${CONNBENCH_LAYOUT} * 1936) % 8192 + 16") # shifts what follows by a number of cache lines and a quarter
  set(file ${CMAKE_CURRENT_BINARY_DIR}/${executable}_padding.cpp)
  file(CONFIGURE OUTPUT ${file} @ONLY CONTENT "asm(\".pushsection .text; .skip @padding@, 0x90; .popsection\");\n")
  target_sources(${executable} PRIVATE ${file})
  set_source_files_properties(${file} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  foreach(library IN LISTS ARGN)
    get_target_property(sources ${library} SOURCES)
    set(keyed "")
    foreach(source IN LISTS sources)
      string(MD5 key "${CONNBENCH_LAYOUT} ${source}")
      list(APPEND keyed "${key}|${source}")
    endforeach()
    list(SORT keyed)
    list(TRANSFORM keyed REPLACE "^[0-9a-f]+\\|" "")
    set_target_properties(${library} PROPERTIES SOURCES "${keyed}")
  endforeach()
endfunction()
