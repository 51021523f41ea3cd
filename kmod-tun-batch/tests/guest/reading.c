// SPDX-License-Identifier: GPL-2.0
/* From the stack to user space. */
#define _GNU_SOURCE
#include "kit.h"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

static uint8_t buffer[1 << 20];
static void *volatile nowhere = (void *)8;

static void check_udp(const uint8_t *packet, size_t length, size_t payload, uint32_t serial)
{
	CHECK_EQUAL(length, 28 + payload);
	CHECK(payload_is(packet + 28, payload, serial));
}

/* As many packets of growing size as asked for, sent before one read takes them all. */
static void one_read_takes_all(int format, unsigned int packets)
{
	int fd = make_device("t0", format), socket = udp_socket(4, 0);
	struct cursor cursor = { .at = buffer, .framed = format & FRAMED };
	const uint8_t *packet;
	unsigned int i = 0;
	size_t length;

	for (i = 0; i < packets; i++)
		send_serial(socket, 9, 4 + i, i);
	cursor.end = buffer + read(fd, buffer, sizeof(buffer));
	for (i = 0; (packet = next_packet(&cursor, &length)); i++)
		check_udp(packet, length, 4 + i, i);
	CHECK_EQUAL(i, packets);
	CHECK_EQUAL(device_statistic("t0", TX_PACKETS), packets);
	CHECK_EQUAL(device_statistic("t0", TX_DROPPED), 0);
	CHECK_EQUAL(device_counter("t0", "reads"), 1);
}

static void plain_batch(void)
{
	one_read_takes_all(PLAIN, 500);
}

static void framed_batch(void)
{
	one_read_takes_all(FRAMED, 500);
}

static void partial_fit(int format, size_t frame)
{
	int fd = make_device("t0", format), socket = udp_socket(4, 0), i;

	set_nonblocking(fd);
	for (i = 0; i < 5; i++)
		send_serial(socket, 9, 100, (uint32_t)i);
	CHECK_FAILS(read(fd, buffer, frame - 1), EMSGSIZE);
	CHECK_EQUAL(read(fd, buffer, 3 * frame + frame / 2), 3 * frame);
	CHECK_EQUAL(read(fd, buffer, 2 * frame), 2 * frame);
	CHECK_FAILS(read(fd, buffer, sizeof(buffer)), EAGAIN);
	CHECK_EQUAL(read(fd, buffer, 0), 0);
}

static void plain_partial_fit(void)
{
	partial_fit(PLAIN, 128);
}

static void framed_partial_fit(void)
{
	partial_fit(FRAMED, 144);
}

/* A frame of every size modulo eight ends where the next begins, with zeros between. */
static void padding_is_zero(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 0);
	size_t size, payload, i;

	for (payload = 4; payload < 20; payload++) {
		memset(buffer, 0xff, 256);
		send_serial(socket, 9, payload, 0);
		size = (size_t)read(fd, buffer, sizeof(buffer));
		CHECK_EQUAL(size % 8, 0);
		for (i = 16 + 28 + payload; i < size; i++)
			CHECK_EQUAL(buffer[i], 0);
		CHECK_EQUAL(buffer[4] | buffer[5], 0);
	}
}

static void scattered_read(int format)
{
	int fd = make_device("t0", format), socket = udp_socket(4, 0), round, cuts, i;
	struct cursor cursor = { .framed = format & FRAMED };
	struct iovec parts[64];
	const uint8_t *packet;
	size_t at, length;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < 40; i++)
			send_serial(socket, 9, 4 + (size_t)i * 13, (uint32_t)i);
		for (cuts = 0, at = 0; cuts < 63; cuts++) {
			parts[cuts] = (struct iovec){ buffer + at, random_below(400) };
			at += parts[cuts].iov_len;
		}
		parts[cuts] = (struct iovec){ buffer + at, sizeof(buffer) - at };
		cursor.at = buffer;
		cursor.end = buffer + readv(fd, parts, 64);
		for (i = 0; (packet = next_packet(&cursor, &length)); i++)
			check_udp(packet, length, 4 + (size_t)i * 13, (uint32_t)i);
		CHECK_EQUAL(i, 40);
	}
}

static void plain_scattered(void)
{
	scattered_read(PLAIN);
}

static void framed_scattered(void)
{
	scattered_read(FRAMED);
}

