# Builds that find faults, and measure nothing.
set(CONNBENCH_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, 'address,undefined' or 'thread'")
if(NOT CONNBENCH_SANITIZE)
  return()
endif()
target_compile_options(connbench_options INTERFACE -fsanitize=${CONNBENCH_SANITIZE} -fno-omit-frame-pointer)
target_link_options(connbench_options INTERFACE -fsanitize=${CONNBENCH_SANITIZE})

# Tests (targets with the property CONNBENCH_IS_TEST) go without the checks of every pointer that they use: a fifth of the
# time to compile them, and half of their size. The option must follow the one above, because it switches off some of its checks.
if(CONNBENCH_SANITIZE MATCHES "undefined")
  target_compile_options(connbench_options INTERFACE
    $<$<BOOL:$<TARGET_PROPERTY:CONNBENCH_IS_TEST>>:-fno-sanitize=null,alignment,vptr,object-size>)
endif()

# These programs are ten times as large as others. The usual linker takes seconds for each, and lld a fraction.
find_program(CONNBENCH_LLD ld.lld DOC "A fast linker, for builds with sanitizers")
if(CONNBENCH_LLD)
  target_link_options(connbench_options INTERFACE -fuse-ld=lld)
endif()
