// SPDX-License-Identifier: GPL-2.0
/* Super-packets and partial checksums through the framed format. */
#define _GNU_SOURCE
#include "kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static uint8_t buffer[1 << 20];

static void partial_checksum_is_filled_in(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 9);
	uint8_t packet[2000];
	size_t length = udp_packet(4, 9, 1000, 3, packet), size = add_frame(buffer, packet, length);
	struct tun_batch_frame *frame = (struct tun_batch_frame *)buffer;
	uint8_t *udp = buffer + 16 + 20;
	uint16_t pseudo = ones_complement(packet + 12, 8, 17 + 1008);

	frame->offload.flags = NEEDS_CSUM;
	frame->offload.csum_start = 20;
	frame->offload.csum_offset = 6;
	udp[6] = (uint8_t)(pseudo >> 8);
	udp[7] = (uint8_t)pseudo;
	CHECK_EQUAL(write(fd, buffer, size), size);
	receive_serial(socket, 1000, 3);

	frame->offload.csum_start = 60000;
	CHECK_EQUAL(write(fd, buffer, size), size);
	CHECK_EQUAL(device_counter("t0", "rx_dropped_offload"), 1);
	CHECK_EQUAL(device_statistic("t0", RX_DROPPED), 1);
}

/* One write of a UDP super-packet (USO), cut by the kernel. */
static void written_datagrams_are_cut(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 9), i;
	uint8_t packet[20000];
	size_t length = udp_packet(4, 9, 12 * 1000, 0, packet), size;
	struct tun_batch_frame *frame = (struct tun_batch_frame *)buffer;
	uint16_t pseudo = ones_complement(packet + 12, 8, 17 + 8 + 12000);

	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(OFFLOAD_CSUM | OFFLOAD_USO)) != 0)
		_exit(SKIPPED);
	for (i = 0; i < 12; i++)
		fill_payload(packet + 28 + i * 1000, 1000, (uint32_t)i);
	packet[26] = (uint8_t)(pseudo >> 8);
	packet[27] = (uint8_t)pseudo;
	size = add_frame(buffer, packet, length);
	frame->offload = (struct tun_batch_offload){ .flags = NEEDS_CSUM, .gso_type = GSO_UDP_L4, .hdr_len = 28,
		.gso_size = 1000, .csum_start = 20, .csum_offset = 6 };
	CHECK_EQUAL(write(fd, buffer, size), size);
	for (i = 0; i < 12; i++)
		receive_serial(socket, 1000, (uint32_t)i);
}

static void datagrams_are_read_whole(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 0), segment = 1000;
	struct cursor cursor = { .at = buffer, .framed = true };
	size_t length;

	if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)(OFFLOAD_CSUM | OFFLOAD_USO)) != 0)
		_exit(SKIPPED);
	CHECK(setsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0);
	send_serial(socket, 9, 20 * 1000, 1);
	cursor.end = buffer + read(fd, buffer, sizeof(buffer));
	CHECK(next_packet(&cursor, &length));
	CHECK_EQUAL(length, 20028);
	CHECK_EQUAL(cursor.frame.offload.gso_type, GSO_UDP_L4);
	CHECK_EQUAL(cursor.frame.offload.gso_size, 1000);
	CHECK_EQUAL(cursor.frame.offload.flags, NEEDS_CSUM);

	CHECK(ioctl(fd, TUNSETOFFLOAD, 0ul) == 0);
	send_serial(socket, 9, 20 * 1000, 1);
	cursor.at = buffer;
	cursor.end = buffer + read(fd, buffer, sizeof(buffer));
	for (int i = 0; i < 20; i++) {
		CHECK(next_packet(&cursor, &length));
		CHECK_EQUAL(length, 1028);
		CHECK_EQUAL(cursor.frame.offload.gso_type, GSO_NONE);
		CHECK_EQUAL(cursor.frame.offload.flags & NEEDS_CSUM, 0);
	}
}

static void offloads_are_refused(void)
{
	int plain = make_device("t0", PLAIN), framed = open_node();

	CHECK_FAILS(ioctl(plain, TUNSETOFFLOAD, (unsigned long)OFFLOAD_CSUM), EINVAL);
	CHECK(ioctl(plain, TUNSETOFFLOAD, 0ul) == 0);
	CHECK_FAILS(ioctl(framed, TUNSETOFFLOAD, 0ul), EBADFD);
	CHECK(attach(framed, "t1", FRAMED) == 0);
	CHECK_FAILS(ioctl(framed, TUNSETOFFLOAD, 0x80000000ul), EINVAL);
	CHECK_FAILS(ioctl(framed, TUNSETOFFLOAD, (unsigned long)OFFLOAD_TSO), EINVAL);
	CHECK(ioctl(framed, TUNSETOFFLOAD, (unsigned long)(OFFLOAD_CSUM | OFFLOAD_TSO)) == 0);
}

