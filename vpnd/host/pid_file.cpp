#include "vpnd/host/pid_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "vpnd/host/file_io.hpp"

namespace vpnd::host {
namespace {

std::string line_for(pid_t pid) {
  return fmt::format("{}\n", pid);
}

}  // namespace

PidFile::PidFile(std::filesystem::path path) : path_(std::move(path)), pid_(::getpid()) {
  // Readable for all: init scripts and monitors run under other users.
  const ChangeResult written = write_file_atomically(path_, line_for(pid_), 0644);
  if (!written.ok()) throw std::system_error(written.error, fmt::format("pid file {}", path_.string()));
}

PidFile::~PidFile() {
  if (::getpid() != pid_) return;
  const auto [result, text] = read_text_file(path_, 64);
  if (result.ok() && text == line_for(pid_)) ::unlink(path_.c_str());
}

}  // namespace vpnd::host
