// Records of the batch channel against arbitrary bytes. Input: one byte of choices, then chunks of kind (1
// byte), length (1 byte), bytes. Kind 0 is a body to be sealed and opened, kind 1 a record somebody forged,
// kind 2 a number of records to be skipped.

#include "proto/batch_channel.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace vpnd;
using Bytes = std::vector<std::byte>;

constexpr proto::KeyId kKey{1};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_round_trip(proto::BatchSealer& sealer, proto::BatchOpener& opener, const Bytes& body) {
  Bytes wire(sealer.overhead() + body.size());
  const proto::PlainRecord plain = {body.data(), body.size(), wire.data()};
  require(sealer.seal({&plain, 1}) == 1);
  Bytes again = wire;
  proto::OpenRecord record{.wire = wire};
  opener.open({&record, 1});
  require(record.drop == proto::DropReason::none && std::ranges::equal(record.plaintext, body));
  record.wire = again;
  opener.open({&record, 1});
  require(record.drop == proto::DropReason::replayed);
}

// Nobody without the key can make a record that opens.
void check_forgery(proto::BatchOpener& opener, Bytes wire) {
  const auto highest = opener.highest_packet_id();
  proto::OpenRecord record{.wire = wire};
  opener.open({&record, 1});
  require(record.drop != proto::DropReason::none && record.plaintext.empty());
  require(opener.highest_packet_id() == highest);
}

// Up to 2^31 further, so that the receiver can still tell the upper half.
void skip(proto::BatchSealer& sealer, const Bytes& by) {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(by.size(), 4); ++i)
    count = count << 8 | std::to_integer<std::uint64_t>(by[i]);
  sealer.skip_record_numbers_to(sealer.sealed_packets() + 1 + (count & 0x7FFFFFFF));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto algorithm = static_cast<crypto::AeadAlgorithm>(data[0] & 3);
  const proto::LaneNumber lane{static_cast<std::uint8_t>(data[0] >> 4)};
  crypto::KeyMaterial keys;
  std::ranges::fill(keys.expose(), std::byte{0x5a});
  proto::BatchSealer sealer(algorithm, keys, crypto::Role::client, kKey, proto::PeerId{7}, lane);
  proto::BatchOpener opener(algorithm, keys, crypto::Role::server, kKey, lane);

  std::span rest(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  bool skipped = false;  // two skips in a row may go further than a receiver can follow
  while (rest.size() >= 2) {
    const auto kind = std::to_integer<unsigned>(rest[0]) % 3;
    const std::size_t length = std::min(std::to_integer<std::size_t>(rest[1]), rest.size() - 2);
    const Bytes bytes(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(2 + length);
    if (kind == 0) check_round_trip(sealer, opener, bytes);
    if (kind == 1) check_forgery(opener, bytes);
    if (kind == 2 && !skipped) skip(sealer, bytes);
    skipped = kind == 2 || (skipped && kind == 1);
  }
  return 0;
}
