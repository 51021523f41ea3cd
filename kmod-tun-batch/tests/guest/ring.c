// SPDX-License-Identifier: GPL-2.0
/* Memory shared with the driver, used as its rules say, and against them. */
#define _GNU_SOURCE
#include "kit.h"
#include "ring_view.h"

#include <arpa/inet.h>
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct view share_device(void)
{
	return share_memory(make_device("t0", FRAMED));
}

static bool sleep_until_packet(struct view *view, int patience)
{
	struct pollfd poll_fd = { .fd = view->fd, .events = POLLIN };
	int ready;

	view->ring->to_user_sleeping = 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ready = poll(&poll_fd, 1, patience);
	view->ring->to_user_sleeping = 0;
	return ready == 1 && poll_fd.revents & POLLIN;
}

/* Many times round the area, in every size, while a sender goes on: nothing is lost, order is kept. */
static void to_user(void)
{
	struct view view = share_device();
	int packets = 6000, socket, i = 0, status;
	struct tun_batch_frame frame;
	const uint8_t *packet;
	char byte;

	CHECK_FAILS(read(view.fd, &byte, 1), EBUSY);
	if (!fork()) {
		socket = udp_socket(4, 0);
		for (i = 0; i < packets; i++)
			send_serial(socket, 9, 4 + (size_t)(i * 37) % 1400, (uint32_t)i);
		_exit(0);
	}
	while (i < packets) {
		while ((packet = peek(&view, &frame))) {
			CHECK_EQUAL(frame.length, 28 + 4 + (i * 37) % 1400);
			CHECK(payload_is(packet + 28, 4 + (size_t)(i * 37) % 1400, (uint32_t)i));
			i++;
			consumed(&view);
		}
		if (i < packets)
			CHECK(sleep_until_packet(&view, 20000));
	}
	wait(&status);
	CHECK_EQUAL(device_statistic("t0", TX_PACKETS), packets);
	CHECK_EQUAL(device_statistic("t0", TX_DROPPED), 0);
}

/* Filled up while nobody consumes: the queue stops, and the doorbell starts it again. */
static void full_and_doorbell(void)
{
	struct view view = share_device();
	int socket = udp_socket(4, 0), sent = 700, seen = 0, i;
	struct tun_batch_frame frame;

	for (i = 0; i < sent; i++)
		send_serial(socket, 9, 1000, (uint32_t)i);
	CHECK_EQUAL(view.ring->to_user_full, 1);
	CHECK(device_counter("t0", "queue_stopped") > 0);
	for (;;) {
		while (peek(&view, &frame))
			seen++;
		consumed(&view);
		if (seen + (int)discipline_drops("t0") >= sent)	/* fq_codel drops some of what waited */
			break;
		sleep_until_packet(&view, 100);
	}
	CHECK_EQUAL(seen + (int)discipline_drops("t0"), sent);
	CHECK_EQUAL(device_statistic("t0", TX_DROPPED), 0);
}

static void ring_doorbell(struct view *view, struct io_uring *uring)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;

	if (!uring) {
		CHECK(ioctl(view->fd, TUN_BATCH_DOORBELL) >= 0);
		return;
	}
	sqe = io_uring_get_sqe(uring);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, view->fd, NULL, 0, 0);
	sqe->off = TUN_BATCH_DOORBELL;	/* cmd_op */
	CHECK_EQUAL(io_uring_submit_and_wait(uring, 1), 1);
	CHECK(io_uring_peek_cqe(uring, &cqe) == 0 && cqe->res >= 0);
	io_uring_cqe_seen(uring, cqe);
}

static void from_user(bool with_uring)
{
	struct view view = share_device();
	int socket = udp_socket(4, 9), packets = 4000, i, seen = 0;
	uint8_t packet[65536];
	struct io_uring uring;
	size_t length;

	if (with_uring)
		CHECK(io_uring_queue_init(8, &uring, 0) == 0);
	for (i = 0; i < packets; i++) {
		size_t payload = i % 100 ? 4 + (size_t)(i * 37) % 1400 : 30000;

		length = udp_packet(4, 9, payload, (uint32_t)i, packet);
		if (!produce(&view, packet, length)) {
			ring_doorbell(&view, with_uring ? &uring : NULL);
			for (; seen < i; seen++)
				receive_serial(socket, seen % 100 ? 4 + (size_t)(seen * 37) % 1400 : 30000,
					       (uint32_t)seen);
			CHECK(produce(&view, packet, length));
		}
	}
	ring_doorbell(&view, with_uring ? &uring : NULL);
	for (; seen < packets; seen++)
		receive_serial(socket, seen % 100 ? 4 + (size_t)(seen * 37) % 1400 : 30000, (uint32_t)seen);
	CHECK_EQUAL(view.ring->from_user_consumed, view.produced);
}

static void from_user_ioctl(void)
{
	from_user(false);
}

static void from_user_uring(void)
{
	from_user(true);
}

