vpnd_test(proto_codec_test ONE_BY_ONE
  SOURCES
    batch_negotiation_test.cpp
    cipher_negotiation_test.cpp
    control_message_test.cpp
    control_packet_test.cpp
    drop_reason_test.cpp
    first_contact_test.cpp
    key_method_test.cpp
    opcode_test.cpp
    options_string_test.cpp
    packet_id_test.cpp
    peer_info_test.cpp
    push_test.cpp
    rate_limit_test.cpp
    session_cookie_test.cpp
  LIBS vpnd_proto)
