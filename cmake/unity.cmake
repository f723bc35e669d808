# connbench_compile_together(<target> <group> <source>...): compiles these sources of the target as one file, which takes half
# the time, and a third for tests. Only for code that is not measured: what is measured is compiled file by file, so that the
# compiler treats all connectors alike and does not optimise across files.
#
# In a group, names in anonymous namespaces must be unique, but parameters may have the name of a function in another file.
# Each file still includes what it uses. To check, build with -DCONNBENCH_UNITY=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON.
option(CONNBENCH_UNITY "Compile groups of files together, to save time" ON)

function(connbench_compile_together target group)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${CONNBENCH_UNITY} UNITY_BUILD_MODE GROUP
                        UNITY_BUILD_CODE_BEFORE_INCLUDE "#pragma GCC diagnostic ignored \"-Wshadow\"")
  set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
endfunction()
