// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	const char *base = strrchr(file, '/');

	stop_faults();
	printf("    %s:%d: ", base ? base + 1 : file, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

int open_node(void)
{
	int fd = open(TUN_BATCH_NODE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

int attach(int fd, const char *name, int flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags) };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return ioctl(fd, TUNSETIFF, &request);
}

static int control_ioctl(unsigned long command, void *argument)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = ioctl(fd, command, argument), error = errno;

	close(fd);
	errno = error;
	return result;
}

void set_flags(const char *name, bool up)
{
	struct ifreq request = { .ifr_flags = (short)(up ? IFF_UP : 0) };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	CHECK(control_ioctl(SIOCSIFFLAGS, &request) == 0);
}

int set_mtu(const char *name, int mtu)
{
	struct ifreq request = { .ifr_mtu = mtu };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return control_ioctl(SIOCSIFMTU, &request);
}

static void set_address(const char *name, unsigned long command, const char *address)
{
	struct ifreq request = {};
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	CHECK(control_ioctl(command, &request) == 0);
}

void bring_up(const char *name)
{
	set_address(name, SIOCSIFADDR, "10.9.0.1");
	set_address(name, SIOCSIFNETMASK, "255.255.255.0");
	set_flags(name, true);
}

int make_device(const char *name, int flags)
{
	int fd = open_node();

	CHECK(attach(fd, name, flags) == 0);
	bring_up(name);
	return fd;
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* An address takes effect in a work item; until then it cannot be bound, and what comes for it is dropped. */
static void wait_for_ipv6(void)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	inet_pton(AF_INET6, "fd09::1", &own.sin6_addr);
	while (bind(fd, (struct sockaddr *)&own, sizeof(own)) != 0)
		usleep(1000);	/* the case's alarm ends what never comes */
	close(fd);
}

void enable_ipv6(const char *name)
{
	struct in6_ifreq request = { .ifr6_prefixlen = 64, .ifr6_ifindex = (int)if_nametoindex(name) };
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	write_file(path, "0");
	inet_pton(AF_INET6, "fd09::1", &request.ifr6_addr);
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	CHECK(ioctl(fd, SIOCSIFADDR, &request) == 0);
	close(fd);
	wait_for_ipv6();
}

static int link_request(int type, const char *name, const void *attribute, int attribute_type, size_t size)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
		char attributes[64];
	} request = {
		.header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = (uint16_t)type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info = { .ifi_index = (int)if_nametoindex(name) },
	};
	char answer[4096];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), error;

	if (attribute) {
		struct rtattr *rta = (struct rtattr *)((char *)&request + NLMSG_ALIGN(request.header.nlmsg_len));

		rta->rta_type = (unsigned short)attribute_type;
		rta->rta_len = (unsigned short)RTA_LENGTH(size);
		memcpy(RTA_DATA(rta), attribute, size);
		request.header.nlmsg_len = NLMSG_ALIGN(request.header.nlmsg_len) + RTA_ALIGN(rta->rta_len);
	}
	if (send(fd, &request, request.header.nlmsg_len, 0) > 0 && recv(fd, answer, sizeof(answer), 0) > 0)
		errno = -((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error;
	error = errno;
	close(fd);
	errno = error;
	return error ? -1 : 0;
}

int delete_device(const char *name)
{
	return link_request(RTM_DELLINK, name, NULL, 0, 0);
}

int move_device(const char *name, int namespace_fd)
{
	return link_request(RTM_NEWLINK, name, &namespace_fd, IFLA_NET_NS_FD, sizeof(namespace_fd));
}

bool device_exists(const char *name)
{
	return if_nametoindex(name) != 0;
}

static int ethtool(const char *name, void *command)
{
	struct ifreq request = { .ifr_data = command };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return control_ioctl(SIOCETHTOOL, &request);
}

uint64_t device_counter(const char *name, const char *counter)
{
	struct {
		struct ethtool_gstrings head;
		char names[64][ETH_GSTRING_LEN];
	} strings = { .head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS } };
	struct {
		struct ethtool_stats head;
		uint64_t values[64];
	} stats = { .head = { .cmd = ETHTOOL_GSTATS } };
	unsigned int i;

	CHECK(ethtool(name, &strings) == 0);
	stats.head.n_stats = strings.head.len;
	CHECK(ethtool(name, &stats) == 0);
	for (i = 0; i < strings.head.len; i++)
		if (!strncmp(strings.names[i], counter, ETH_GSTRING_LEN))
			return stats.values[i];
	fail(__FILE__, __LINE__, "no counter %s", counter);
}

