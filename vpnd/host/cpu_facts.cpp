#include "vpnd/host/cpu_facts.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

namespace vpnd::host {

namespace {

constexpr std::array<std::string_view, 11> kInteresting{"aes",  "pclmulqdq", "vaes",       "vpclmulqdq",
                                                        "avx2", "avx512f",   "avx512ifma", "pmull",
                                                        "sha2", "asimd",     "sve2"};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The value of the first line "name : value".
std::string_view value_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && trimmed(line.substr(0, colon)) == name) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return {};
}

}  // namespace

CpuFacts parse_cpu_info(std::string_view text) {
  CpuFacts facts;
  facts.model = value_of(text, "model name");
  std::string_view flags = value_of(text, "flags");
  if (flags.empty()) flags = value_of(text, "Features");
  std::istringstream words{std::string(flags)};
  for (std::string word; words >> word;) {
    if (std::ranges::find(kInteresting, word) != kInteresting.end()) facts.features.push_back(word);
  }
  return facts;
}

CpuFacts cpu_facts() {
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  CpuFacts facts = parse_cpu_info(text.str());
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    facts.online = static_cast<unsigned>(std::max(CPU_COUNT(&allowed), 1));
  }
  return facts;
}

}  // namespace vpnd::host
