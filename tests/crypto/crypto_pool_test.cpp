#include "crypto/crypto_pool.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <numeric>
#include <thread>
#include <vector>

#include "crypto/crypto_plan.hpp"

namespace vpnd::crypto {
namespace {

using testing::Each;
using testing::ElementsAreArray;

// Every job is worth a helper.
CryptoPool::Settings with_helpers(std::size_t helpers, std::size_t forks = 1) {
  return {.helpers = helpers, .forks = forks, .bytes_per_helper = 1};
}

// Work that leaves a trace: what its key had counted up to, as a sealer counts packets. Plain variables on
// purpose: ThreadSanitizer must find nothing wrong with them.
struct Key {
  int count = 0;
};
struct Work {
  Key* key = nullptr;
  int result = 0;
  int rounds = 100;

  CryptoJob job() { return {.work = &Work::run, .context = this, .key = key, .bytes = 1000}; }
  static void run(void* context) noexcept {
    Work& work = *static_cast<Work*>(context);
    int sum = 0;
    for (int i = 0; i < work.rounds; ++i) sum += i;
    work.result = work.key != nullptr ? ++work.key->count : sum;
  }
};

std::vector<std::size_t> up_to(std::size_t count) {
  std::vector<std::size_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

class CryptoPools : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Helpers, CryptoPools, testing::Values(0, 1, 2, 5));

TEST_P(CryptoPools, CommitEveryJobOnceAndInOrder) {
  CryptoPool pool(with_helpers(GetParam()));
  CryptoFork& fork = pool.fork(0);
  for (std::size_t count = 0; count <= CryptoFork::kCapacity; ++count) {
    std::vector<Work> works(count);
    for (Work& work : works) fork.add(work.job());
    std::vector<std::size_t> committed;
    std::vector<int> results;
    fork.run([&](std::size_t k) noexcept {
      committed.push_back(k);
      results.push_back(works[k].result);
    });
    ASSERT_THAT(committed, ElementsAreArray(up_to(count)));
    ASSERT_THAT(results, Each(4950));  // each was done before it was committed
    ASSERT_TRUE(fork.empty());
  }
}

TEST_P(CryptoPools, DoTheJobsOfAKeyOneAfterTheOther) {
  CryptoPool pool(with_helpers(GetParam()));
  CryptoFork& fork = pool.fork(0);
  std::array<Key, 7> keys;
  for (int round = 0; round < 200; ++round) {
    std::vector<Work> works(CryptoFork::kCapacity);
    for (std::size_t i = 0; i < works.size(); ++i) {
      works[i].key = &keys[i * i % keys.size()];
      works[i].rounds = static_cast<int>(i % 5) * 200;
      fork.add(works[i].job());
    }
    EXPECT_TRUE(fork.full());
    std::array<int, 7> last{};
    fork.run([&](std::size_t k) noexcept {
      int& former = last[static_cast<std::size_t>(works[k].key - keys.data())];
      EXPECT_LT(former, works[k].result) << "round " << round << ", job " << k;
      former = works[k].result;
    });
  }
  int total = 0;
  for (const Key& key : keys) total += key.count;
  EXPECT_EQ(total, 200 * static_cast<int>(CryptoFork::kCapacity));
}

TEST_P(CryptoPools, ServeSeveralThreadsAtTheSameTime) {
  constexpr std::size_t kUsers = 4;
  CryptoPool pool(with_helpers(GetParam(), kUsers));
  std::array<std::size_t, kUsers> committed{};
  std::vector<std::thread> users;
  for (std::size_t user = 0; user < kUsers; ++user) {
    users.emplace_back([&, user] {
      std::array<Work, 9> works{};
      for (int round = 0; round < 300; ++round) {
        for (Work& work : works) {
          work.result = 0;
          pool.fork(user).add(work.job());
        }
        pool.fork(user).run(
            [&](std::size_t k) noexcept { committed[user] += works[k].result == 4950 ? 1 : 0; });
      }
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_THAT(committed, Each(300U * 9U));
}

TEST_P(CryptoPools, StopAndStartWhetherUsedOrNot) {
  for (int round = 0; round < 30; ++round) {
    CryptoPool pool(with_helpers(GetParam(), 2));
    if (round % 3 == 0) continue;
    std::array<Work, 5> works{};
    for (Work& work : works) pool.fork(1).add(work.job());
    std::size_t committed = 0;
    pool.fork(1).run([&](std::size_t) noexcept { ++committed; });
    EXPECT_EQ(committed, works.size());
  }
}

// The caller is kept busy by its first job until a helper has done the second: without helpers, never.
TEST(CryptoPool, WakesHelpersThatSleep) {
  CryptoPool pool(with_helpers(2));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // long enough for them to have gone to sleep
  std::atomic<int> meeting{0};
  const auto meet = [](void* context) noexcept {
    auto& count = *static_cast<std::atomic<int>*>(context);
    count.fetch_add(1);
    while (count.load() < 3) std::this_thread::yield();
  };
  for (int i = 0; i < 3; ++i) pool.fork(0).add({meet, &meeting, nullptr, 1000});
  pool.fork(0).run([](std::size_t) noexcept {});
  EXPECT_EQ(meeting.load(), 3);
}

TEST(CryptoPool, LeavesSmallBatchesToTheCaller) {
  CryptoPool pool({.helpers = 2, .forks = 1, .bytes_per_helper = 5001});
  std::vector<std::thread::id> where(5);
  for (std::thread::id& id : where) {
    const auto note = [](void* context) noexcept {
      *static_cast<std::thread::id*>(context) = std::this_thread::get_id();
    };
    pool.fork(0).add({note, &id, nullptr, 1000});
  }
  pool.fork(0).run([](std::size_t) noexcept {});
  EXPECT_THAT(where, Each(std::this_thread::get_id()));
}

TEST(CryptoFork, DoesWithoutAPool) {
  CryptoFork fork;
  std::array<Work, 3> works{};
  for (Work& work : works) fork.add(work.job());
  std::vector<std::size_t> committed;
  fork.run([&](std::size_t k) noexcept { committed.push_back(k); });
  EXPECT_THAT(committed, ElementsAreArray(up_to(3)));
}

TEST(CryptoPlan, TakesHelpersOnlyForSlowCiphersAndIdleCpus) {
  using namespace std::chrono_literals;
  const auto automatic = [](std::size_t cpus, std::size_t workers, std::chrono::nanoseconds sealing) {
    return plan_crypto_pool(std::nullopt, cpus, workers, sealing).helpers;
  };
  EXPECT_EQ(automatic(2, 1, 28us), 0U);
  EXPECT_EQ(automatic(4, 4, 28us), 0U);
  EXPECT_EQ(automatic(4, 8, 28us), 0U);
  EXPECT_EQ(automatic(8, 2, 4us), 0U);  // VAES
  EXPECT_EQ(automatic(8, 2, 28us), 5U);
  EXPECT_EQ(automatic(64, 2, 28us), 6U);
}

TEST(CryptoPlan, TakesTheNumberThatWasAskedFor) {
  using namespace std::chrono_literals;
  EXPECT_EQ(plan_crypto_pool(0, 64, 1, 28us).helpers, 0U);
  EXPECT_EQ(plan_crypto_pool(3, 1, 1, 4us).helpers, 3U);
  EXPECT_EQ(plan_crypto_pool(3, 1, 2, 4us).forks, 2U);
}

TEST(CryptoPlan, WakesForMoreBytesTheFasterTheCipherIs) {
  using namespace std::chrono_literals;
  const auto bytes = [](std::chrono::nanoseconds sealing) {
    return plan_crypto_pool(2, 4, 1, sealing).bytes_per_helper;
  };
  EXPECT_EQ(bytes(30us), 65536U);
  EXPECT_EQ(bytes(3us), 655360U);
  EXPECT_GT(bytes(0ns), 0U);
}

TEST(CryptoPlan, MeasuresEveryCipher) {
  for (const auto algorithm : {AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                               AeadAlgorithm::aes_256_gcm, AeadAlgorithm::chacha20_poly1305}) {
    EXPECT_GT(measure_sealing(algorithm).count(), 0) << aead_name(algorithm);
  }
}

}  // namespace
}  // namespace vpnd::crypto
