set(proto_data_sources
)
set(proto_data_headers
  compression_framing.hpp
  data_channel.hpp
  replay_window.hpp
)
