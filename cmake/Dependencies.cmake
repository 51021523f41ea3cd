# The libraries vpnd is built on, each as one imported target. See docs/decisions/0001-libraries.md.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(liburing REQUIRED IMPORTED_TARGET liburing>=2.3)
pkg_check_modules(libnl_route REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(libcap_ng REQUIRED IMPORTED_TARGET libcap-ng)

find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(vpnd_asio INTERFACE)
target_include_directories(vpnd_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(vpnd_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(vpnd_asio INTERFACE Threads::Threads)
