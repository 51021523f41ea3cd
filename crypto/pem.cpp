#include "crypto/pem.hpp"

#include <openssl/pem.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "crypto/openssl_error.hpp"
#include "crypto/openssl_ptr.hpp"

namespace vpnd::crypto {

std::optional<std::size_t> decode_pem(std::string_view text, const char* label, std::span<std::byte> out) {
  if (text.size() > INT_MAX) return std::nullopt;
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  must_succeed(bio != nullptr);
  std::optional<std::size_t> decoded;
  bool found = false;
  while (!found) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) break;
    found = std::strcmp(name, label) == 0;
    if (found && static_cast<std::size_t>(size) <= out.size()) {
      std::memcpy(out.data(), data, static_cast<std::size_t>(size));
      decoded = static_cast<std::size_t>(size);
    }
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size));
  }
  drop_openssl_errors();
  return decoded;
}

SecretString encode_pem(const char* label, std::span<const std::byte> bytes) {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  must_succeed(bio != nullptr && PEM_write_bio(bio.get(), label, "", as_uchar(bytes.data()),
                                               static_cast<long>(bytes.size())) > 0);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return SecretString(std::string_view(data, static_cast<std::size_t>(size)));
}

}  // namespace vpnd::crypto
