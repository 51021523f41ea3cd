vpnd_test(proto_data_test ONE_BY_ONE
  SOURCES
    batch_blocks_test.cpp
    batch_channel_test.cpp
    compression_framing_test.cpp
    epoch_channel_test.cpp
    key_usage_test.cpp
    path_mtu_test.cpp
    record_number_test.cpp
    replay_window_test.cpp
    stock_channel_test.cpp
  LIBS vpnd_proto
  READS_SOURCES)
