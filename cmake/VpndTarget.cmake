# Flags that every target of the project shares, and the two kinds of target it is made of.

add_library(vpnd_flags INTERFACE)
target_include_directories(vpnd_flags INTERFACE ${CMAKE_SOURCE_DIR})  # includes are rooted at the repository
target_compile_options(vpnd_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor
                                            $<$<BOOL:${VPND_WERROR}>:-Werror>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports false positives of these inside the standard library and fmt (GCC PR 105329, 105651). Clang's own
  # warnings of the kind stay on.
  target_compile_options(vpnd_flags INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(VPND_SANITIZE)
  target_compile_options(vpnd_flags INTERFACE -fsanitize=${VPND_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(vpnd_flags INTERFACE -fsanitize=${VPND_SANITIZE})
  if(VPND_SANITIZE MATCHES undefined)
    # A null or too small object ends in a report of AddressSanitizer as well, and nothing is cast down a hierarchy here. An
    # eighth of the time that server.cpp takes to compile (g++ 12: 33 s, 29 s without).
    target_compile_options(vpnd_flags INTERFACE -fno-sanitize=null,vptr,object-size)
  endif()
endif()
if(VPND_FUZZ)
  target_compile_options(vpnd_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# vpnd_precompile(NAME <header> …): those, and fmt in the form that compiles faster where the target uses it.
function(vpnd_precompile name)
  get_target_property(libraries ${name} LINK_LIBRARIES)
  if(VPND_FMT_ONCE AND "fmt::fmt" IN_LIST libraries)
    list(APPEND ARGN ${CMAKE_SOURCE_DIR}/cmake/fmt_once.hpp)
  endif()
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

# vpnd_unity(NAME): VPND_UNITY for a target, unless two of its sources use one name for different things of their own.
function(vpnd_unity name)
  if(VPND_UNITY)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
endfunction()

# vpnd_library(NAME SOURCES a.cpp … HEADERS a.hpp … PUBLIC libs… PRIVATE libs… PRECOMPILE <big_header> … [ONE_BY_ONE])
# A static library of one folder. Each of its headers is also compiled alone (target all_verify_interface_header_sets).
function(vpnd_library name)
  cmake_parse_arguments(ARG "ONE_BY_ONE" "" "SOURCES;HEADERS;PUBLIC;PRIVATE;PRECOMPILE" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${name} PRIVATE ${ARG_PRIVATE})
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_sources(${name} ${scope} FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR} FILES ${ARG_HEADERS})
  target_link_libraries(${name} ${scope} vpnd_flags ${ARG_PUBLIC})
  if(ARG_SOURCES)
    vpnd_precompile(${name} ${ARG_PRECOMPILE})
    if(NOT ARG_ONE_BY_ONE)
      vpnd_unity(${name})
    endif()
  endif()
  set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

# GoogleTest's headers, compiled once for all test programs. Their own code need not be fast, and what optimising makes of
# GoogleTest's macros takes half of the time of a build, hence VPND_TEST_OPTIONS.
function(vpnd_test_headers)
  file(CONFIGURE OUTPUT test_headers.cpp CONTENT "")
  add_library(vpnd_test_headers OBJECT ${CMAKE_CURRENT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(vpnd_test_headers PRIVATE vpnd_flags GTest::gmock)
  target_compile_options(vpnd_test_headers PRIVATE ${VPND_TEST_OPTIONS})
  target_precompile_headers(vpnd_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endfunction()

# vpnd_test(NAME SOURCES a_test.cpp … LIBS libs… [LABEL unit] [READS_SOURCES] [ONE_BY_ONE])
# One GoogleTest program; ctest sees each of its tests. READS_SOURCES: it is told where the source tree is, as
# VPND_SOURCE_DIR; not every program is, for then no two checkouts could share what ccache keeps.
function(vpnd_test name)
  cmake_parse_arguments(ARG "READS_SOURCES;ONE_BY_ONE" "LABEL" "SOURCES;LIBS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT TARGET vpnd_test_headers)
    vpnd_test_headers()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(NOT ARG_ONE_BY_ONE)
    vpnd_unity(${name})
  endif()
  target_precompile_headers(${name} REUSE_FROM vpnd_test_headers)
  target_link_libraries(${name} PRIVATE vpnd_flags ${ARG_LIBS} GTest::gmock_main)
  target_compile_options(${name} PRIVATE ${VPND_TEST_OPTIONS})
  if(ARG_READS_SOURCES)
    target_compile_definitions(${name} PRIVATE VPND_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  endif()
  if(ARG_LABEL STREQUAL "netns")
    add_dependencies(namespace_programs ${name})
  endif()
  gtest_discover_tests(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 120 DISCOVERY_TIMEOUT 60)
endfunction()