/* A tunnel of two devices in two namespaces: what one reads the other writes, in both directions. */
struct tunnel {
	int from, to;
	bool framed;
	unsigned long calls, super_packets, bytes;
};

static void *forward(void *argument)
{
	struct tunnel *tunnel = argument;
	uint8_t *space = malloc(1 << 20);
	struct cursor cursor = { .framed = tunnel->framed };
	ssize_t size, written, n;
	size_t length;

	while ((size = read(tunnel->from, space, 1 << 20)) > 0) {
		cursor.at = space;
		cursor.end = space + size;
		while (next_packet(&cursor, &length)) {
			tunnel->bytes += length;
			tunnel->super_packets += tunnel->framed && cursor.frame.offload.gso_type == GSO_TCPV4;
		}
		for (written = 0; written < size; written += n) {
			n = write(tunnel->to, space + written, (size_t)(size - written));
			CHECK(n > 0);
		}
		tunnel->calls += 2;
	}
	free(space);
	return NULL;
}

#define TRANSFER	(8u << 20)

static void *sink(void *argument)
{
	int listener = *(int *)argument, connection;
	static uint8_t received[65536];
	size_t total = 0, i;
	ssize_t n;

	connection = accept(listener, NULL, NULL);
	CHECK(connection >= 0);
	while ((n = recv(connection, received, sizeof(received), 0)) > 0) {
		for (i = 0; i < (size_t)n; i++)
			CHECK_EQUAL(received[i], (uint8_t)((total + i) * 131 >> 7));
		total += (size_t)n;
	}
	CHECK_EQUAL(total, TRANSFER);
	return NULL;
}

static int device_at(const char *name, int format, unsigned long offload, const char *own)
{
	char command[160];
	int fd;

	new_namespace();
	fd = make_device(name, format);
	snprintf(command, sizeof(command), "ifconfig %s %s netmask 255.255.255.0 up", name, own);
	CHECK(system(command) == 0);
	if (format & FRAMED)
		CHECK(ioctl(fd, TUNSETOFFLOAD, offload) == 0);
	return fd;
}

static void tcp_tunnel(int format, unsigned long offload, bool gro)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(99) };
	struct tunnel out = { .framed = format & FRAMED }, back = out;
	pthread_t threads[3];
	int listener, connection;
	static uint8_t data[TRANSFER];
	size_t sent, i;
	ssize_t n;

	back.from = out.to = device_at("far", format, offload, "10.9.0.2");
	set_gro("far", gro);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(listener, 1) == 0);
	out.from = back.to = device_at("near", format, offload, "10.9.0.1");
	set_gro("near", gro);
	CHECK(pthread_create(&threads[0], NULL, forward, &out) == 0);
	CHECK(pthread_create(&threads[1], NULL, forward, &back) == 0);
	CHECK(pthread_create(&threads[2], NULL, sink, &listener) == 0);

	connection = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	CHECK(connect(connection, (struct sockaddr *)&to, sizeof(to)) == 0);
	for (i = 0; i < TRANSFER; i++)
		data[i] = (uint8_t)(i * 131 >> 7);
	for (sent = 0; sent < TRANSFER; sent += (size_t)n) {
		n = send(connection, data + sent, TRANSFER - sent, 0);
		CHECK(n > 0);
	}
	close(connection);
	pthread_join(threads[2], NULL);
	CHECK_EQUAL(device_statistic("near", TX_DROPPED), 0);
	if (offload & OFFLOAD_TSO)
		CHECK(out.super_packets > 10);
	printf("    %u MB in %lu calls, %lu super-packets\n", TRANSFER >> 20, out.calls + back.calls, out.super_packets);
}

static void tcp_plain(void)
{
	tcp_tunnel(PLAIN, 0, false);
}

static void tcp_plain_gro(void)
{
	tcp_tunnel(PLAIN, 0, true);
}

static void tcp_framed(void)
{
	tcp_tunnel(FRAMED, OFFLOAD_CSUM | OFFLOAD_TSO, false);
}

static void tcp_framed_gro(void)
{
	tcp_tunnel(FRAMED, OFFLOAD_CSUM | OFFLOAD_TSO, true);
}

const struct test_case offload_cases[] = {
	{ "partial-checksum-is-filled-in", partial_checksum_is_filled_in },
	{ "written-datagrams-are-cut", written_datagrams_are_cut },
	{ "datagrams-are-read-whole", datagrams_are_read_whole },
	{ "offloads-are-refused", offloads_are_refused },
	{ "tcp-plain", tcp_plain },
	{ "tcp-plain-gro", tcp_plain_gro },
	{ "tcp-framed", tcp_framed },
	{ "tcp-framed-gro", tcp_framed_gro },
	{},
};
