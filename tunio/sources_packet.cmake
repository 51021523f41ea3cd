# The files of tunio that know packets but no device, one line each.
list(APPEND vpnd_tunio_sources
)
list(APPEND vpnd_tunio_headers
  byte_order.hpp
  checksum.hpp
  coalescer.hpp
  ip_address.hpp
  ip_packet.hpp
  mss_clamp.hpp
  segmentation.hpp
  virtio_net.hpp
)
