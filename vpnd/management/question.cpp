#include "vpnd/management/question.hpp"

#include <fmt/format.h>

namespace vpnd::management {

std::string Question::format() const {
  switch (kind) {
    case Kind::user_and_password:
      return fmt::format(">PASSWORD:Need '{}' username/password{}", type, text);
    case Kind::password:
      return fmt::format(">PASSWORD:Need '{}' password{}", type, text);
    case Kind::confirmation:
      return fmt::format(">NEED-OK:Need '{}' confirmation{}", type, text);
    case Kind::string:
      return fmt::format(">NEED-STR:Need '{}' string{}", type, text);
  }
  return {};
}

}  // namespace vpnd::management
