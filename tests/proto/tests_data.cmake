vpnd_test(proto_data_test
  SOURCES
    compression_framing_test.cpp
    data_channel_test.cpp
    replay_window_test.cpp
  LIBS vpnd_proto)
