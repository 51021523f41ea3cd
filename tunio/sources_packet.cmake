# The files of tunio that know packets but no device, one line each.
list(APPEND vpnd_tunio_sources
  checksum.cpp
  coalesce_rules.cpp
  coalescer.cpp
  ip_address.cpp
  ip_packet.cpp
  mss_clamp.cpp
  segmentation.cpp
  unit_headers.cpp
)
list(APPEND vpnd_tunio_headers
  byte_order.hpp
  checksum.hpp
  coalesce_rules.hpp
  coalescer.hpp
  ip_address.hpp
  ip_packet.hpp
  mss_clamp.hpp
  segmentation.hpp
  unit_headers.hpp
  virtio_net.hpp
)
