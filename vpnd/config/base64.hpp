#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vpnd::config {

// The bytes of a base64 text (RFC 4648 §4, padding required, no blanks), or nothing if it is none.
std::optional<std::string> decode_base64(std::string_view text);

std::string encode_base64(std::string_view bytes);

}  // namespace vpnd::config
