#include "vpnd/host/status_file.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>
#include <string_view>

namespace vpnd::host {
namespace {

constexpr std::string_view kUndefined = "UNDEF";

std::string_view transport_prefix(Transport transport) {
  switch (transport) {
    case Transport::udp4:
      return "udp4:";
    case Transport::udp6:
      return "udp6:";
    case Transport::tcp4_server:
      return "tcp4-server:";
    case Transport::tcp6_server:
      return "tcp6-server:";
  }
  return {};
}

// Writes lines of columns. Texts of peers cannot add a column or a line.
class Table {
 public:
  Table(char separator, RealAddressForm form) : separator_(separator), form_(form) {}

  template <typename... Columns>
  void line(const Columns&... columns) {
    bool first = true;
    ((first ? void() : text_.push_back(separator_), first = false, add(columns)), ...);
    text_.push_back('\n');
  }
  // A line of the format itself, whose commas are separators.
  void heading(std::string_view columns) {
    for (const char c : columns) text_.push_back(c == ',' ? separator_ : c);
    text_.push_back('\n');
  }
  std::string take() { return std::move(text_); }

 private:
  void add(std::string_view column) {
    for (const char c : column) {
      const auto byte = static_cast<unsigned char>(c);
      text_.push_back(c == separator_ || byte < 0x20 || byte == 0x7F ? '_' : c);
    }
  }
  template <std::integral Number>
  void add(Number number) {
    fmt::format_to(std::back_inserter(text_), "{}", number);
  }
  void add(const RealAddress& address) {
    if (form_ == RealAddressForm::with_transport) text_ += transport_prefix(address.transport);
    add(std::string_view(address.text));
  }

  char separator_;
  RealAddressForm form_;
  std::string text_;
};

std::string_view or_undefined(const std::string& name) {
  return name.empty() ? kUndefined : std::string_view(name);
}

std::string shown_address(const RouteStatus& route) {
  return route.virtual_address + (route.cached ? "C" : "");
}

std::string format_v1(const ServerStatus& status, RealAddressForm form) {
  Table table(',', form);
  table.heading("OpenVPN CLIENT LIST");
  table.line("Updated", format_time(status.now));
  table.heading("Common Name,Real Address,Bytes Received,Bytes Sent,Connected Since");
  for (const ClientStatus& client : status.clients) {
    table.line(or_undefined(client.common_name), client.real_address, client.bytes_received,
               client.bytes_sent, format_time(client.connected_since));
  }
  table.heading("ROUTING TABLE");
  table.heading("Virtual Address,Common Name,Real Address,Last Ref");
  for (const RouteStatus& route : status.routes) {
    table.line(shown_address(route), or_undefined(route.common_name), route.real_address,
               format_time(route.last_reference));
  }
  table.heading("GLOBAL STATS");
  table.line("Max bcast/mcast queue length", status.max_queue_length);
  table.heading("END");
  return table.take();
}

std::string format_v2(const ServerStatus& status, char separator, RealAddressForm form) {
  Table table(separator, form);
  table.line("TITLE", status.title);
  table.line("TIME", format_time(status.now), status.now);
  table.heading(
      "HEADER,CLIENT_LIST,Common Name,Real Address,Virtual Address,Virtual IPv6 Address,Bytes Received,Bytes "
      "Sent,"
      "Connected Since,Connected Since (time_t),Username,Client ID,Peer ID,Data Channel Cipher");
  for (const ClientStatus& client : status.clients) {
    table.line("CLIENT_LIST", or_undefined(client.common_name), client.real_address, client.virtual_ipv4,
               client.virtual_ipv6, client.bytes_received, client.bytes_sent,
               format_time(client.connected_since), client.connected_since, or_undefined(client.username),
               client.client_id, client.peer_id, client.cipher);
  }
  table.heading("HEADER,ROUTING_TABLE,Virtual Address,Common Name,Real Address,Last Ref,Last Ref (time_t)");
  for (const RouteStatus& route : status.routes) {
    table.line("ROUTING_TABLE", shown_address(route), or_undefined(route.common_name), route.real_address,
               format_time(route.last_reference), route.last_reference);
  }
  table.line("GLOBAL_STATS", "Max bcast/mcast queue length", status.max_queue_length);
  table.line("GLOBAL_STATS", "dco_enabled", 0);
  table.heading("END");
  return table.take();
}

}  // namespace

std::string format_server_status(const ServerStatus& status, StatusVersion version, RealAddressForm form) {
  switch (version) {
    case StatusVersion::v1:
      return format_v1(status, form);
    case StatusVersion::v2:
      return format_v2(status, ',', form);
    case StatusVersion::v3:
      return format_v2(status, '\t', form);
  }
  return {};
}

std::string format_client_status(const ClientStatistics& statistics) {
  Table table(',', RealAddressForm::plain);
  table.heading("OpenVPN STATISTICS");
  table.line("Updated", format_time(statistics.now));
  table.line("TUN/TAP read bytes", statistics.tun_read_bytes);
  table.line("TUN/TAP write bytes", statistics.tun_write_bytes);
  table.line("TCP/UDP read bytes", statistics.link_read_bytes);
  table.line("TCP/UDP write bytes", statistics.link_write_bytes);
  table.line("Auth read bytes", statistics.auth_read_bytes);
  table.heading("END");
  return table.take();
}

std::string format_time(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm local{};
  if (::localtime_r(&time, &local) == nullptr) return "0000-00-00 00:00:00";
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return {text.data(), size};
}

}  // namespace vpnd::host