/* What was copied before the bad address is returned, the rest is counted. */
static void bad_buffer(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0), i;
	struct iovec parts[] = { { buffer, 128 + 60 }, { nowhere, 4096 } };

	for (i = 0; i < 5; i++)
		send_serial(socket, 9, 100, (uint32_t)i);
	CHECK_EQUAL(readv(fd, parts, 2), 128);
	CHECK_EQUAL(device_counter("t0", "tx_dropped_copy_fault"), 4);
	CHECK_EQUAL(device_statistic("t0", TX_DROPPED), 4);
	send_serial(socket, 9, 100, 0);
	CHECK_FAILS(read(fd, nowhere, 4096), EFAULT);
}

static void positions_are_refused(void)
{
	int fd = make_device("t0", PLAIN);

	CHECK_FAILS(pread(fd, buffer, sizeof(buffer), 0), ESPIPE);
	CHECK_FAILS(lseek(fd, 0, SEEK_CUR), ESPIPE);
}

static void poll_tells_of_packets(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	CHECK_EQUAL(poll(&poll_fd, 1, 0), 0);
	send_serial(socket, 9, 100, 1);
	CHECK_EQUAL(poll(&poll_fd, 1, 10000), 1);
	CHECK_EQUAL(poll_fd.revents, POLLIN);
	CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 128);
	CHECK_EQUAL(poll(&poll_fd, 1, 0), 0);
	poll_fd.events = POLLOUT;
	CHECK_EQUAL(poll(&poll_fd, 1, 0), 1);
}

static void *read_later(void *argument)
{
	int fd = *(int *)argument;

	return (void *)read(fd, buffer, sizeof(buffer));
}

static void blocked_reader_wakes(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0);
	pthread_t reader;
	void *result;

	CHECK(pthread_create(&reader, NULL, read_later, &fd) == 0);
	usleep(100000);
	send_serial(socket, 9, 100, 1);
	pthread_join(reader, &result);
	CHECK_EQUAL((intptr_t)result, 128);
}

static void ignore(int signal)
{
	(void)signal;
}

static void signal_interrupts_reader(void)
{
	struct sigaction action = { .sa_handler = ignore };
	struct itimerval timer = { .it_value = { .tv_usec = 100000 } };
	int fd = make_device("t0", PLAIN);

	alarm(0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	CHECK_FAILS(read(fd, buffer, sizeof(buffer)), EINTR);
}

/*
 * More than the queue holds, unread: the queueing discipline keeps it, and reading brings it, in order. What is missing
 * then was dropped by that discipline (fq_codel does so when packets have waited for long), none by the device.
 */
static void nothing_is_lost_when_full(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0), sent = 4000, received = 0, i;
	struct cursor cursor = {};
	const uint8_t *packet;
	int32_t last = -1, serial;
	size_t length;

	for (i = 0; i < sent; i++)
		send_serial(socket, 9, 60, (uint32_t)i);
	CHECK(device_counter("t0", "queue_stopped") > 0);
	while (last < sent - 1) {
		cursor.at = buffer;
		cursor.end = buffer + read(fd, buffer, sizeof(buffer));
		while ((packet = next_packet(&cursor, &length))) {
			memcpy(&serial, packet + 28, sizeof(serial));
			CHECK(serial > last);
			check_udp(packet, length, 60, (uint32_t)serial);
			last = serial;
			received++;
		}
	}
	CHECK_EQUAL(received + (int)discipline_drops("t0"), sent);
	CHECK_EQUAL(device_statistic("t0", TX_DROPPED), 0);
	CHECK_EQUAL(device_counter("t0", "tx_dropped_queue_full"), 0);
}

/* Raw sockets may send anything; what is no IP packet of its own length would tear the format. */
static void only_ip_passes(void)
{
	int fd = make_device("t0", PLAIN), udp = udp_socket(4, 0);
	int raw = socket(AF_PACKET, SOCK_DGRAM, 0);
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	static const size_t cut[] = { 1, 19, 20, 27, 29, 200 };
	uint8_t packet[256] = {};
	size_t i;

	udp_packet(4, 9, 0, 0, packet);
	to.sll_ifindex = (int)if_nametoindex("t0");
	for (i = 0; i < ARRAY_SIZE(cut); i++)
		CHECK(sendto(raw, packet, cut[i], 0, (struct sockaddr *)&to, sizeof(to)) > 0);
	CHECK_EQUAL(device_counter("t0", "tx_dropped_not_ip"), ARRAY_SIZE(cut));
	send_serial(udp, 9, 100, 7);
	CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 128);
	check_udp(buffer, 128, 100, 7);
}

