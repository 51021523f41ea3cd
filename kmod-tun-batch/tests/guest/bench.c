// SPDX-License-Identifier: GPL-2.0
/*
 * What the drivers cost, measured in the guest. Under QEMU's -icount shift=0 a nanosecond of guest time is one instruction, so
 * the figures repeat to within a percent on any machine.
 *
 *	bench cost	instructions and system calls per packet, read and written
 *	bench blast	packets per second while a sender sends as fast as it can (two processors)
 *	bench tcp	a TCP transfer through a forwarder between two namespaces
 */
#define _GNU_SOURCE
#include "kit.h"

#define AREA	(1024 * 1024)	/* PACKETS of 1400 bytes */
#include "ring_view.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PACKETS		256	/* a round of reading */
#define WRITE_PACKETS	64	/* a batch of writing */
#define ROUNDS		20

enum way { PACKET_PER_CALL, URING_PER_PACKET, BATCH, URING_BATCH, RING };

static const struct variant {
	const char *name;
	bool batch_driver;
	int format;
	size_t header;		/* in front of each packet */
	enum way way;
} variants[] = {
	{ "tun", false, 0, 0, PACKET_PER_CALL },
	{ "tun, virtio header", false, IFF_VNET_HDR, 10, PACKET_PER_CALL },
	{ "tun, virtio header, io_uring", false, IFF_VNET_HDR, 10, URING_PER_PACKET },
	{ "tun_batch plain", true, PLAIN, 0, BATCH },
	{ "tun_batch framed", true, FRAMED, 16, BATCH },
	{ "tun_batch framed, io_uring", true, FRAMED, 16, URING_BATCH },
	{ "tun_batch shared ring", true, FRAMED, 16, RING },
};

static uint8_t buffer[4 << 20];
static unsigned long calls;
static uint64_t costs[256];
static struct io_uring ring;
static struct view view;

static uint64_t instructions(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Interrupts and what the kernel does in the background hit some rounds, not the one in the middle. */
static double median(uint64_t *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), by_size);
	return (double)values[n / 2];
}

static int open_variant(const struct variant *variant, const char *name)
{
	int fd = variant->batch_driver ? open_node() : open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq request = { .ifr_qlen = 1000 };
	int control = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	CHECK(attach(fd, name, variant->format) == 0);
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	CHECK(ioctl(control, SIOCSIFTXQLEN, &request) == 0);
	close(control);
	bring_up(name);
	return fd;
}

static void start_uring(int fd)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };

	CHECK(io_uring_queue_init_params(64, &ring, &params) == 0);
	CHECK(io_uring_register_files(&ring, &fd, 1) == 0);
}

static void prepare(const struct variant *variant, int fd)
{
	if (variant->way == URING_PER_PACKET || variant->way == URING_BATCH)
		start_uring(fd);
	if (variant->way == RING)
		view = share_memory(fd);
}

/* One submission of several reads or writes, and all their results. */
static void uring_round(bool write, unsigned int requests, size_t stride, unsigned int size)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	unsigned int i;

	for (i = 0; i < requests; i++) {
		sqe = io_uring_get_sqe(&ring);
		if (write)
			io_uring_prep_write(sqe, 0, buffer + i * stride, size, 0);
		else
			io_uring_prep_read(sqe, 0, buffer + i * stride, size, 0);
		sqe->flags |= IOSQE_FIXED_FILE;
	}
	CHECK_EQUAL(io_uring_submit_and_wait(&ring, requests), requests);
	calls++;
	for (i = 0; i < requests; i++) {
		CHECK(io_uring_peek_cqe(&ring, &cqe) == 0 && cqe->res > 0);
		io_uring_cqe_seen(&ring, cqe);
	}
}

/* Out of the ring into memory of our own, as a program would that keeps the packets. */
static void read_ring(void)
{
	struct tun_batch_frame frame;
	const uint8_t *packet;
	uint8_t *out = buffer;

	while ((packet = peek(&view, &frame))) {
		memcpy(out, packet, frame.length);
		out += frame.length;
	}
	CHECK(out - buffer >= PACKETS * 100);
	consumed(&view);
}

static void read_round(const struct variant *variant, int fd)
{
	unsigned int i;

	switch (variant->way) {
	case PACKET_PER_CALL:
		for (i = 0; i < PACKETS; i++)
			CHECK(read(fd, buffer, 65536) > 0);
		calls += PACKETS;
		break;
	case URING_PER_PACKET:
		for (i = 0; i < PACKETS; i += 64)
			uring_round(false, 64, 2048, 2048);
		break;
	case BATCH:
		CHECK(read(fd, buffer, sizeof(buffer)) >= PACKETS * 100);
		calls++;
		break;
	case URING_BATCH:
		uring_round(false, 1, 0, sizeof(buffer));
		break;
	case RING:
		read_ring();
		break;
	}
}

