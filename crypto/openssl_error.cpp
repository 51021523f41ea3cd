#include "crypto/openssl_error.hpp"

#include <openssl/err.h>

#include <array>

namespace vpnd::crypto {
namespace {

std::string text_of(unsigned long code, const char* data, int flags) {
  std::string text;
  if (const char* reason = ERR_reason_error_string(code)) {
    text = reason;
  } else {
    std::array<char, 256> buffer{};
    ERR_error_string_n(code, buffer.data(), buffer.size());
    text = buffer.data();
  }
  if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0')
    text.append(" (").append(data).append(")");
  return text;
}

}  // namespace

std::string take_openssl_errors() {
  std::string all;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    if (!all.empty()) all += "; ";
    all += text_of(code, data, flags);
  }
  return all.empty() ? "unknown error" : all;
}

void drop_openssl_errors() noexcept {
  ERR_clear_error();
}

}  // namespace vpnd::crypto