static void make_queues(int *fds, unsigned int queues)
{
	struct tun_batch_config config = { .queues = queues };
	unsigned int i;

	fds[0] = open_node();
	CHECK(ioctl(fds[0], TUN_BATCH_SET_CONFIG, &config) == 0);
	for (i = 0; i < queues; i++) {
		if (i)
			fds[i] = open_node();
		CHECK(attach(fds[i], "t0", MULTI) == 0);
		set_nonblocking(fds[i]);
	}
}

static size_t drain(int fd)
{
	struct cursor cursor = { .at = buffer };
	ssize_t size = read(fd, buffer, sizeof(buffer));
	size_t length, n = 0;

	if (size < 0)
		CHECK_EQUAL(errno, EAGAIN);
	cursor.end = buffer + (size > 0 ? size : 0);
	while (next_packet(&cursor, &length))
		n++;
	return n;
}

/* Flows spread over the queues that are read; a queue nobody reads any more gets none. */
static void queues_share_flows(void)
{
	size_t total = 0, used = 0, n;
	int fds[4], sockets[64], extra, i;

	make_queues(fds, 4);
	extra = open_node();
	CHECK(attach(extra, "t0", MULTI) == -1 && errno == EBUSY);
	CHECK_EQUAL(queue_count("t0"), 4);
	bring_up("t0");
	for (i = 0; i < 64; i++) {
		sockets[i] = udp_socket(4, 0);
		send_serial(sockets[i], 9, 50, (uint32_t)i);
	}
	for (i = 0; i < 4; i++) {
		n = drain(fds[i]);
		total += n;
		used += n > 0;
	}
	CHECK_EQUAL(total, 64);
	CHECK(used >= 3);

	close(fds[1]);
	CHECK(ioctl(fds[2], TUN_BATCH_DETACH) == 0);
	for (i = 0; i < 64; i++)
		send_serial(sockets[i], 9, 50, (uint32_t)i);
	CHECK_EQUAL(drain(fds[0]) + drain(fds[3]), 64);
	CHECK_EQUAL(device_counter("t0", "tx_dropped_unattached"), 0);
	CHECK(attach(extra, "t0", MULTI) == 0);
}

static void one_queue_is_one(void)
{
	int fd = make_device("t0", PLAIN), second = open_node();

	CHECK(attach(second, "t0", PLAIN) == -1 && errno == EBUSY);
	CHECK(attach(second, "t0", FRAMED) == -1 && errno == EINVAL);
	CHECK(attach(fd, "t1", PLAIN) == -1 && errno == EINVAL);
}

static void mtu_range(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0);

	CHECK(set_mtu("t0", 67) == -1);
	CHECK(set_mtu("t0", 65536) == -1);
	CHECK(set_mtu("t0", 68) == 0);
	CHECK(set_mtu("t0", 65535) == 0);
	send_serial(socket, 9, 60000, 5);
	CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 60028);
	check_udp(buffer, 60028, 60000, 5);
}

const struct test_case reading_cases[] = {
	{ "plain-batch", plain_batch },
	{ "framed-batch", framed_batch },
	{ "plain-partial-fit", plain_partial_fit },
	{ "framed-partial-fit", framed_partial_fit },
	{ "padding-is-zero", padding_is_zero },
	{ "plain-scattered", plain_scattered },
	{ "framed-scattered", framed_scattered },
	{ "bad-buffer", bad_buffer },
	{ "positions-are-refused", positions_are_refused },
	{ "poll-tells-of-packets", poll_tells_of_packets },
	{ "blocked-reader-wakes", blocked_reader_wakes },
	{ "signal-interrupts-reader", signal_interrupts_reader },
	{ "nothing-is-lost-when-full", nothing_is_lost_when_full },
	{ "only-ip-passes", only_ip_passes },
	{ "queues-share-flows", queues_share_flows },
	{ "one-queue-is-one", one_queue_is_one },
	{ "mtu-range", mtu_range },
	{},
};