static void write_round(const struct variant *variant, int fd, size_t stride, size_t size)
{
	unsigned int i;

	switch (variant->way) {
	case PACKET_PER_CALL:
		for (i = 0; i < WRITE_PACKETS; i++)
			CHECK(write(fd, buffer + i * stride, size) > 0);
		calls += WRITE_PACKETS;
		break;
	case URING_PER_PACKET:
		uring_round(true, WRITE_PACKETS, stride, (unsigned int)size);
		break;
	case BATCH:
		CHECK_EQUAL(write(fd, buffer, WRITE_PACKETS * stride), WRITE_PACKETS * stride);
		calls++;
		break;
	case URING_BATCH:
		uring_round(true, 1, 0, (unsigned int)(WRITE_PACKETS * stride));
		break;
	case RING:
		for (i = 0; i < WRITE_PACKETS; i++)
			CHECK(produce(&view, buffer + i * stride + 16, ip_length(buffer + i * stride + 16)));
		CHECK_EQUAL(ioctl(fd, TUN_BATCH_DOORBELL), WRITE_PACKETS);
		calls++;
		break;
	}
}

static void measure_read(const struct variant *variant, size_t length)
{
	int fd = open_variant(variant, "t0"), socket = udp_socket(4, 0), round, i;
	uint64_t started;

	prepare(variant, fd);
	for (round = -1; round < ROUNDS; round++) {
		for (i = 0; i < PACKETS; i++)
			send_serial(socket, 9, length - 28, 0);
		started = instructions();
		read_round(variant, fd);
		if (round >= 0)		/* the first one warms up */
			costs[round] = instructions() - started;
		else
			calls = 0;
	}
	printf("%-30s read  %4zu B %6.0f instructions %8.5f calls a packet\n", variant->name, length,
	       median(costs, ROUNDS) / PACKETS, (double)calls / ROUNDS / PACKETS);
}

/* To where no route leads: the packet ends in the routing code. */
static void measure_write(const struct variant *variant, size_t length)
{
	int fd = open_variant(variant, "t0"), round;
	size_t size = 0, stride = 0, i;
	uint64_t started;
	uint8_t packet[2048];

	prepare(variant, fd);
	udp_packet(4, 9, length - 28, 0, packet);
	memcpy(packet + 16, "\xc6\x33\x64\x07", 4);
	packet[10] = packet[11] = 0;
	i = (uint16_t)~ones_complement(packet, 20, 0);
	packet[10] = (uint8_t)(i >> 8);
	packet[11] = (uint8_t)i;
	for (i = 0; i < WRITE_PACKETS; i++) {
		uint8_t *at = buffer + i * stride;

		if (variant->header == 16) {
			size = stride = add_frame(at, packet, length);
		} else {
			memset(at, 0, variant->header);
			memcpy(at + variant->header, packet, length);
			size = stride = variant->header + length;
		}
	}
	for (round = -1; round < ROUNDS * 4; round++) {
		started = instructions();
		write_round(variant, fd, stride, size);
		if (round >= 0)
			costs[round] = instructions() - started;
		else
			calls = 0;
	}
	printf("%-30s write %4zu B %6.0f instructions %8.5f calls a packet\n", variant->name, length,
	       median(costs, ROUNDS * 4) / WRITE_PACKETS, (double)calls / ROUNDS / 4 / WRITE_PACKETS);
}

static void in_child(void (*run)(const struct variant *, size_t), const struct variant *variant, size_t argument)
{
	int status;

	fflush(stdout);
	if (!fork()) {
		close(new_namespace());
		run(variant, argument);
		fflush(stdout);
		_exit(0);
	}
	CHECK(wait(&status) > 0);
	CHECK_EQUAL(status, 0);
}

#define BLAST_SECONDS	2

#define DATAGRAMS_PER_CALL	64

/* The kernel cuts each call into datagrams; the device, which has no offload, gets them one by one. */
static void set_segment(int socket, size_t payload)
{
	int size = (int)payload;

	CHECK(setsockopt(socket, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0);
}

/* Linux 6.11: also over a device that computes no checksums. */
static bool can_segment(size_t payload)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int socket = udp_socket(4, 0);
	bool done;

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	set_segment(socket, payload);
	done = sendto(socket, buffer, 2 * payload, 0, (struct sockaddr *)&to, sizeof(to)) > 0;
	close(socket);
	return done;
}

/* What a reader can take only shows beside a sender that is cheaper than it: with a call for each datagram none is. */
static pid_t start_sender(size_t payload, unsigned int datagrams)
{
	pid_t child = fork();
	int socket;

	if (child)
		return child;
	socket = udp_socket(4, 0);
	if (datagrams > 1)
		set_segment(socket, payload);
	for (;;)
		send_serial(socket, 9, payload * datagrams, 0);
}