/* From /proc, which shows the namespace of the thread that looks, as /sys does not. */
uint64_t device_statistic(const char *name, enum statistic statistic)
{
	FILE *file = fopen("/proc/thread-self/net/dev", "re");
	uint64_t value[16] = {};
	char line[512], *at;
	int i;

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		at = line + strspn(line, " ");
		if (strncmp(at, name, strlen(name)) || at[strlen(name)] != ':')
			continue;
		at += strlen(name) + 1;
		for (i = 0; i < 16; i++)
			value[i] = strtoull(at, &at, 10);
		fclose(file);
		return value[statistic];
	}
	fail(__FILE__, __LINE__, "no device %s", name);
}

/* The drops in an RTM_NEWQDISC of the device's root; -1: it is another's. */
static int64_t drops_in(const struct nlmsghdr *header, int index)
{
	const struct tcmsg *message = NLMSG_DATA(header);
	const struct rtattr *rta = (const struct rtattr *)((const char *)message + NLMSG_ALIGN(sizeof(*message)));
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));

	if (header->nlmsg_type != RTM_NEWQDISC || message->tcm_ifindex != index || message->tcm_parent != TC_H_ROOT)
		return -1;
	for (; RTA_OK(rta, left); rta = RTA_NEXT(rta, left))
		if (rta->rta_type == TCA_STATS)
			return ((const struct tc_stats *)RTA_DATA(rta))->drops;
	return -1;
}

uint64_t discipline_drops(const char *name)
{
	struct {
		struct nlmsghdr header;
		struct tcmsg message;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETQDISC,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.message = { .tcm_ifindex = (int)if_nametoindex(name) },
	};
	static char answer[32768] __attribute__((aligned(8)));
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), left;
	int64_t drops;

	CHECK(send(fd, &request, sizeof(request), 0) > 0);
	left = (int)recv(fd, answer, sizeof(answer), 0);
	close(fd);
	for (; NLMSG_OK(header, (unsigned int)left); header = NLMSG_NEXT(header, left)) {
		drops = drops_in(header, request.message.tcm_ifindex);
		if (drops >= 0)
			return (uint64_t)drops;
	}
	fail(__FILE__, __LINE__, "no queueing discipline of %s", name);
}

unsigned int queue_count(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	CHECK(ethtool(name, &channels) == 0);
	return channels.max_combined;
}

int new_namespace(void)
{
	CHECK(unshare(CLONE_NEWNET) == 0);
	write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	write_file("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	write_file("/proc/sys/net/ipv6/conf/default/router_solicitations", "0");
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

void set_gro(const char *name, bool on)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO, .data = on };

	CHECK(ethtool(name, &value) == 0);
}

