// The shape of the table of commands; for the files of Session alone.

#pragma once

#include "crypto/certificate.hpp"
#include "vpnd/config/lexer.hpp"
#include "vpnd/management/session.hpp"

namespace vpnd::management {

struct Session::Command {
  std::string_view name;
  std::size_t least;  ///< parameters
  bool more_allowed;  ///< as the message about too few of them says
  void (Session::*run)(const Words& words);
};

/// As C's atoi reads it, which stock uses: leading digits, 0 where there are none. Bounded instead of
/// overflowing.
std::int64_t leading_number(std::string_view word) noexcept;

}  // namespace vpnd::management
