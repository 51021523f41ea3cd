// SPDX-License-Identifier: GPL-2.0
/*
 * Random writes, reads and rings, beside a model: a slow and obvious version of what the driver has to make of them. What
 * it takes, refuses and counts must be the model's to the packet, wherever vectors are cut and whichever part of them is
 * no memory. Then again with allocations and user copies that fail: what counts is that no packet is lost or made up
 * without a word.
 *
 * FUZZ_SEED repeats a run (but for where faults hit).
 */
#define _GNU_SOURCE
#include "kit.h"
#include "ring_view.h"

#include <arpa/inet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEGMENTS	16
#define ROOM		(1 << 17)
#define ONE_IN		40	/* allocations that fail */

static uint8_t buffer[ROOM + 2 * RANDOM_PACKET];

static void start(void)
{
	const char *text = getenv("FUZZ_SEED");
	unsigned int seed = text ? (unsigned int)strtoul(text, NULL, 10) : 1;

	printf("    FUZZ_SEED=%u\n", seed);
	fflush(stdout);	/* before anything can hang */
	seed_random(seed);
}

/* Two gigabytes of addresses without memory behind them. */
static void *no_memory(void)
{
	static void *area;

	if (!area)
		area = mmap(NULL, 1ul << 31, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(area != MAP_FAILED);
	return area;
}

/*
 * Cuts @size bytes of the buffer at random places, and sometimes puts a segment that is no memory in place of one.
 * Returns the bytes in front of that.
 */
static size_t cut(struct iovec *segments, int *count, size_t size, bool holes)
{
	size_t at = 0, good = size, length;
	int i, n = random_below(3) ? 1 + (int)random_below(SEGMENTS) : 1;
	int hole = holes && !random_below(6) ? (int)random_below((unsigned int)n) : -1;

	for (i = 0; i < n; i++) {
		length = i == n - 1 ? size - at : random_below((unsigned int)(size - at) + 1);
		if (random_below(4) == 0 && i < n - 1)
			length = length < 8 ? length : random_below(8);
		segments[i] = (struct iovec){ buffer + at, length };
		if (i == hole && length) {
			segments[i].iov_base = no_memory();
			good = at;
		}
		at += length;
	}
	*count = n;
	return good;
}

/* What a write must make of it. */
struct expected {
	size_t taken;		/* bytes */
	unsigned int packets;	/* in them */
	bool malformed;		/* something else follows */
};

/* Bytes of the packet or frame at @at, with padding; 0: there is none. @need: those that must be readable. */
static size_t packet_at(const uint8_t *at, size_t left, bool framed, size_t *need)
{
	size_t head = framed ? sizeof(struct tun_batch_frame) : 0, length;
	struct tun_batch_frame frame;

	if (left < head + 20)
		return 0;
	length = ip_length(at + head);
	if (at[head] >> 4 == 4) {
		if ((at[head] & 15) < 5 || length < 4u * (at[head] & 15))
			return 0;
	} else if (at[head] >> 4 != 6) {
		return 0;
	}
	if (length > left - head)
		return 0;
	*need = head + length;
	if (!framed)
		return length;
	memcpy(&frame, at, sizeof(frame));
	if (frame.length != length || frame.reserved)
		return 0;
	length = (head + length + 7) & ~(size_t)7;
	return length < left ? length : left;
}

static struct expected model_of(size_t size, size_t good, bool framed)
{
	struct expected expected = {};
	size_t used, need = 0;

	while (expected.taken < size) {
		used = packet_at(buffer + expected.taken, size - expected.taken, framed, &need);
		if (!used || expected.taken + need > good) {
			expected.malformed = true;
			break;
		}
		expected.taken += used;
		expected.packets++;
	}
	return expected;
}

/* Packets that a write took according to its result, which must end where one ends. */
static unsigned int packets_in(size_t bytes, size_t size, bool framed)
{
	size_t at = 0, used, need;
	unsigned int packets = 0;

	while (at < bytes) {
		used = packet_at(buffer + at, size - at, framed, &need);
		CHECK(used);
		at += used;
		packets++;
	}
	CHECK_EQUAL(at, bytes);
	return packets;
}

static size_t random_buffer(bool framed)
{
	unsigned int packets = random_below(4) ? 1 + random_below(5) : 1 + random_below(200), flips;
	size_t size = 0, i;

	if (!random_below(20)) {	/* noise */
		size = random_below(2000);
		for (i = 0; i < size; i++)
			buffer[i] = (uint8_t)seeded_random();
		return size;
	}
	while (packets-- && size < ROOM)
		size += framed ? random_frame(buffer + size) : random_packet(buffer + size);
	if (!random_below(4))
		for (flips = random_below(4); flips--;)
			buffer[random_below((unsigned int)size)] ^= (uint8_t)(1u << random_below(8));
	if (!random_below(6))
		size = random_below((unsigned int)size + 1);
	return size;
}

static uint64_t received(const char *name)
{
	return device_statistic(name, RX_PACKETS) + device_counter(name, "rx_dropped_offload") +
	       device_counter(name, "rx_dropped_no_memory");
}

static void empty(int fd)
{
	static uint8_t unwanted[1 << 17];

	while (read(fd, unwanted, sizeof(unwanted)) > 0)
		;
}

static void write_rounds(int fd, bool framed, bool exact)
{
	uint64_t before = received("t0"), malformed = device_counter("t0", "rx_malformed_writes"), wrong = 0, packets = 0;
	struct iovec segments[SEGMENTS];
	struct expected expected;
	unsigned int i, n = hostile_writes();
	size_t size, good;
	ssize_t result;
	int count;

	if (!exact && !start_faults(ONE_IN))
		return;
	for (i = 0; i < n; i++) {
		size = random_buffer(framed);
		good = cut(segments, &count, size, true);
		expected = model_of(size, good, framed);
		result = pwritev2(fd, segments, count, -1, exact || random_below(4) ? 0 : RWF_NOWAIT);
		if (result > 0)
			packets += packets_in((size_t)result, size, framed);
		if (!exact)
			CHECK(result <= (ssize_t)expected.taken);
		else if (expected.taken || !size)
			CHECK_EQUAL(result, expected.taken);
		else
			CHECK(result == -1 && (errno == EINVAL || errno == EFAULT));
		wrong += expected.malformed;
		if (i % 32 == 0)
			empty(fd);
	}
	stop_faults();
	CHECK_EQUAL(received("t0") - before, packets);
	if (exact)
		CHECK_EQUAL(device_counter("t0", "rx_malformed_writes") - malformed, wrong);
}

static void writes(int format, bool gro)
{
	int fd = make_device("t0", format);

	start();
	enable_ipv6("t0");
	set_nonblocking(fd);
	set_gro("t0", gro);
	write_rounds(fd, format & FRAMED, true);
	write_rounds(fd, format & FRAMED, false);
}

static void plain_writes(void)
{
	writes(PLAIN, false);
}

static void framed_writes(void)
{
	writes(FRAMED, false);
}

static void framed_writes_gro(void)
{
	writes(FRAMED, true);
}

/*
 * Reads the queue empty into random segments. What comes must be whole, unharmed and in the order of its serials; without
 * faults all from @serial to @end, but for the rest of a batch that ran into a hole.
 */
static uint64_t read_all(int fd, bool framed, bool exact, uint32_t *serial, uint32_t end, const uint16_t *sizes)
{
	struct iovec segments[SEGMENTS];
	struct cursor cursor = { .framed = framed };
	uint64_t faulted, packets = 0;
	const uint8_t *packet;
	uint32_t found;
	size_t length, wanted, good;
	ssize_t result;
	int count;

	for (;;) {
		wanted = random_below(3) ? random_below(ROOM) + 1 : random_below(3000) + 1;
		good = cut(segments, &count, wanted, true);
		faulted = exact ? device_counter("t0", "tx_dropped_copy_fault") : 0;
		result = readv(fd, segments, count);
		if (result < 0) {
			if (errno == EAGAIN)
				return packets;
			CHECK(errno == EMSGSIZE || errno == EFAULT || (!exact && errno == ENOMEM));
			if (exact && errno == EFAULT)
				CHECK(good < wanted);
		} else {
			CHECK((size_t)result <= good);
			cursor.at = buffer;
			cursor.end = buffer + result;
			while ((packet = next_packet(&cursor, &length))) {
				memcpy(&found, packet + 28, 4);
				CHECK(found >= *serial && found < end);
				if (exact)
					CHECK_EQUAL(found, *serial);
				*serial = found + 1;
				CHECK_EQUAL(length, 28 + sizes[found % 65536]);
				CHECK(payload_is(packet + 28, length - 28, found));
				packets++;
			}
		}
		if (exact)
			*serial += (uint32_t)(device_counter("t0", "tx_dropped_copy_fault") - faulted);
	}
}

static void read_rounds(int fd, bool framed, bool exact)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	unsigned int i, n, rounds = hostile_writes() / 40;
	uint64_t before = device_statistic("t0", TX_PACKETS), packets = 0;
	static uint16_t sizes[65536];
	static uint8_t payload[60000];
	int socket = udp_socket(4, 0);
	uint32_t serial = 0, next = 0;

	inet_pton(AF_INET, "10.9.0.2", &to.sin_addr);
	if (!exact && !start_faults(ONE_IN))
		return;
	for (i = 0; i < rounds; i++) {
		for (n = random_below(100); n--;) {
			uint16_t size = (uint16_t)(4 + random_below(random_below(20) ? 2000 : sizeof(payload) - 4));
			ssize_t sent;

			sizes[next % 65536] = size;
			fill_payload(payload, size, next);
			sent = sendto(socket, payload, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
			if (exact)
				CHECK_EQUAL(sent, size);
			next++;
		}
		packets += read_all(fd, framed, exact, &serial, next, sizes);
		if (exact)
			CHECK_EQUAL(serial, next);
	}
	stop_faults();
	packets += read_all(fd, framed, false, &serial, next, sizes);
	CHECK_EQUAL(device_statistic("t0", TX_PACKETS) - before, packets);
	close(socket);
}

static void reads(int format)
{
	int fd = make_device("t0", format);

	start();
	CHECK(set_mtu("t0", 65535) == 0);
	set_nonblocking(fd);
	read_rounds(fd, format & FRAMED, true);
	read_rounds(fd, format & FRAMED, false);
}

static void plain_reads(void)
{
	reads(PLAIN);
}

static void framed_reads(void)
{
	reads(FRAMED);
}

/* Where the driver stands in the ring it reads, as the model sees it. */
struct drained {
	uint32_t position;
	unsigned int packets, malformed;
	bool dead;
};

static void drain_model(const struct view *view, uint32_t produced, struct drained *drained)
{
	uint32_t available = produced - drained->position, at, to_end, size;
	struct tun_batch_frame frame;
	const uint8_t *packet;
	size_t need;

	drained->dead = available > AREA || available % TUN_BATCH_ALIGN;
	while (!drained->dead && available) {
		at = drained->position % AREA;
		to_end = AREA - at;
		memcpy(&frame.length, view->from_user + at, sizeof(frame.length));
		size = (uint32_t)(sizeof(frame) + frame.length + 7) & ~7u;
		if (frame.length == TUN_BATCH_SKIP) {
			size = to_end;
			drained->dead = to_end > available;
		} else if (frame.length < 20 || frame.length > TUN_BATCH_MAX_PACKET || size > available || size > to_end) {
			drained->dead = true;
		} else {
			packet = view->from_user + at;
			if (packet_at(packet, sizeof(frame) + frame.length, true, &need))
				drained->packets++;
			else
				drained->malformed++;
		}
		if (drained->dead)
			break;
		drained->position += size;
		available -= size;
	}
}

/* Random records from where the driver stands; returns where they end. */
static uint32_t random_records(struct view *view, uint32_t at)
{
	static uint8_t frame[2 * RANDOM_PACKET];
	uint32_t skip = TUN_BATCH_SKIP, start = at, offset;
	unsigned int n = random_below(100);
	size_t size;

	while (n--) {
		size = (random_frame(frame) + 7) & ~(size_t)7;
		offset = at % AREA;
		if (at - start + size > AREA)
			break;
		if (size > AREA - offset) {
			if (at - start + AREA - offset > AREA)
				break;
			memcpy(view->from_user + offset, &skip, 4);
			at += AREA - offset;
			continue;
		}
		memcpy(view->from_user + offset, frame, size);
		at += (uint32_t)size;
	}
	if (!random_below(30))
		((uint32_t *)view->from_user)[random_below(AREA / 4)] = seeded_random();
	if (!random_below(30))
		at += random_below(2) ? random_below(64) - 32 : seeded_random();
	return at;
}

/* A ring, anew after each that died. */
static void new_ring(struct view *view)
{
	int fd = view->fd;

	if (view->ring) {
		CHECK(munmap(view->ring, view->size) == 0);
		CHECK(ioctl(fd, TUN_BATCH_DETACH) == 0);
		CHECK(attach(fd, "t0", FRAMED) == 0);
		bring_up("t0");
	}
	*view = share_memory(fd);
}

/* One ring, until it dies or has had its share; the packets that went through. */
static void from_user_ring(struct view *view, bool faults, unsigned int *rounds)
{
	uint64_t before, packets, malformed;
	struct drained drained = {};
	uint32_t produced;
	long result;

	new_ring(view);
	before = received("t0");
	malformed = device_counter("t0", "rx_malformed_writes");
	if (faults && !start_faults(ONE_IN)) {
		*rounds = 0;
		return;
	}
	while (*rounds && !drained.dead) {
		--*rounds;
		produced = random_records(view, drained.position);
		packets = drained.packets;
		__atomic_store_n(&view->ring->from_user_produced, produced, __ATOMIC_RELEASE);
		drain_model(view, produced, &drained);
		do
			result = ioctl(view->fd, TUN_BATCH_DOORBELL);
		while (faults && result < 0 && errno == ENOMEM);
		if (drained.dead)
			CHECK(result == -1 && errno == EPROTO);
		else if (!faults)
			CHECK_EQUAL(result, drained.packets - packets);
		CHECK_EQUAL(view->ring->from_user_consumed, drained.position);
		view->ring->to_user_consumed = view->ring->to_user_produced;
	}
	stop_faults();
	CHECK_EQUAL(received("t0") - before, drained.packets);
	CHECK_EQUAL(device_counter("t0", "rx_malformed_writes") - malformed, drained.malformed);
}

static void ring_from_user(void)
{
	struct view view = { .fd = make_device("t0", FRAMED) };
	unsigned int rounds = hostile_writes() / 50;

	start();
	while (rounds)
		from_user_ring(&view, false, &rounds);
	for (rounds = hostile_writes() / 50; rounds;)
		from_user_ring(&view, true, &rounds);
}

/* What the process says it has consumed: nearly always the truth. */
static uint32_t claimed(uint32_t produced)
{
	switch (random_below(40)) {
	case 0:
		return seeded_random();
	case 1:
		return produced + 1 + random_below(64);
	case 2:
		return produced - AREA - 1 - random_below(64);
	case 3:
		return produced - random_below(AREA / 4);
	default:
		return produced;
	}
}

/* A packet for each claim: it comes whole, or the ring dies of a counter that cannot be. */
static void to_user_ring(struct view *view, int socket, unsigned int *rounds)
{
	struct pollfd poll_fd = { .fd = view->fd, .events = POLLIN };
	uint32_t produced, behind, serial = 0;
	struct tun_batch_frame frame;
	const uint8_t *packet;

	new_ring(view);
	while (*rounds) {
		--*rounds;
		produced = view->consumed = view->ring->to_user_produced;
		behind = claimed(produced);
		__atomic_store_n(&view->ring->to_user_consumed, behind, __ATOMIC_RELEASE);
		behind = produced - behind;
		send_serial(socket, 9, 4 + random_below(1400), serial);
		if (behind > AREA) {
			CHECK_EQUAL(view->ring->to_user_produced, produced);
			CHECK(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLERR);
			CHECK_EQUAL(device_counter("t0", "tx_dropped_ring_broken"), 1);
			return;
		}
		if (behind > AREA / 4)	/* a lie that may be true: the queue may have stopped */
			return;
		packet = peek(view, &frame);
		CHECK(packet && frame.length == ip_length(packet));
		CHECK(payload_is(packet + 28, frame.length - 28, serial++));
		CHECK_EQUAL(view->consumed, view->ring->to_user_produced);
	}
}

static void ring_to_user(void)
{
	struct view view = { .fd = make_device("t0", FRAMED) };
	unsigned int rounds = hostile_writes() / 10;
	int socket = udp_socket(4, 0);

	start();
	while (rounds)
		to_user_ring(&view, socket, &rounds);
}

const struct test_case fuzz_cases[] = {
	{ "plain-writes", plain_writes },
	{ "framed-writes", framed_writes },
	{ "framed-writes-gro", framed_writes_gro },
	{ "plain-reads", plain_reads },
	{ "framed-reads", framed_reads },
	{ "ring-from-user", ring_from_user },
	{ "ring-to-user", ring_to_user },
	{},
};
