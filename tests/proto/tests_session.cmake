vpnd_test(reliable_test SOURCES reliable_test.cpp LIBS vpnd_proto)

add_library(vpnd_session_tunnel STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/lossy_link.cpp
  ${CMAKE_SOURCE_DIR}/tests/support/rsa_identity.cpp
  ${CMAKE_SOURCE_DIR}/tests/support/session_tunnel.cpp)
target_link_libraries(vpnd_session_tunnel PUBLIC vpnd_flags vpnd_proto vpnd_crypto vpnd_test_pki PRIVATE OpenSSL::Crypto)

vpnd_test(session_test ONE_BY_ONE
  SOURCES session_handshake_test.cpp session_hostile_test.cpp session_message_test.cpp session_rekey_test.cpp
  LIBS vpnd_session_tunnel)
