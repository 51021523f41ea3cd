#include "vpnd/host/cpu_facts.hpp"

#include <gmock/gmock.h>

namespace vpnd::host {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CpuFacts, NameTheModelAndWhatSpeedsUpCiphers) {
  const CpuFacts facts = parse_cpu_info(
      "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\nflags\t\t: fpu aes avx avx2 vaes "
      "avx512f\n\n"
      "processor\t: 1\nmodel name\t: something else\n");
  EXPECT_EQ(facts.model, "AMD EPYC 9R14");
  EXPECT_THAT(facts.features, ElementsAre("aes", "avx2", "vaes", "avx512f"));
}

TEST(CpuFacts, ReadWhatArmKernelsWrite) {
  const CpuFacts facts = parse_cpu_info("processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2\n");
  EXPECT_EQ(facts.model, "");
  EXPECT_THAT(facts.features, ElementsAre("asimd", "aes", "pmull", "sha2"));
}

TEST(CpuFacts, AreEmptyWhereNothingIsSaid) {
  const CpuFacts facts = parse_cpu_info("flags");
  EXPECT_EQ(facts.model, "");
  EXPECT_THAT(facts.features, IsEmpty());
}

TEST(CpuFacts, CountACpuAtLeast) {
  EXPECT_GE(cpu_facts().online, 1U);
}

}  // namespace
}  // namespace vpnd::host
