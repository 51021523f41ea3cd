// Summing is most of what splitting and merging cost, so the inner loops exist twice: in AVX2, chosen once at
// start-up, and as plain 64-bit loads for everything else and for the headers, which are too short to gain.
// bench/micro has the figures.

#include "tunio/checksum.hpp"

#include <bit>
#include <cstring>

#include "tunio/byte_order.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vpnd::tunio {

namespace {

enum class Copy : bool { no, yes };

// Below this the set-up of the vector loop costs more than it saves.
constexpr std::size_t kVectorMinimum = 128;

// Adds the next Word of memory, and copies it if wanted; advances both pointers.
template <typename Word, Copy copy>
std::uint64_t take(const std::byte*& from, std::byte*& to) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  from += sizeof word;
  if constexpr (copy == Copy::yes) {
    std::memcpy(to, &word, sizeof word);
    to += sizeof word;
  }
  if constexpr (sizeof word == 8) return (word & 0xffffffff) + (word >> 32);
  return word;
}

// Inlined, so that the AVX2 version has an AVX2 version of it for its tail: g++ 12 calls the plain one
// without vzeroupper, which costs 130 ns where that one uses SSE.
template <Copy copy>
[[gnu::always_inline]] inline std::uint64_t sum_scalar(const std::byte* from, std::byte* to,
                                                       std::size_t size) noexcept {
  std::uint64_t sum = 0;
  for (; size >= 8; size -= 8) sum += take<std::uint64_t, copy>(from, to);
  if ((size & 4) != 0) sum += take<std::uint32_t, copy>(from, to);
  if ((size & 2) != 0) sum += take<std::uint16_t, copy>(from, to);
  if ((size & 1) == 0) return sum;
  std::uint16_t last = 0;  // RFC 1071: a zero stands behind an odd end
  std::memcpy(&last, from, 1);
  if constexpr (copy == Copy::yes) *to = *from;
  return sum + last;
}

template <Copy copy>
std::uint64_t sum_plain(const std::byte* from, std::byte* to, std::size_t size) noexcept {
  return sum_scalar<copy>(from, to, size);
}

#if defined(__x86_64__)
// Eight 32-bit words at a time, added into 64-bit lanes: even words by masking, odd words by shifting.
template <Copy copy>
__attribute__((target("avx2"))) std::uint64_t sum_avx2(const std::byte* from, std::byte* to,
                                                       std::size_t size) noexcept {
  const __m256i low_words = _mm256_set1_epi64x(0xffffffff);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  __m256i even2 = _mm256_setzero_si256();
  __m256i odd2 = _mm256_setzero_si256();
  for (; size >= 64; from += 64, size -= 64) {
    const __m256i first = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i second = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 32));
    if constexpr (copy == Copy::yes) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), first);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), second);
      to += 64;
    }
    even = _mm256_add_epi64(even, _mm256_and_si256(first, low_words));
    odd = _mm256_add_epi64(odd, _mm256_srli_epi64(first, 32));
    even2 = _mm256_add_epi64(even2, _mm256_and_si256(second, low_words));
    odd2 = _mm256_add_epi64(odd2, _mm256_srli_epi64(second, 32));
  }
  const __m256i lanes = _mm256_add_epi64(_mm256_add_epi64(even, odd), _mm256_add_epi64(even2, odd2));
  alignas(32) std::uint64_t sums[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(sums), lanes);
  return sums[0] + sums[1] + sums[2] + sums[3] + sum_scalar<copy>(from, to, size);
}
#endif

using SumFunction = std::uint64_t (*)(const std::byte*, std::byte*, std::size_t) noexcept;

template <Copy copy>
SumFunction choose_sum() noexcept {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2")) return sum_avx2<copy>;
#endif
  return sum_plain<copy>;
}

const SumFunction kSum = choose_sum<Copy::no>();
const SumFunction kSumCopying = choose_sum<Copy::yes>();

// A word in host order as it would look in memory, and back.
std::uint16_t swapped_to_memory(std::uint16_t word) noexcept {
  if constexpr (std::endian::native == std::endian::big) return word;
  return static_cast<std::uint16_t>(word << 8 | word >> 8);
}

}  // namespace

InternetSum& InternetSum::add(std::span<const std::byte> bytes) noexcept {
  const bool is_short = bytes.size() < kVectorMinimum;
  sum_ += is_short ? sum_scalar<Copy::no>(bytes.data(), nullptr, bytes.size())
                   : kSum(bytes.data(), nullptr, bytes.size());
  return *this;
}

InternetSum& InternetSum::add_copying(std::span<const std::byte> from, std::byte* to) noexcept {
  const bool is_short = from.size() < kVectorMinimum;
  sum_ += is_short ? sum_scalar<Copy::yes>(from.data(), to, from.size())
                   : kSumCopying(from.data(), to, from.size());
  return *this;
}

InternetSum& InternetSum::add_word(std::uint16_t word) noexcept {
  sum_ += swapped_to_memory(word);
  return *this;
}

InternetSum& InternetSum::operator+=(InternetSum other) noexcept {
  sum_ += other.sum_;
  return *this;
}

std::uint16_t InternetSum::folded() const noexcept {
  std::uint64_t sum = (sum_ & 0xffffffff) + (sum_ >> 32);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return swapped_to_memory(static_cast<std::uint16_t>(sum));
}

InternetSum pseudo_header_sum(const IpPacket& packet, std::size_t transport_size) noexcept {
  const auto bytes = packet.bytes();
  InternetSum sum;
  sum.add(packet.is_v4() ? bytes.subspan(12, 8) : bytes.subspan(8, 32));
  sum.add_word(packet.protocol());
  sum.add_word(static_cast<std::uint16_t>(transport_size & 0xffff));
  sum.add_word(static_cast<std::uint16_t>(transport_size >> 16));
  return sum;
}

std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t old_word,
                               std::uint16_t new_word) noexcept {
  // RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
  std::uint32_t sum =
      std::uint32_t{static_cast<std::uint16_t>(~checksum)} + static_cast<std::uint16_t>(~old_word) + new_word;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

ChecksumVerdict verify_transport_checksum(const IpPacket& packet) noexcept {
  if (packet.is_fragment() || !packet.has_transport()) return ChecksumVerdict::absent;
  auto transport = packet.transport();
  if (packet.protocol() == kProtocolUdp) {
    if (transport.size() < kUdpHeaderSize) return ChecksumVerdict::bad;
    const std::size_t length = load_be16(&transport[4]);
    if (length < kUdpHeaderSize || length > transport.size()) return ChecksumVerdict::bad;
    transport = transport.first(length);
    if (load_be16(&transport[6]) == 0) return packet.is_v4() ? ChecksumVerdict::absent : ChecksumVerdict::bad;
  } else if (packet.protocol() == kProtocolTcp) {
    if (transport.size() < kTcpHeaderSize) return ChecksumVerdict::bad;
  } else {
    return ChecksumVerdict::absent;
  }
  InternetSum sum = pseudo_header_sum(packet, transport.size());
  sum.add(transport);
  return sum.folded() == 0xffff ? ChecksumVerdict::good : ChecksumVerdict::bad;
}

bool verify_header_checksum(const IpPacket& packet) noexcept {
  if (!packet.is_v4()) return true;
  const std::size_t size = std::to_integer<std::size_t>(packet.bytes()[0] & std::byte{0x0f}) * 4;
  return InternetSum().add(packet.bytes().first(size)).folded() == 0xffff;
}

}  // namespace vpnd::tunio
