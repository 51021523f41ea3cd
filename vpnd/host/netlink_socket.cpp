#include "vpnd/host/netlink_socket.hpp"

#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <new>

namespace vpnd::host {
namespace {

struct Conversation {
  const NetlinkSocket::Answer* answer;
  bool over = false;
  NetlinkVerdict verdict;
};

// The extended acknowledgement: attributes behind the error and behind the copy of our request, unless that
// was left out (NLM_F_CAPPED).
std::string extended_text(const nlmsgerr* error) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(error);
  const auto* const header = reinterpret_cast<const nlmsghdr*>(bytes - NLMSG_HDRLEN);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t offset = sizeof(nlmsgerr);
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) offset += error->msg.nlmsg_len - sizeof(nlmsghdr);
  const std::size_t payload = header->nlmsg_len - NLMSG_HDRLEN;
  if (offset >= payload) return {};
  const auto* const attributes = reinterpret_cast<const nlattr*>(bytes + NLMSG_ALIGN(offset));
  const nlattr* const text = ::nla_find(attributes, static_cast<int>(payload - offset), NLMSGERR_ATTR_MSG);
  return text != nullptr ? std::string(::nla_get_string(text)) : std::string();
}

int on_answer(nl_msg* message, void* context) {
  const auto& conversation = *static_cast<Conversation*>(context);
  if (*conversation.answer) (*conversation.answer)(*::nlmsg_hdr(message));
  return NL_OK;
}

int on_end(nl_msg* /*message*/, void* context) {
  static_cast<Conversation*>(context)->over = true;
  return NL_STOP;
}

int on_error(sockaddr_nl* /*from*/, nlmsgerr* error, void* context) {
  auto& conversation = *static_cast<Conversation*>(context);
  conversation.over = true;
  conversation.verdict.error = {-error->error, std::generic_category()};
  conversation.verdict.kernel_text = extended_text(error);
  return NL_STOP;
}

struct FreeCallbacks {
  void operator()(nl_cb* callbacks) const { ::nl_cb_put(callbacks); }
};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(), what);
}

}  // namespace

void NetlinkMessage::Free::operator()(nl_msg* message) const {
  ::nlmsg_free(message);
}

NetlinkMessage::NetlinkMessage(int type, int flags) : message_(::nlmsg_alloc_simple(type, flags)) {
  if (!message_) throw std::bad_alloc();
}

NetlinkMessage& NetlinkMessage::append(std::span<const std::byte> payload) {
  // libnl copies from it, but was written without const.
  void* const bytes = const_cast<std::byte*>(payload.data());
  if (::nlmsg_append(message_.get(), bytes, payload.size(), NLMSG_ALIGNTO) < 0) throw std::bad_alloc();
  return *this;
}

NetlinkMessage& NetlinkMessage::put(int attribute, std::uint32_t value) {
  return put(attribute, std::as_bytes(std::span(&value, 1)));
}

NetlinkMessage& NetlinkMessage::put(int attribute, std::span<const std::byte> value) {
  if (::nla_put(message_.get(), attribute, static_cast<int>(value.size()), value.data()) < 0)
    throw std::bad_alloc();
  return *this;
}

void NetlinkSocket::Free::operator()(nl_sock* socket) const {
  ::nl_socket_free(socket);
}

NetlinkSocket::NetlinkSocket() : socket_(::nl_socket_alloc()) {
  if (!socket_) throw std::bad_alloc();
  errno = 0;
  if (::nl_connect(socket_.get(), NETLINK_ROUTE) < 0)
    fail("open a netlink socket (is AF_NETLINK forbidden?)");
  const int on = 1;  // texts with errors; kernels without them (< 4.12) are as good
  (void)::setsockopt(::nl_socket_get_fd(socket_.get()), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
}

NetlinkVerdict NetlinkSocket::request(const NetlinkMessage& message, const Answer& answer) {
  Conversation conversation{&answer, false, {}};
  const std::unique_ptr<nl_cb, FreeCallbacks> callbacks(::nl_cb_alloc(NL_CB_DEFAULT));
  if (!callbacks) throw std::bad_alloc();
  ::nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_answer, &conversation);
  ::nl_cb_set(callbacks.get(), NL_CB_FINISH, NL_CB_CUSTOM, on_end, &conversation);
  ::nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_end, &conversation);
  ::nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &conversation);

  errno = 0;
  int outcome = ::nl_send_auto(socket_.get(), message.get());
  while (outcome >= 0 && !conversation.over) outcome = ::nl_recvmsgs(socket_.get(), callbacks.get());
  if (!conversation.over) {
    conversation.verdict.error = {errno != 0 ? errno : EIO, std::generic_category()};
    conversation.verdict.kernel_text = ::nl_geterror(outcome);
  }
  return conversation.verdict;
}

}  // namespace vpnd::host
