#include "proto/batch_negotiation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vpnd::proto {

namespace {

std::optional<unsigned> parse_number(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

std::optional<BatchTerms> parse_terms(std::string_view version, std::string_view lanes) {
  const auto number = parse_number(lanes);
  if (parse_number(version) != kBatchVersion || !number) return std::nullopt;
  if (*number < 1 || *number > kMaxLanes) return std::nullopt;
  return BatchTerms{*number};
}

}  // namespace

std::string format_batch_offer(const BatchTerms& offer) {
  return fmt::format("{}:{}", kBatchVersion, offer.lanes);
}

std::optional<BatchTerms> find_batch_offer(const PeerInfo& client) {
  const auto value = client.find(kBatchPeerInfoName);
  if (!value || !client.has(ProtoBit::data_v2)) return std::nullopt;
  const std::size_t colon = value->find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return parse_terms(value->substr(0, colon), value->substr(colon + 1));
}

BatchTerms choose_batch_terms(const BatchTerms& offer, unsigned own_lanes) {
  return {std::clamp(std::min(offer.lanes, own_lanes), 1U, static_cast<unsigned>(kMaxLanes))};
}

std::string format_batch_push(const BatchTerms& terms) {
  return fmt::format("{} {} {}", kBatchPushOption, kBatchVersion, terms.lanes);
}

std::optional<BatchTerms> accept_batch_push(unsigned version, unsigned lanes, PeerId first,
                                            const BatchTerms& offer) {
  if (version != kBatchVersion || lanes < 1 || lanes > offer.lanes) return std::nullopt;
  if (first.value >= kNoPeer.value || lanes > kNoPeer.value - first.value) return std::nullopt;
  return BatchTerms{lanes};
}

}  // namespace vpnd::proto
