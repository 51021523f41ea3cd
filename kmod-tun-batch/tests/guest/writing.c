// SPDX-License-Identifier: GPL-2.0
/* From user space into the stack. */
#define _GNU_SOURCE
#include "kit.h"

#include <sys/uio.h>
#include <unistd.h>

static uint8_t buffer[1 << 20];
static void *volatile nowhere = (void *)8;

/* Appends a packet in the device's format; returns the new size. */
static size_t append(size_t size, int format, int version, size_t payload, uint32_t serial)
{
	static uint8_t packet[65600];
	size_t length = udp_packet(version, 9, payload, serial, packet);

	if (format & FRAMED)
		return size + add_frame(buffer + size, packet, length);
	memcpy(buffer + size, packet, length);
	return size + length;
}

static size_t payload_of(unsigned int i)
{
	return 4 + (i * 37) % 1300;
}

/* 200 packets, IPv4 and IPv6 mixed, in one write cut into random pieces: each arrives whole and in order. */
static void mixed(int format, bool gro, unsigned int rounds)
{
	int fd = make_device("t0", format), v4 = udp_socket(4, 9), v6;
	struct iovec parts[200];
	unsigned int round, i;
	size_t size, at;
	int n;

	enable_ipv6("t0");
	v6 = udp_socket(6, 9);
	set_gro("t0", gro);
	for (round = 0; round < rounds; round++) {
		for (size = 0, i = 0; i < 200; i++)
			size = append(size, format, i % 3 ? 4 : 6, payload_of(i), i);
		for (at = 0, n = 0; round && n < 199 && at < size; n++) {
			parts[n] = (struct iovec){ buffer + at, random_below(1500) };
			if (parts[n].iov_len > size - at)
				parts[n].iov_len = size - at;
			at += parts[n].iov_len;
		}
		parts[n++] = (struct iovec){ buffer + at, size - at };
		CHECK_EQUAL(writev(fd, parts, n), size);
		for (i = 0; i < 200; i++)
			receive_serial(i % 3 ? v4 : v6, payload_of(i), i);
	}
	CHECK_EQUAL(device_statistic("t0", RX_PACKETS), 200 * rounds);
	CHECK_EQUAL(device_statistic("t0", RX_DROPPED), 0);
}

static void plain_mixed(void)
{
	mixed(PLAIN, false, 30);
}

static void framed_mixed(void)
{
	mixed(FRAMED, false, 30);
}

static void plain_mixed_gro(void)
{
	mixed(PLAIN, true, 30);
}

static void framed_mixed_gro(void)
{
	mixed(FRAMED, true, 30);
}

/* Every size around the change from page fragments to packets of many pages. */
static void every_size(int format)
{
	int fd = make_device("t0", format), socket = udp_socket(4, 9);
	static const size_t largest = 65507;
	size_t payload;

	for (payload = 4; payload <= largest; payload += payload < 4300 && payload > 3000 ? 13 : 1201) {
		size_t size = append(0, format, 4, payload, (uint32_t)payload);

		CHECK_EQUAL(write(fd, buffer, size), size);
		receive_serial(socket, payload, (uint32_t)payload);
	}
	append(0, format, 4, largest, 1);
	CHECK_EQUAL(write(fd, buffer, 28 + largest + (format ? 16 : 0)),
		    28 + largest + (format ? 16 : 0)); /* padding left out */
	receive_serial(socket, largest, 1);
}

static void plain_every_size(void)
{
	every_size(PLAIN);
}

static void framed_every_size(void)
{
	every_size(FRAMED);
}

