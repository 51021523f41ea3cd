// Names in certificates end up in logs, status lines and scripts: whatever is in the DER, no control
// character comes out.

#include <cstdlib>
#include <span>
#include <string_view>

#include "crypto/certificate.hpp"

namespace {

void require_clean(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace vpnd::crypto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require_clean(sanitise_name(text));
  if (const auto fingerprint = parse_fingerprint(text)) {
    if (parse_fingerprint(format_fingerprint(*fingerprint)) != fingerprint) std::abort();
  }

  const auto facts = describe_certificate(std::as_bytes(std::span(data, size)));
  if (!facts) return 0;
  require_clean(facts->common_name);
  require_clean(facts->subject);
  require_clean(facts->serial_hex);
  if (facts->common_name.size() > CertificateFacts::kMaxCommonNameSize) std::abort();
  if (facts->subject.starts_with('-')) std::abort();
  return 0;
}
