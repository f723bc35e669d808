# Run by CPack before it packs: puts what is committed into the source package. Other packages have what was installed.
if(CPACK_INSTALL_CMAKE_PROJECTS)
  return()
endif()
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
execute_process(COMMAND git -C ${root} archive HEAD COMMAND ${CMAKE_COMMAND} -E chdir ${CMAKE_INSTALL_PREFIX} tar -x
                RESULTS_VARIABLE statuses)
if(NOT statuses STREQUAL "0;0")
  message(FATAL_ERROR "The source package is made with git, of what is committed: ${root} is no checkout, or git or tar is missing")
endif()
