// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that do everything to a few devices at a time, while allocations and user copies fail under their hands:
 * each way out of the driver is taken, also those that need no memory to be had at just this point. What counts is what
 * the kernel's checkers say, and that all of it works again afterwards.
 */
#define _GNU_SOURCE
#include "kit.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS	6
#define ONE_IN	500	/* allocations that fail: to make a device takes hundreds */

static uint8_t buffer[1 << 17], scratch[RANDOM_PACKET];

static unsigned int seed(void)
{
	const char *text = getenv("FUZZ_SEED");

	return text ? (unsigned int)strtoul(text, NULL, 10) : 1;
}

/* What a worker has besides its descriptor. */
struct mapping {
	struct tun_batch_ring *ring;
	size_t size;
};

static void unmap(struct mapping *mapping)
{
	if (mapping->ring)
		munmap(mapping->ring, mapping->size);
	mapping->ring = NULL;
}

static void share(int fd, struct mapping *mapping)
{
	struct tun_batch_share request = { .to_user = TUN_BATCH_MIN_AREA, .from_user = TUN_BATCH_MIN_AREA };
	void *memory;

	if (ioctl(fd, TUN_BATCH_SHARE, &request) != 0)
		return;
	unmap(mapping);
	memory = mmap(NULL, request.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return;
	mapping->ring = memory;
	mapping->size = request.map_size;
}

/* Puts something into the ring, true or not, and rings. */
static void use_ring(int fd, struct mapping *mapping)
{
	struct tun_batch_ring *ring = mapping->ring;
	uint8_t *area;
	size_t size;

	if (ring) {
		area = (uint8_t *)ring + mapping->size - TUN_BATCH_MIN_AREA;
		size = random_frame(buffer) + 8;
		if (random_below(3)) {
			memcpy((uint8_t *)ring + 4096 + random_below((unsigned int)(mapping->size - 4096 - size)), buffer, size);
			ring->from_user_produced += random_below(8) ? (uint32_t)size & ~7u : seeded_random();
		} else {
			*(uint32_t *)(area + 4 * random_below(1000)) = random_below(2000);
		}
		ring->to_user_sleeping = random_below(2);
		ring->to_user_consumed = random_below(20) ? ring->to_user_produced : seeded_random();
	}
	ioctl(fd, TUN_BATCH_DOORBELL);
}

/* Several frames, in one write or cut anywhere. */
static void write_frames(int fd)
{
	struct iovec segments[2];
	unsigned int n = 1 + random_below(80);
	size_t size = 0;

	while (n-- && size < sizeof(buffer) / 2)
		size += add_frame(buffer + size, scratch, udp_packet(4, 9, random_below(1400), 0, scratch));
	segments[0] = (struct iovec){ buffer, random_below((unsigned int)size) };
	segments[1] = (struct iovec){ buffer + segments[0].iov_len, size - segments[0].iov_len };
	pwritev2(fd, segments, 2, -1, random_below(4) ? 0 : RWF_NOWAIT);
}

static void step(int *fd, int socket, struct mapping *mapping)
{
	switch (random_below(12)) {
	case 0:
		share(*fd, mapping);
		break;
	case 1:
		unmap(mapping);
		break;
	case 2:
	case 3:
		use_ring(*fd, mapping);
		break;
	case 4:
		write_frames(*fd);
		break;
	case 5:
		write(*fd, buffer, random_frame(buffer));
		break;
	default:
		race_step(fd, socket);
	}
}

static void worker(unsigned int number, bool faults)
{
	int fd = open_node(), socket = udp_socket(4, 0);
	double end = seconds() + race_seconds();
	struct mapping mapping = {};

	seed_random(seed() * 100 + number);
	set_nonblocking(fd);
	if (faults)
		start_faults(ONE_IN);
	while (seconds() < end)
		step(&fd, socket, &mapping);
	stop_faults();
	_exit(0);
}

static void run_workers(bool faults)
{
	int keep[2], i, status;

	printf("    FUZZ_SEED=%u\n", seed());
	fflush(stdout);
	for (i = 0; i < 2; i++) {
		keep[i] = open_node();
		CHECK(attach(keep[i], i ? "r1" : "r0", MULTI | FRAMED) == 0);
	}
	bring_up("r0");
	close(keep[0]);
	close(keep[1]);
	for (i = 0; i < WORKERS; i++)
		if (!fork())
			worker((unsigned int)i, faults);
	for (i = 0; i < WORKERS; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQUAL(status, 0);
	}
}

/* Nothing is left in the way of who comes next. */
static void works_again(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 9);
	size_t size = add_frame(buffer, scratch, udp_packet(4, 9, 100, 12345, scratch));

	CHECK_EQUAL(write(fd, buffer, size), size);
	receive_serial(socket, 100, 12345);
	CHECK_EQUAL(device_statistic("t0", RX_PACKETS), 1);
}

static void rings_and_devices(void)
{
	run_workers(false);
	works_again();
}

static void under_faults(void)
{
	if (!start_faults(ONE_IN))
		exit(SKIPPED);
	stop_faults();
	run_workers(true);
	works_again();
}

/* Up, if that can be had. */
static void try_up(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

/* All that a program does with a device, from its beginning to its end. False: it was not given one. */
static bool whole_life(int format, bool ring)
{
	size_t small = udp_packet(4, 9, 100, 0, scratch), large;
	int fd = open(TUN_BATCH_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct mapping mapping = {};
	bool attached = false;

	if (fd >= 0 && attach(fd, "t0", format) == 0) {
		attached = true;
		try_up("t0");
		if (ring)
			share(fd, &mapping);
		small = format & FRAMED ? add_frame(buffer, scratch, small) : (memcpy(buffer, scratch, small), small);
		write(fd, buffer, small);
		large = udp_packet(4, 9, 60000, 0, scratch);
		large = format & FRAMED ? add_frame(buffer, scratch, large) : (memcpy(buffer, scratch, large), large);
		write(fd, buffer, large);
		if (mapping.ring) {
			memcpy((uint8_t *)mapping.ring + mapping.size - TUN_BATCH_MIN_AREA, buffer, large);
			mapping.ring->from_user_produced = (uint32_t)(large + 7) & ~7u;
			ioctl(fd, TUN_BATCH_DOORBELL);
		}
		read(fd, buffer, sizeof(buffer));
		unmap(&mapping);
	}
	if (fd >= 0)
		close(fd);
	return attached;
}

/* Each allocation and each user copy on the way fails in its turn, and nothing of the device is left. */
static void each_fault(int format, bool ring)
{
	bool attached;
	unsigned int n;

	for (n = 1; fail_nth(n); n++) {
		attached = whole_life(format, ring);
		if (!nth_has_failed()) {
			CHECK(attached);
			break;
		}
		CHECK(!device_exists("t0"));
	}
	fail_nth(0);
	if (n > 1)
		printf("    %u faults, one after the other\n", n - 1);
	else
		whole_life(format, ring);
	works_again();
}

static void each_fault_plain(void)
{
	each_fault(PLAIN, false);
}

static void each_fault_queues(void)
{
	each_fault(FRAMED | MULTI, false);
}

static void each_fault_ring(void)
{
	each_fault(FRAMED, true);
}

const struct test_case stress_cases[] = {
	{ "rings-and-devices", rings_and_devices },
	{ "under-faults", under_faults },
	{ "each-fault-plain", each_fault_plain },
	{ "each-fault-queues", each_fault_queues },
	{ "each-fault-ring", each_fault_ring },
	{},
};
