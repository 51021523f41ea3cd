#include "vpnd/control/proxy_dialogue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "crypto/certificate.hpp"
#include "tunio/byte_order.hpp"
#include "tunio/ip_address.hpp"
#include "vpnd/config/base64.hpp"

namespace vpnd::control {

namespace {

constexpr std::size_t kMaxAnswer = 16384;  // of an HTTP proxy; whoever talks longer does not mean us
constexpr char kSocksVersion = 5;
constexpr char kNoAuthentication = 0;
constexpr char kUserPassword = 2;
constexpr std::size_t kMaxSocksText = 255;
// RFC 1928 §4: commands, and types of an address.
constexpr char kConnect = 1;
constexpr char kUdpAssociate = 3;
constexpr char kIpv4 = 1;
constexpr char kName = 3;
constexpr char kIpv6 = 4;

// RFC 1928 §6.
std::string_view socks_fault(unsigned char code) {
  switch (code) {
    case 1:
      return "general failure";
    case 2:
      return "not allowed by its rules";
    case 3:
      return "network unreachable";
    case 4:
      return "host unreachable";
    case 5:
      return "connection refused";
    case 6:
      return "time to live exceeded";
    case 7:
      return "command not supported";
    case 8:
      return "address type not supported";
    default:
      return "unknown fault";
  }
}

std::string bytes_of(const tunio::IpAddress& address) {
  std::string text;
  for (const std::byte byte : address.bytes()) text += static_cast<char>(byte);
  return text;
}

// "[fd00::1]:443", "host:443"
std::string authority(const std::string& host, std::uint16_t port) {
  const auto address = tunio::IpAddress::parse(host);
  return address && address->is_v6() ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace

ProxyDialogue::ProxyDialogue(const config::ProxyOptions& proxy, const std::string& host, std::uint16_t port,
                             Wanted wanted)
    : proxy_(proxy),
      host_(host),
      port_(port),
      wanted_(wanted),
      step_(proxy.kind == config::ProxyKind::http ? Step::http_answer : Step::socks_method) {
  proxy.kind == config::ProxyKind::http ? begin_http() : begin_socks();
}

void ProxyDialogue::begin_http() {
  const std::string target = authority(host_, port_);
  std::string request =
      fmt::format("CONNECT {} HTTP/{}\r\nHost: {}\r\n", target, proxy_.http_version, target);
  if (!proxy_.http_agent.empty()) request += fmt::format("User-Agent: {}\r\n", proxy_.http_agent);
  for (const auto& [name, content] : proxy_.http_headers) request += fmt::format("{}: {}\r\n", name, content);
  if (const auto& credentials = proxy_.credentials) {
    std::string both = credentials->username + ":" + credentials->password.expose();
    std::string encoded = config::encode_base64(both);
    request += "Proxy-Authorization: Basic " + encoded + "\r\n";
    crypto::wipe(both);
    crypto::wipe(encoded);
  }
  request += "\r\n";
  output_ = crypto::SecretString(std::move(request));
}

void ProxyDialogue::begin_socks() {
  if (host_.size() > kMaxSocksText) return refuse("the server's name is too long for the proxy");
  std::string greeting{kSocksVersion, 1, kNoAuthentication};
  if (proxy_.credentials) greeting = {kSocksVersion, 2, kNoAuthentication, kUserPassword};
  output_ = crypto::SecretString(std::move(greeting));
}

void ProxyDialogue::receive(std::string_view bytes) {
  if (state_ != State::talking) return;
  input_ += bytes;
  if (input_.size() > kMaxAnswer) return refuse("the proxy's answer is too long");
  switch (step_) {
    case Step::http_answer:
      return take_http_answer();
    case Step::socks_method:
      return take_socks_method();
    case Step::socks_authentication:
      return take_socks_authentication();
    case Step::socks_answer:
      return take_socks_answer();
  }
}

void ProxyDialogue::take_http_answer() {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = input_.find(kEnd);
  if (end == std::string::npos) return;
  const std::string status = crypto::sanitise_name(input_.substr(0, input_.find("\r\n")));
  const std::size_t blank = status.find(' ');
  const std::string code = blank == std::string::npos ? "" : status.substr(blank + 1, 3);
  if (!status.starts_with("HTTP/1.")) return refuse("the proxy does not speak HTTP");
  if (code == "407") {
    return refuse(proxy_.credentials ? "the proxy refuses the user name or password"
                                     : "the proxy wants a user name and password; add them with "
                                       "http-proxy-user-pass");
  }
  if (code != "200") return refuse(fmt::format("the proxy answers \"{}\"", status));
  if (input_.size() != end + kEnd.size()) return refuse("the proxy says more than its answer");
  state_ = State::open;
}

void ProxyDialogue::take_socks_method() {
  if (input_.size() < 2) return;
  const char version = input_[0], method = input_[1];
  input_.erase(0, 2);
  if (version != kSocksVersion) return refuse("the proxy does not speak SOCKS 5");
  if (method == kNoAuthentication) return send_socks_request();
  if (method != kUserPassword || !proxy_.credentials)
    return refuse("the proxy wants a user name and password; add a file with them to socks-proxy");
  const config::ProxyCredentials& credentials = *proxy_.credentials;
  const std::string& password = credentials.password.expose();
  if (credentials.username.size() > kMaxSocksText || password.size() > kMaxSocksText)
    return refuse("user name and password for the proxy may have 255 bytes each");
  std::string request{1, static_cast<char>(credentials.username.size())};
  request += credentials.username;
  request += static_cast<char>(password.size());
  request += password;
  output_ = crypto::SecretString(std::move(request));
  step_ = Step::socks_authentication;
}

void ProxyDialogue::take_socks_authentication() {
  if (input_.size() < 2) return;
  const bool accepted = input_[1] == 0;
  input_.erase(0, 2);
  accepted ? send_socks_request() : refuse("the proxy refuses the user name or password");
}

void ProxyDialogue::send_socks_request() {
  step_ = Step::socks_answer;
  if (wanted_ == Wanted::datagrams) {  // from which address of ours is not known yet: zeros
    output_ = crypto::SecretString(std::string{kSocksVersion, kUdpAssociate, 0, kIpv4, 0, 0, 0, 0, 0, 0});
    return;
  }
  std::string request{kSocksVersion, kConnect, 0};
  if (const auto address = tunio::IpAddress::parse(host_)) {
    request += address->is_v4() ? kIpv4 : kIpv6;
    request += bytes_of(*address);
  } else {
    request += kName;
    request += static_cast<char>(host_.size());
    request += host_;
  }
  request += static_cast<char>(port_ >> 8);
  request += static_cast<char>(port_ & 0xff);
  output_ = crypto::SecretString(std::move(request));
}

void ProxyDialogue::take_socks_answer() {
  constexpr std::size_t kHead = 5;  // up to the first byte of the address
  if (input_.size() < kHead) return;
  if (input_[0] != kSocksVersion) return refuse("the proxy does not speak SOCKS 5");
  if (input_[1] != 0)
    return refuse(fmt::format("the proxy answers: {}", socks_fault(static_cast<unsigned char>(input_[1]))));
  std::size_t size = 0;
  switch (input_[3]) {
    case kIpv4:
      size = 4 + 4 + 2;
      break;
    case kName:
      size = 4 + 1 + static_cast<unsigned char>(input_[4]) + 2;
      break;
    case kIpv6:
      size = 4 + 16 + 2;
      break;
    default:
      return refuse("the proxy's answer is malformed");
  }
  if (input_.size() < size) return;
  if (input_.size() > size) return refuse("the proxy says more than its answer");
  if (wanted_ == Wanted::datagrams && !take_relay(input_))
    return refuse("the proxy does not say by an address where it takes datagrams");
  state_ = State::open;
}

bool ProxyDialogue::take_relay(std::string_view answer) {
  if (answer[3] == kName) return false;
  const auto address = std::as_bytes(std::span(answer.substr(4, answer[3] == kIpv4 ? 4 : 16)));
  const auto port = std::as_bytes(std::span(answer.substr(4 + address.size())));
  const auto number = tunio::load_be16(port.data());
  relay_ = tunio::Endpoint(answer[3] == kIpv4 ? tunio::IpAddress::v4(tunio::load_be32(address.data()))
                                              : tunio::IpAddress::v6(address.first<16>()),
                           number);
  return number != 0;
}

void ProxyDialogue::refuse(std::string reason) {
  state_ = State::refused;
  reason_ = std::move(reason);
}

}  // namespace vpnd::control
