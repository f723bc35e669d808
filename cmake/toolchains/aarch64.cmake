# Compiles for 64-bit Arm on another machine, and runs what is built (tests, while they are listed) in qemu-user:
#   cmake -B build/aarch64 -G Ninja --toolchain cmake/toolchains/aarch64.cmake -DCONNBENCH_SYSROOT=DIR
# DIR has the libraries of an arm64 system, as scripts/test-aarch64 puts them together.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CONNBENCH_SYSROOT) # CMake's own trials read this file too
if(NOT CONNBENCH_SYSROOT)
  message(FATAL_ERROR "-DCONNBENCH_SYSROOT=DIR is missing: a folder with the libraries of an arm64 system")
endif()

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_SYSROOT ${CONNBENCH_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CONNBENCH_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CONNBENCH_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CONNBENCH_SYSROOT}/usr/share/pkgconfig)

find_program(CONNBENCH_QEMU NAMES qemu-aarch64 qemu-aarch64-static REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${CONNBENCH_QEMU} -L ${CONNBENCH_SYSROOT})
