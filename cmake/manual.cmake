# Manual pages, which scripts/man-pages makes of what the program says of itself, and what shells need to complete its words.
set(CONNBENCH_MANUAL ${PROJECT_BINARY_DIR}/man)
if(CONNBENCH_SANITIZE OR CMAKE_CROSSCOMPILING)
  message(STATUS "Manual pages: skipped, because they need a program that runs here as it will be installed")
elseif(NOT EXISTS /usr/bin/python3)
  message(STATUS "Manual pages: skipped, because Python 3 was not found (apt-get install python3)")
else()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scripts/connbench_tools/manual/*.py)
  add_custom_command(OUTPUT ${CONNBENCH_MANUAL}/connbench.1.gz
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/man-pages $<TARGET_FILE:connbench> ${CONNBENCH_MANUAL}
    DEPENDS connbench ${PROJECT_SOURCE_DIR}/scripts/man-pages ${sources} VERBATIM COMMENT "Manual pages")
  add_custom_target(manual ALL DEPENDS ${CONNBENCH_MANUAL}/connbench.1.gz)
  # connbench lists the connectors that are programs, and could meet one that is just being linked.
  get_property(programs GLOBAL PROPERTY CONNBENCH_connector_programs)
  add_dependencies(manual ${programs})
endif()
install(DIRECTORY ${CONNBENCH_MANUAL}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL)

set(completions packaging/completions)
install(FILES ${completions}/connbench.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME connbench)
install(FILES ${completions}/_connbench DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${completions}/connbench.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES results/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/results)
