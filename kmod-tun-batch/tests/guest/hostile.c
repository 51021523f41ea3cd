// SPDX-License-Identifier: GPL-2.0
/* Writes of a program that is broken or worse: any result is right but a report of the kernel's checkers. */
#define _GNU_SOURCE
#include "kit.h"

#include <linux/if_tun.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <unistd.h>

unsigned int hostile_writes(void)
{
	const char *text = getenv("HOSTILE_WRITES");

	return text ? (unsigned int)atoi(text) : 20000;
}

static uint8_t buffer[1 << 17];

size_t random_packet(uint8_t *out)
{
	size_t length = udp_packet(random_below(2) ? 4 : 6, (uint16_t)random_below(65536),
				   random_below(50) ? random_below(1400) : random_below(60000), 0, out);
	unsigned int flips = random_below(4);

	while (flips--)
		out[random_below(random_below(2) ? 48 : (unsigned int)length)] ^= (uint8_t)(1u << random_below(8));
	if (!random_below(4))
		out[random_below(2) ? 9 : 6] = (uint8_t)random_below(256);	/* any protocol */
	return length;
}

size_t random_frame(uint8_t *out)
{
	static uint8_t packet[RANDOM_PACKET];
	size_t size = add_frame(out, packet, random_packet(packet));
	struct tun_batch_frame *frame = (struct tun_batch_frame *)out;
	struct tun_batch_offload *offload = &frame->offload;

	if (random_below(2)) {
		offload->flags = (uint8_t)random_below(random_below(2) ? 4 : 256);
		offload->gso_type = (uint8_t)(random_below(2) ? random_below(6) | random_below(2) << 7 : random_below(256));
		offload->hdr_len = (uint16_t)random_below(random_below(2) ? 100 : 65536);
		offload->gso_size = (uint16_t)random_below(random_below(2) ? 1500 : 65536);
		offload->csum_start = (uint16_t)random_below(random_below(2) ? 60 : 65536);
		offload->csum_offset = (uint16_t)random_below(random_below(2) ? 20 : 65536);
	}
	if (!random_below(8))
		frame->length += random_below(9) - 4;
	if (!random_below(50))
		frame->length = seeded_random();
	return size;
}

static void random_writes(int format, bool gro)
{
	int fd = make_device("t0", format), sink = udp_socket(4, 9);
	unsigned int i, packets;
	size_t size;

	enable_ipv6("t0");
	set_nonblocking(fd);
	set_gro("t0", gro);
	if (format & FRAMED)
		CHECK(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(OFFLOAD_CSUM | OFFLOAD_TSO)) == 0);
	for (i = 0; i < hostile_writes(); i++) {
		packets = 1 + random_below(3);
		for (size = 0; packets-- && size < 60000;)
			size += format & FRAMED ? random_frame(buffer + size) : random_packet(buffer + size);
		if (!random_below(10))
			size = random_below((unsigned int)size + 1);
		write(fd, buffer, size);
		if (i % 64 == 0)
			while (read(fd, buffer, sizeof(buffer)) > 0)
				;
	}
	/* It still works. */
	set_gro("t0", false);
	size = udp_packet(4, 9, 100, 12345, buffer + 1024);
	if (format & FRAMED)
		size = add_frame(buffer, buffer + 1024, size);
	else
		memmove(buffer, buffer + 1024, size);
	while (recv(sink, buffer + 4096, 65536, 0x40 /* MSG_DONTWAIT */) >= 0)
		;
	CHECK_EQUAL(write(fd, buffer, size), size);
	receive_serial(sink, 100, 12345);
}

static void plain_writes(void)
{
	random_writes(PLAIN, false);
}

static void framed_writes(void)
{
	random_writes(FRAMED, false);
}

static void framed_writes_gro(void)
{
	random_writes(FRAMED, true);
}

/* Forwarded to a second device without offloads: the kernel has to cut what it was given. */
static void framed_writes_forwarded(void)
{
	int fd = make_device("t0", FRAMED), out = open_node();
	unsigned int i;
	size_t size;

	set_nonblocking(fd);
	set_nonblocking(out);
	CHECK(attach(out, "t1", PLAIN) == 0);
	CHECK(system("ifconfig t1 10.8.0.1 netmask 255.255.255.0 up") == 0);
	CHECK(system("route add default dev t1") == 0);
	write_file("/proc/sys/net/ipv4/ip_forward", "1");
	for (i = 0; i < hostile_writes(); i++) {
		size = random_frame(buffer);
		if (buffer[16] >> 4 == 4) {
			memcpy(buffer + 16 + 16, "\x0a\x08\x00\x09", 4);	/* destination */
			buffer[16 + 10] = buffer[16 + 11] = 0;
			*(uint16_t *)(buffer + 26) = __builtin_bswap16((uint16_t)~ones_complement(buffer + 16, 20, 0));
		}
		write(fd, buffer, size);
		while (i % 64 == 0 && read(out, buffer, sizeof(buffer)) > 0)
			;
	}
}

const struct test_case hostile_cases[] = {
	{ "plain-writes", plain_writes },
	{ "framed-writes", framed_writes },
	{ "framed-writes-gro", framed_writes_gro },
	{ "framed-writes-forwarded", framed_writes_forwarded },
	{},
};
