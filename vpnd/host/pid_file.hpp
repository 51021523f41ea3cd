// `writepid`: a file with our process id, there while we run.

#pragma once

#include <sys/types.h>

#include <filesystem>

namespace vpnd::host {

class PidFile {
 public:
  // Throws std::system_error naming the file.
  explicit PidFile(std::filesystem::path path);
  // Removes the file if it still holds our id; a forked child or a successor's file is left alone.
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::filesystem::path path_;
  pid_t pid_;
};

}  // namespace vpnd::host
