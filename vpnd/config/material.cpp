#include "vpnd/config/material.hpp"

#include <string.h>

namespace vpnd::config {

namespace {

void wipe(std::string& text) noexcept {
  // Up to the capacity: a short string may have been a longer one before.
  explicit_bzero(text.data(), text.capacity());
  text.clear();
}

}  // namespace

// A short string still holds its characters when another has taken them over, so every source is wiped.
SensitiveText::SensitiveText(std::string&& text) noexcept {
  text_.swap(text);
  wipe(text);
}

SensitiveText::SensitiveText(SensitiveText&& other) noexcept {
  text_.swap(other.text_);
  wipe(other.text_);
}

SensitiveText& SensitiveText::operator=(SensitiveText other) noexcept {
  text_.swap(other.text_);
  return *this;
}

SensitiveText::~SensitiveText() {
  wipe(text_);
}

std::string Material::origin() const {
  return is_inline() ? "inline at " + format(where) : path.string();
}

}  // namespace vpnd::config