static void sharing_is_checked(void)
{
	static const struct tun_batch_share refused[] = {
		{ .to_user = AREA / 2, .from_user = AREA }, { .to_user = AREA, .from_user = AREA + 4096 },
		{ .to_user = 2 * TUN_BATCH_MAX_AREA, .from_user = AREA }, { .to_user = AREA },
		{ .to_user = AREA, .from_user = AREA, .reserved = { 0, 1 } },
	};
	struct tun_batch_share share = { .to_user = AREA, .from_user = AREA };
	int fd = open_node(), plain = make_device("t1", PLAIN);
	size_t i;

	CHECK_FAILS(ioctl(fd, TUN_BATCH_SHARE, &share), EBADFD);
	CHECK_FAILS(ioctl(plain, TUN_BATCH_SHARE, &share), EINVAL);
	CHECK_FAILS(ioctl(plain, TUN_BATCH_DOORBELL), EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, plain, 0) == MAP_FAILED);
	CHECK(attach(fd, "t0", FRAMED) == 0);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		share = refused[i];
		CHECK_FAILS(ioctl(fd, TUN_BATCH_SHARE, &share), EINVAL);
	}
	share = (struct tun_batch_share){ .to_user = AREA, .from_user = AREA };
	CHECK(ioctl(fd, TUN_BATCH_SHARE, &share) == 0);
	CHECK_FAILS(ioctl(fd, TUN_BATCH_SHARE, &share), EBUSY);
	CHECK(mmap(NULL, share.map_size, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, share.map_size, PROT_READ, MAP_SHARED, fd, 4096) == MAP_FAILED);
	CHECK(mmap(NULL, share.map_size + 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
}

/* The mapping outlives the attachment; the memory goes with the last of both. */
static void mapping_outlives_detach(void)
{
	struct view view = share_device();
	int socket = udp_socket(4, 0);

	CHECK(ioctl(view.fd, TUN_BATCH_DETACH) == 0);
	memset(view.ring, 0xff, view.size);
	CHECK_FAILS(ioctl(view.fd, TUN_BATCH_DOORBELL), EBADFD);
	CHECK(attach(view.fd, "t0", FRAMED) == 0);
	bring_up("t0");
	send_serial(socket, 9, 100, 0);
	CHECK_FAILS(ioctl(view.fd, TUN_BATCH_DOORBELL), EINVAL);
	munmap(view.ring, view.size);
}

static void lies_end_the_ring(void)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct view view = share_device();
	int socket = udp_socket(4, 0);

	view.ring->from_user_produced = AREA + 8;
	CHECK_FAILS(ioctl(view.fd, TUN_BATCH_DOORBELL), EPROTO);
	view.ring->from_user_produced = 0;
	CHECK_FAILS(ioctl(view.fd, TUN_BATCH_DOORBELL), EPROTO);
	poll_fd.fd = view.fd;
	CHECK(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLERR);
	send_serial(socket, 9, 100, 0);
	CHECK_EQUAL(device_counter("t0", "tx_dropped_ring_broken"), 1);
}

/* Another process scribbles over counters and records all the time, while both directions are busy. */
static void scribbler(void)
{
	unsigned int rounds = getenv("HOSTILE_WRITES") ? (unsigned int)atoi(getenv("HOSTILE_WRITES")) / 100 : 200, i;
	uint8_t packet[2048];
	struct view view;
	int socket, status, sent;
	pid_t child;

	socket = udp_socket(4, 0);
	while (rounds--) {
		view = share_device();
		child = fork();
		if (!child) {
			for (i = 0; i < rounds; i++)
				seeded_random();
			for (;;) {
				uint32_t *word = (uint32_t *)view.ring + random_below(random_below(2) ? 64 : 4096);

				switch (random_below(4)) {
				case 0:
					*word = seeded_random();
					break;
				case 1:
					*word += random_below(5) * 8 - 16;
					break;
				case 2:
					((uint32_t *)view.from_user)[random_below(2000)] = random_below(70000);
					break;
				default:
					__atomic_store_n(&view.ring->from_user_produced,
							 random_below(AREA) & ~7u, __ATOMIC_RELEASE);
				}
			}
		}
		for (i = 0; i < 100; i++) {
			struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
						  .sin_addr.s_addr = htonl(0x0a090002) };

			produce(&view, packet, udp_packet(4, 9, random_below(1400), 0, packet));
			ioctl(view.fd, TUN_BATCH_DOORBELL);
			sent = (int)sendto(socket, packet, random_below(1400), MSG_DONTWAIT, (struct sockaddr *)&to,
					   sizeof(to));
			(void)sent;
			if (i % 8 == 0)
				view.ring->to_user_consumed = view.ring->to_user_produced;
		}
		kill(child, SIGKILL);
		wait(&status);
		munmap(view.ring, view.size);
		close(view.fd);
	}
}

const struct test_case ring_cases[] = {
	{ "to-user", to_user },
	{ "full-and-doorbell", full_and_doorbell },
	{ "from-user-ioctl", from_user_ioctl },
	{ "from-user-uring", from_user_uring },
	{ "sharing-is-checked", sharing_is_checked },
	{ "mapping-outlives-detach", mapping_outlives_detach },
	{ "lies-end-the-ring", lies_end_the_ring },
	{ "scribbler", scribbler },
	{},
};
