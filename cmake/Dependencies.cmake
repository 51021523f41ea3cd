# The libraries vpnd is built on, each as one imported target. See docs/decisions/0001-libraries.md.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES fmt::fmt)
set(CMAKE_REQUIRED_INCLUDES ${CMAKE_SOURCE_DIR})
check_cxx_source_compiles("
  #include \"cmake/fmt_once.hpp\"
  int main(int argc, char**) {
    fmt::memory_buffer text;
    fmt::vformat_to(fmt::appender(text), \"{}\", fmt::make_format_args(argc));
    return static_cast<int>(text.size());
  }" VPND_FMT_ONCE)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_INCLUDES)

pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(libnl_route REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(libcap_ng REQUIRED IMPORTED_TARGET libcap-ng)

find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(vpnd_asio INTERFACE)
target_include_directories(vpnd_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
# Left to itself, Asio takes std::aligned_alloc where a header of libstdc++ came before its own, and operator new elsewhere:
# then memory is freed by another allocator than it came from.
target_compile_definitions(vpnd_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_DISABLE_STD_ALIGNED_ALLOC)
if(VPND_SANITIZE MATCHES thread)
  target_compile_definitions(vpnd_asio INTERFACE ASIO_DISABLE_FENCED_BLOCK)  # ThreadSanitizer knows no fences, and g++ says so
endif()
target_link_libraries(vpnd_asio INTERFACE Threads::Threads)

# intel-ipsec-mb is for x86-64 only, and has neither a pkg-config nor a CMake file in Debian 12. Version 1.3 is the first
# that this code was tried with.
if(NOT VPND_IPSEC_MB STREQUAL "OFF" AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
  find_library(IPSEC_MB_LIBRARY IPSec_MB)
  mark_as_advanced(IPSEC_MB_INCLUDE_DIR IPSEC_MB_LIBRARY)
  if(IPSEC_MB_INCLUDE_DIR AND IPSEC_MB_LIBRARY)
    file(STRINGS ${IPSEC_MB_INCLUDE_DIR}/intel-ipsec-mb.h IPSEC_MB_VERSION REGEX "^#define IMB_VERSION_STR ")
    string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" IPSEC_MB_VERSION "${IPSEC_MB_VERSION}")
  endif()
  if(IPSEC_MB_VERSION AND IPSEC_MB_VERSION VERSION_GREATER_EQUAL 1.3)
    add_library(vpnd_ipsec_mb INTERFACE)
    target_include_directories(vpnd_ipsec_mb SYSTEM INTERFACE ${IPSEC_MB_INCLUDE_DIR})
    # The old names of its own are plain words like SHA1, and would be macros.
    target_compile_definitions(vpnd_ipsec_mb INTERFACE NO_COMPAT_IMB_API_053)
    target_link_libraries(vpnd_ipsec_mb INTERFACE ${IPSEC_MB_LIBRARY})
  endif()
endif()
if(TARGET vpnd_ipsec_mb)
  message(STATUS "AEADs by OpenSSL and ipsec-mb ${IPSEC_MB_VERSION}")
elseif(VPND_IPSEC_MB STREQUAL "ON")
  message(FATAL_ERROR "VPND_IPSEC_MB is ON, and intel-ipsec-mb 1.3 or newer was not found (Debian: libipsec-mb-dev)")
else()
  message(STATUS "AEADs by OpenSSL alone")
endif()