void set_nonblocking(int fd)
{
	CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

uint16_t ones_complement(const void *data, size_t size, uint32_t sum)
{
	const uint8_t *bytes = data;
	size_t i;

	for (i = 0; i < size; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put16(uint8_t *out, size_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
}

size_t ip_length(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 ? (size_t)(packet[2] << 8 | packet[3])
				   : (size_t)40 + (size_t)(packet[4] << 8 | packet[5]);
}

void fill_payload(uint8_t *payload, size_t size, uint32_t serial)
{
	size_t i;

	for (i = 0; i < size; i++)
		payload[i] = i < 4 ? (uint8_t)(serial >> (8 * i)) : (uint8_t)(serial * 31 + i * 7 + (i >> 8));
}

bool payload_is(const uint8_t *payload, size_t size, uint32_t serial)
{
	static uint8_t expected[65536];

	fill_payload(expected, size, serial);
	return !memcmp(expected, payload, size);
}

size_t udp_packet(int version, uint16_t port, size_t payload, uint32_t serial, uint8_t *out)
{
	size_t header = version == 4 ? 20 : 40, datagram = 8 + payload;
	uint8_t *udp = out + header;
	uint32_t pseudo;

	memset(out, 0, header + 8);
	if (version == 4) {
		out[0] = 0x45;
		put16(out + 2, header + datagram);
		out[8] = 64;
		out[9] = 17;
		inet_pton(AF_INET, "10.9.0.2", out + 12);
		inet_pton(AF_INET, "10.9.0.1", out + 16);
		put16(out + 10, (uint16_t)~ones_complement(out, 20, 0));
		pseudo = ones_complement(out + 12, 8, 0);
	} else {
		out[0] = 0x60;
		put16(out + 4, datagram);
		out[6] = 17;
		out[7] = 64;
		inet_pton(AF_INET6, "fd09::2", out + 8);
		inet_pton(AF_INET6, "fd09::1", out + 24);
		pseudo = ones_complement(out + 8, 32, 0);
	}
	put16(udp, 7);
	put16(udp + 2, port);
	put16(udp + 4, datagram);
	fill_payload(udp + 8, payload, serial);
	put16(udp + 6, (uint16_t)~ones_complement(udp, datagram, pseudo + 17 + (uint32_t)datagram));
	return header + datagram;
}

size_t add_frame(uint8_t *out, const uint8_t *packet, size_t length)
{
	struct tun_batch_frame frame = { .length = (uint32_t)length };
	size_t size = sizeof(frame) + length, padding = -size % TUN_BATCH_ALIGN;

	memcpy(out, &frame, sizeof(frame));
	memcpy(out + sizeof(frame), packet, length);
	memset(out + size, 0, padding);
	return size + padding;
}

int udp_socket(int version, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 16 << 20, only = 1;
	struct timeval patience = { .tv_sec = 20 };

	CHECK(fd >= 0);
	if (version == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (version == 4)
		CHECK(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	else
		CHECK(bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0);
	return fd;
}

void send_serial(int socket, uint16_t port, size_t payload, uint32_t serial)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	static __thread uint8_t buffer[65536];

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	fill_payload(buffer, payload, serial);
	CHECK_EQUAL(sendto(socket, buffer, payload, 0, (struct sockaddr *)&to, sizeof(to)), payload);
}

void receive_serial(int socket, size_t payload, uint32_t serial)
{
	static __thread uint8_t buffer[65536];
	ssize_t size = recv(socket, buffer, sizeof(buffer), 0);

	if (size != (ssize_t)payload || !payload_is(buffer, payload, serial))
		fail(__FILE__, __LINE__, "received %zd bytes, not datagram %u of %zu bytes (errno %d)", size, serial,
		     payload, errno);
}

const uint8_t *next_packet(struct cursor *cursor, size_t *length)
{
	const uint8_t *packet = cursor->at;
	size_t left = (size_t)(cursor->end - cursor->at), size;

	if (!left)
		return NULL;
	if (cursor->framed) {
		CHECK(left >= sizeof(cursor->frame));
		memcpy(&cursor->frame, cursor->at, sizeof(cursor->frame));
		packet += sizeof(cursor->frame);
		*length = cursor->frame.length;
		CHECK_EQUAL(ip_length(packet), *length);
		size = (sizeof(cursor->frame) + *length + 7) & ~(size_t)7;
	} else {
		*length = size = ip_length(packet);
	}
	CHECK(size && size <= left);
	cursor->at += size;
	return packet;
}

static uint64_t state = 88172645463325252ull;

void seed_random(unsigned int seed)
{
	state = 88172645463325252ull ^ (uint64_t)seed * 0x9e3779b97f4a7c15ull;
	if (!state)
		state = 1;
	for (seed = 0; seed < 16; seed++)
		seeded_random();
}

unsigned int seeded_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned int)(state >> 16);
}

unsigned int random_below(unsigned int limit)
{
	return seeded_random() % limit;
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int make_it_fail = -1;	/* kept open: once things fail, opening it may too */

static bool set_fault(const char *kind, const char *name, const char *value)
{
	char path[128];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kind, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
	close(fd);
	return done;
}

static bool set_faults(const char *kind, unsigned int one_in)
{
	char interval[16];

	snprintf(interval, sizeof(interval), "%u", one_in / 2);
	/* Half of each so many; not the kernel's own threads; without a report for each. */
	if (!set_fault(kind, "task-filter", "Y") || !set_fault(kind, "verbose", "0") ||
	    !set_fault(kind, "times", "-1") || !set_fault(kind, "interval", interval) ||
	    !set_fault(kind, "probability", "50"))
		return false;
	return true;
}

/* Of what size and kind an allocation may be: any, also one that may sleep. */
static void allow_faults(const char *kind)
{
	set_fault(kind, "ignore-gfp-wait", "N");
	set_fault(kind, "ignore-gfp-highmem", "N");
	set_fault(kind, "min-order", "0");
}

bool start_faults(unsigned int one_in)
{
	if (!set_faults("failslab", one_in)) {
		printf("    no faults: the kernel cannot inject them\n");
		return false;
	}
	set_faults("fail_page_alloc", one_in);
	set_faults("fail_usercopy", one_in);
	allow_faults("failslab");
	allow_faults("fail_page_alloc");
	make_it_fail = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	CHECK(make_it_fail >= 0);
	CHECK(write(make_it_fail, "1", 1) == 1);
	return true;
}

void stop_faults(void)
{
	if (make_it_fail < 0)
		return;
	while (write(make_it_fail, "0", 1) != 1)
		;
	close(make_it_fail);
	make_it_fail = -1;
}

static int nth = -1;	/* /proc/thread-self/fail-nth, of the first thread that asks */

bool fail_nth(unsigned int n)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%u", n);

	if (nth < 0) {
		allow_faults("failslab");
		allow_faults("fail_page_alloc");
		nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	}
	if (nth < 0) {
		printf("    no faults: the kernel cannot inject them\n");
		return false;
	}
	while (pwrite(nth, text, (size_t)size, 0) != size)
		;
	return true;
}

bool nth_has_failed(void)
{
	char text[16] = "";

	while (pread(nth, text, sizeof(text) - 1, 0) <= 0)	/* it copies to us, too */
		;
	return atoi(text) == 0;
}
