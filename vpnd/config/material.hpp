// Text that a directive names by file or carries inline: certificates, keys, passwords.
#pragma once

#include <filesystem>
#include <string>

#include "vpnd/config/diagnostic.hpp"

namespace vpnd::config {

// A string that is wiped when it goes. Copies are allowed, since options are copied per remote; each wipes
// itself.
class SensitiveText {
 public:
  SensitiveText() = default;
  explicit SensitiveText(std::string&& text) noexcept;  // the source is wiped too
  SensitiveText(const SensitiveText&) = default;
  SensitiveText(SensitiveText&& other) noexcept;
  SensitiveText& operator=(SensitiveText other) noexcept;
  ~SensitiveText();

  const std::string& expose() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }

 private:
  std::string text_;
};

// The content was read when the configuration was loaded. `where` is the directive that asked for it.
struct Material {
  std::filesystem::path path;  // empty: it stood inline. Already resolved against `cd`
  SensitiveText content;
  Location where;

  bool is_inline() const noexcept { return path.empty(); }
  // For messages: the path, or "inline at FILE:LINE".
  std::string origin() const;
};

}  // namespace vpnd::config
