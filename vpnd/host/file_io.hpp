// Small files, read and written whole.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "vpnd/host/change_result.hpp"

namespace vpnd::host {

struct [[nodiscard]] FileText {
  ChangeResult result;
  std::string text;
};

// The text of a regular file of at most `limit` bytes (FIFOs and devices are refused, since they could
// block).
FileText read_text_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1024} * 1024);

// Puts `text` at `path` such that a reader sees the old file or the new one, never half of one: a temporary
// file beside it, then a rename. An existing file's mode and owner are kept where we may; a new one gets
// `mode`. What is no regular file (a device, a symbolic link such as /dev/stdout) is written to where it is,
// since a rename would replace it.
ChangeResult write_file_atomically(const std::filesystem::path& path, std::string_view text,
                                   mode_t mode = 0600);

}  // namespace vpnd::host
