// Header and body of a control packet. What was understood must come out again as it went in.

#include "proto/control_packet.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

using namespace vpnd::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = std::as_bytes(std::span(data, size));
  const auto data_header = parse_data_header(packet);
  if (data_header.drop == DropReason::none) {
    std::array<std::byte, kDataV2HeaderSize> written;
    format_data_header(data_header.header, written.data());
    if (!std::equal(written.begin(), written.begin() + static_cast<std::ptrdiff_t>(data_header.header.size),
                    packet.begin())) {
      std::abort();
    }
  }

  const auto header = parse_control_header(packet);
  if (header.drop != DropReason::none) return 0;
  const auto bytes = packet.subspan(kControlHeaderSize);
  const auto parsed = parse_control_body(header.header.opcode, bytes);
  if (parsed.drop != DropReason::none) return 0;

  static std::array<std::byte, 1 << 17> out;
  const std::size_t written = format_control_body(parsed.body, out);
  if (size > out.size()) return 0;
  if (written == 0 || written > bytes.size()) std::abort();
  if (!std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(written), bytes.begin()))
    std::abort();
  if (header.header.opcode != Opcode::ack_v1 && written != bytes.size()) std::abort();
  return 0;
}
