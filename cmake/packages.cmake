# Packages:
#
#   cmake --build build/release --target deb                  builds what they have, and makes connbench, libconnbench-dev and connbench-cluster
#   cpack --config build/release/CPackConfig.cmake -G DEB     makes them of a finished build
#   cpack --config build/release/CPackSourceConfig.cmake      the source: what is committed
#
# Connectors that are programs because of their language or library are in no package (the components `runtimes` and
# `libraries`): the package would depend on every one of them.
set(CPACK_PACKAGE_VENDOR "The connbench authors")
set(CPACK_PACKAGE_CONTACT "The connbench authors <connbench@example.org>")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own, as the first line of its description
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages) # not where cpack is called: that may be the checkout
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL connbench development)
if(TARGET connbench-mpi)
  list(APPEND CPACK_COMPONENTS_ALL cluster)
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_CONNBENCH_PACKAGE_NAME connbench)
set(CPACK_DEBIAN_CONNBENCH_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CONNBENCH_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CONNBENCH_PACKAGE_DEPENDS "python3 (>= 3.11)")
# Reports and verdicts say what they lack; everything else works without. strace counts system calls where the kernel
# allows no perf events.
set(CPACK_DEBIAN_CONNBENCH_PACKAGE_RECOMMENDS
    "git, python3-jsonschema, python3-matplotlib, python3-numpy, python3-scipy, strace")
set(CPACK_DEBIAN_CONNBENCH_PACKAGE_SUGGESTS "connbench-cluster, libconnbench-dev, tcpdump")
set(CPACK_COMPONENT_CONNBENCH_DESCRIPTION
"measures ways to open TCP connections
Threads, poll, epoll, io_uring, Asio, libuv, libevent, libcurl and others are
measured against hosts that answer, refuse, stall, lose packets or are gone:
how fast each one connects, how late it times out, and what it costs in
threads, memory, processor time and system calls.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libconnbench-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# What find_package(connbench) looks for.
get_property(libraries GLOBAL PROPERTY CONNBENCH_libraries)
list(TRANSFORM libraries REPLACE "^.* (.*)$" "\\1" OUTPUT_VARIABLE needed)
list(APPEND needed libfmt-dev libnl-route-3-dev libpcap-dev "liburing-dev (>= 2.3)" libzstd-dev nlohmann-json3-dev "pkgconf | pkg-config")
list(REMOVE_DUPLICATES needed)
list(SORT needed)
list(JOIN needed ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS "cmake (>= 3.25), connbench, g++, libgmock-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"connectors of your own for connbench
Static libraries, headers and a CMake package: a program with connectors of
your own beside those of connbench, and the tests that every connector must
pass. Use the compiler of this release of Debian.")

# Both speak one version of their messages.
set(CPACK_DEBIAN_CLUSTER_PACKAGE_NAME connbench-cluster)
set(CPACK_DEBIAN_CLUSTER_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CLUSTER_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_CLUSTER_PACKAGE_DEPENDS
    "connbench (= ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}), openmpi-bin, openssh-client")
set(CPACK_COMPONENT_CLUSTER_DESCRIPTION
"connbench on several machines
What connbench cluster starts on each host, with Open MPI over ssh or Slurm: it
carries the orders and compares the clocks. Every host needs this package.")

# What every Debian package has. Left out of `cmake --install`, which is no package.
set(changelog ${PROJECT_BINARY_DIR}/changelog.Debian.gz)
execute_process(COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/packaging/debian/changelog OUTPUT_FILE ${changelog})
foreach(package connbench:connbench libconnbench-dev:development connbench-cluster:cluster)
  string(REPLACE : ";" package ${package})
  list(POP_BACK package component)
  install(FILES packaging/debian/copyright ${changelog} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
          COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

set(CPACK_SOURCE_GENERATOR TXZ)
set(CPACK_SOURCE_PACKAGE_FILE_NAME ${PROJECT_NAME}-${PROJECT_VERSION})
set(CPACK_INSTALL_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/source_archive.cmake)
set(CPACK_SOURCE_INSTALLED_DIRECTORIES "") # the script installs them
include(CPack)

add_custom_target(deb COMMAND ${CMAKE_CPACK_COMMAND} --config ${PROJECT_BINARY_DIR}/CPackConfig.cmake -G DEB
                  -B ${PROJECT_BINARY_DIR}/packages VERBATIM USES_TERMINAL)
get_property(unpackaged GLOBAL PROPERTY CONNBENCH_library_programs)
foreach(folder bench cluster studies)
  get_property(programs DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(program IN LISTS unpackaged)
    list(REMOVE_ITEM programs ${program} ${program}_connector)
  endforeach()
  add_dependencies(deb ${programs})
endforeach()
foreach(target manual connbench_conformance)
  if(TARGET ${target})
    add_dependencies(deb ${target})
  endif()
endforeach()
