// A file that lives as long as its object: how scripts get passwords and give back configuration.

#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace vpnd::host {

// Readable by us alone (0600), under a name nobody can predict, removed by the destructor.
class TempFile {
 public:
  // `directory` is `tmp-dir`. Throws std::system_error naming the directory.
  TempFile(const std::filesystem::path& directory, std::string_view prefix, std::string_view content = {});
  TempFile(TempFile&& other) noexcept;
  TempFile& operator=(TempFile&& other) noexcept;
  ~TempFile();

  const std::filesystem::path& path() const { return path_; }
  // What is in it now, by whatever means it was written. None: gone, not a regular file, or longer than
  // `limit` bytes.
  std::optional<std::string> read(std::size_t limit = std::size_t{64} * 1024) const;

 private:
  void remove() noexcept;

  std::filesystem::path path_;
};

}  // namespace vpnd::host
