// What the CPU is and can do, as far as it matters to a VPN.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vpnd::host {

struct CpuFacts {
  std::string model;  // "AMD EPYC 9R14"; empty where the kernel does not say
  std::vector<std::string>
      features;         // of those that speed up ciphers: "aes", "vaes", "avx2" …, kernel's names
  unsigned online = 1;  // CPUs this process may run on
};

// From the text of /proc/cpuinfo, x86 ("flags") or ARM ("Features"). `online` stays 1.
CpuFacts parse_cpu_info(std::string_view text);

CpuFacts cpu_facts();

}  // namespace vpnd::host