/* Packets that come through in a given time: one process sends, one reads. */
static void measure_blast(const struct variant *variant, size_t length, unsigned int datagrams)
{
	struct cursor cursor = { .framed = variant->format == FRAMED };
	int fd = open_variant(variant, "t0"), n;
	unsigned long packets = 0;
	double started, now;
	size_t ignored;
	pid_t sender;

	if (datagrams > 1 && !can_segment(length - 28))
		return;
	sender = start_sender(length - 28, datagrams);
	usleep(100000);
	calls = 0;
	started = seconds();
	do {
		n = (int)read(fd, buffer, sizeof(buffer));
		CHECK(n > 0);
		calls++;
		if (variant->way == BATCH) {
			cursor.at = buffer;
			cursor.end = buffer + n;
			while (next_packet(&cursor, &ignored))
				packets++;
		} else {
			packets++;
		}
		now = seconds();
	} while (now < started + BLAST_SECONDS);
	kill(sender, SIGKILL);
	wait(NULL);
	printf("%-30s blast %4zu B, %2u a send %7.0f packets/s %7.0f reads/s\n", variant->name, length, datagrams,
	       (double)packets / (now - started), (double)calls / (now - started));
}

static void blast_with_calls(const struct variant *variant, size_t length)
{
	measure_blast(variant, length, 1);
}

static void blast_with_segments(const struct variant *variant, size_t length)
{
	measure_blast(variant, length, DATAGRAMS_PER_CALL);
}

#define TRANSFER	(256u << 20)

struct direction {
	int from, to;
	unsigned long calls;
};

static void *forward(void *argument)
{
	struct direction *direction = argument;
	uint8_t *space = malloc(1 << 20);
	ssize_t size;

	while ((size = read(direction->from, space, 1 << 20)) > 0) {
		CHECK_EQUAL(write(direction->to, space, (size_t)size), size);
		direction->calls += 2;
	}
	free(space);
	return NULL;
}

static void *receive_all(void *argument)
{
	int connection = accept(*(int *)argument, NULL, NULL);
	static uint8_t received[1 << 18];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(connection, received, sizeof(received), 0)) > 0)
		total += (size_t)n;
	CHECK_EQUAL(total, TRANSFER);
	return NULL;
}

static int tunnel_end(const struct variant *variant, const char *name, const char *address)
{
	char command[128];
	int fd;

	close(new_namespace());
	fd = open_variant(variant, name);
	snprintf(command, sizeof(command), "ifconfig %s %s netmask 255.255.255.0 up", name, address);
	CHECK(system(command) == 0);
	if (variant->format & IFF_VNET_HDR)
		CHECK(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(OFFLOAD_CSUM | OFFLOAD_TSO)) == 0);
	return fd;
}

static void measure_tcp(const struct variant *variant, size_t unused)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(99) };
	struct direction out = {}, back = {};
	int listener, connection;
	static uint8_t data[1 << 18];
	pthread_t threads[3];
	double started, time;
	size_t sent;

	(void)unused;
	back.from = out.to = tunnel_end(variant, "far", "10.9.0.2");
	listener = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind(listener, (struct sockaddr *)&to, sizeof(to)) == 0 && listen(listener, 1) == 0);
	out.from = back.to = tunnel_end(variant, "near", "10.9.0.1");
	pthread_create(&threads[0], NULL, forward, &out);
	pthread_create(&threads[1], NULL, forward, &back);
	pthread_create(&threads[2], NULL, receive_all, &listener);
	connection = socket(AF_INET, SOCK_STREAM, 0);
	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	CHECK(connect(connection, (struct sockaddr *)&to, sizeof(to)) == 0);
	started = seconds();
	for (sent = 0; sent < TRANSFER; sent += sizeof(data))
		CHECK_EQUAL(send(connection, data, sizeof(data), 0), sizeof(data));
	close(connection);
	pthread_join(threads[2], NULL);
	time = seconds() - started;
	printf("%-30s TCP %6.0f Mbit/s %7.1f calls/MB %5llu dropped\n", variant->name, TRANSFER * 8 / time / 1e6,
	       (double)(out.calls + back.calls) / (TRANSFER >> 20),
	       (unsigned long long)device_statistic("near", TX_DROPPED));
}

int main(int argc, char **argv)
{
	static const size_t lengths[] = { 100, 1400 };
	const char *what = argc > 1 ? argv[1] : "";
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(variants); i++) {
		const struct variant *variant = &variants[i];
		bool plain_calls = variant->way == PACKET_PER_CALL || variant->way == BATCH;

		if (!strcmp(what, "cost")) {
			/* Code and caches that are used for the first time cost much: not this one. */
			if (i == 0) {
				in_child(measure_read, variant, 100);
				in_child(measure_write, variant, 100);
				printf("(the first two are to warm up)\n");
			}
			for (j = 0; j < ARRAY_SIZE(lengths); j++) {
				in_child(measure_read, variant, lengths[j]);
				in_child(measure_write, variant, lengths[j]);
			}
		} else if (!strcmp(what, "blast") && plain_calls) {
			in_child(blast_with_calls, variant, 100);
			in_child(blast_with_segments, variant, 100);
		} else if (!strcmp(what, "tcp") && plain_calls) {
			in_child(measure_tcp, variant, 0);
		}
	}
	return 0;
}
