#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "vpnd/config/directive.hpp"

namespace vpnd::config {

namespace {

std::vector<const Directive*> build() {
  std::vector<const Directive*> all;
  for (const auto part :
       {connection_directives(), tunnel_directives(), tls_directives(), data_directives(),
        server_directives(), client_directives(), proxy_directives(), process_directives(),
        management_directives(), batching_directives(), unused_directives(), refused_directives()})
    for (const Directive& directive : part) all.push_back(&directive);
  std::sort(all.begin(), all.end(), [](const Directive* a, const Directive* b) { return a->name < b->name; });
  return all;
}

// Levenshtein's distance, with the exchange of two neighbours as one step, by the usual rows of the matrix.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      current[j] =
          std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

std::size_t common_start(std::string_view a, std::string_view b) {
  const auto [end, ignored] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

std::span<const Directive* const> all_directives() {
  static const std::vector<const Directive*> all = build();
  return all;
}

const Directive* find_directive(std::string_view name) {
  const auto all = all_directives();
  const auto found =
      std::lower_bound(all.begin(), all.end(), name,
                       [](const Directive* directive, std::string_view n) { return directive->name < n; });
  return found != all.end() && (*found)->name == name ? *found : nullptr;
}

std::string_view suggestion(std::string_view misspelt) {
  constexpr std::size_t kLongestName = 48;  // of any directive; longer words are not worth the work
  if (misspelt.size() > kLongestName) return {};
  // More changes than this make another word.
  std::size_t fewest = std::max<std::size_t>(1, misspelt.size() / 4);
  std::size_t longest_start = 0;
  std::string_view name;
  for (const Directive* directive : all_directives()) {
    if (!is_documented(*directive)) continue;
    const std::size_t shorter = std::min(misspelt.size(), directive->name.size());
    if (std::max(misspelt.size(), directive->name.size()) - shorter > fewest)
      continue;  // at least so many steps
    const std::size_t steps = distance(misspelt, directive->name);
    // Among equals, the beginning decides: people know how a word starts.
    const std::size_t start = common_start(misspelt, directive->name);
    if (steps > fewest || (steps == fewest && !name.empty() && start <= longest_start)) continue;
    fewest = steps;
    longest_start = start;
    name = directive->name;
  }
  return name;
}

}  // namespace vpnd::config
