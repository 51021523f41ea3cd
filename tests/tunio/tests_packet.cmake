vpnd_test(tunio_packet_test
  SOURCES
    checksum_test.cpp
    coalescer_test.cpp
    coalescer_rules_test.cpp
    ip_address_test.cpp
    ip_packet_test.cpp
    mss_clamp_test.cpp
    packet_builder.cpp
    segmentation_test.cpp
    unit_headers_test.cpp
    virtio_net_test.cpp
  LIBS vpnd_tunio)