/* Good packets before a bad one are taken and counted in the result; a bad first one is an error. */
static void bad_packet(int format)
{
	int fd = make_device("t0", format), socket = udp_socket(4, 9);
	size_t good = append(append(0, format, 4, 100, 0), format, 4, 101, 1);
	size_t size = append(good, format, 4, 102, 2);

	CHECK_EQUAL(write(fd, buffer, size - 9), good);			/* cut off */
	buffer[good + (format ? 16 : 0)] = 0x15;				/* no IP version */
	CHECK_EQUAL(write(fd, buffer, size), good);
	buffer[good + (format ? 16 : 0)] = 0x44;				/* header of 16 bytes */
	CHECK_EQUAL(write(fd, buffer, size), good);
	CHECK_FAILS(write(fd, buffer + good, size - good), EINVAL);
	CHECK_FAILS(write(fd, buffer, 1), EINVAL);
	CHECK_FAILS(write(fd, buffer, format ? 35 : 19), EINVAL);
	CHECK_EQUAL(write(fd, buffer, 0), 0);
	CHECK_EQUAL(device_counter("t0", "rx_malformed_writes"), 6);
	for (int i = 0; i < 3; i++) {
		receive_serial(socket, 100, 0);
		receive_serial(socket, 101, 1);
	}
}

static void plain_bad_packet(void)
{
	bad_packet(PLAIN);
}

static void framed_bad_packet(void)
{
	bad_packet(FRAMED);
}

static void bad_frame(void)
{
	int fd = make_device("t0", FRAMED);
	size_t size = append(0, FRAMED, 4, 100, 0);
	struct tun_batch_frame *frame = (struct tun_batch_frame *)buffer;

	frame->reserved = 1;
	CHECK_FAILS(write(fd, buffer, size), EINVAL);
	frame->reserved = 0;
	frame->length = 127;						/* shorter than the packet says */
	CHECK_FAILS(write(fd, buffer, size), EINVAL);
	frame->length = 129;						/* longer */
	CHECK_FAILS(write(fd, buffer, size + 1), EINVAL);
	frame->length = 0xffffffff;
	CHECK_FAILS(write(fd, buffer, size), EINVAL);
	frame->length = 128;
	CHECK_EQUAL(write(fd, buffer, size), size);
}

static void fault_while_writing(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 9);
	size_t size = append(append(0, PLAIN, 4, 100, 0), PLAIN, 4, 100, 1);
	struct iovec parts[] = { { buffer, size - 50 }, { nowhere, 50 } };

	CHECK_EQUAL(writev(fd, parts, 2), 128);
	receive_serial(socket, 100, 0);
	CHECK_FAILS(write(fd, nowhere, 128), EFAULT);
}

static void device_down(void)
{
	int fd = make_device("t0", PLAIN);
	size_t size = append(0, PLAIN, 4, 100, 0);

	set_flags("t0", false);
	CHECK_FAILS(write(fd, buffer, size), EIO);
	CHECK_EQUAL(device_counter("t0", "rx_dropped_down"), 1);
	set_flags("t0", true);
	CHECK_EQUAL(write(fd, buffer, size), size);
}

/* Many more than one group, at once: one write of 4000 packets. */
static void thousands_at_once(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 9);
	size_t size = 0;
	uint32_t i;

	for (i = 0; i < 4000; i++)
		size = append(size, PLAIN, 4, 40, i);
	CHECK_EQUAL(write(fd, buffer, size), size);
	for (i = 0; i < 4000; i++)
		receive_serial(socket, 40, i);
	CHECK_EQUAL(device_counter("t0", "writes"), 1);
}

const struct test_case writing_cases[] = {
	{ "plain-mixed", plain_mixed },
	{ "framed-mixed", framed_mixed },
	{ "plain-mixed-gro", plain_mixed_gro },
	{ "framed-mixed-gro", framed_mixed_gro },
	{ "plain-every-size", plain_every_size },
	{ "framed-every-size", framed_every_size },
	{ "plain-bad-packet", plain_bad_packet },
	{ "framed-bad-packet", framed_bad_packet },
	{ "bad-frame", bad_frame },
	{ "fault-while-writing", fault_while_writing },
	{ "device-down", device_down },
	{ "thousands-at-once", thousands_at_once },
	{},
};
