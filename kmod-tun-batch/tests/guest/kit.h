/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests in the guest share: devices, packets, sockets, checks. Each case runs in a process and network
 * namespace of its own; a failed check ends it.
 */
#ifndef TUN_BATCH_TESTS_KIT_H
#define TUN_BATCH_TESTS_KIT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../include/uapi/linux/tun_batch.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define SKIPPED		77

/* From if_tun.h and virtio_net.h of newer kernels. */
#define OFFLOAD_CSUM	0x01
#define OFFLOAD_TSO	0x0e	/* TSO4, TSO6, ECN */
#define OFFLOAD_USO	0x60
#define GSO_NONE	0
#define GSO_TCPV4	1
#define GSO_UDP_L4	5
#define NEEDS_CSUM	1

struct test_case {
	const char *name;
	void (*run)(void);
};

void fail(const char *file, int line, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));

#define CHECK(condition)	do { if (!(condition)) fail(__FILE__, __LINE__, "%s (errno %d: %s)", \
					#condition, errno, strerror(errno)); } while (0)
#define CHECK_EQUAL(a, b)	do { long long x_ = (long long)(a), y_ = (long long)(b); if (x_ != y_) \
					fail(__FILE__, __LINE__, "%s is %lld, should be %lld (%s), errno %d", \
					#a, x_, y_, #b, errno); } while (0)
/* expression fails with errno e */
#define CHECK_FAILS(expression, e)	do { errno = 0; long long r_ = (long long)(expression); \
					if (r_ != -1 || errno != (e)) fail(__FILE__, __LINE__, \
					"%s gave %lld, errno %d (%s); should fail with %s", #expression, r_, errno, \
					strerror(errno), #e); } while (0)

/* Devices */
enum { PLAIN = 0, FRAMED = 0x4000 /* IFF_VNET_HDR */, MULTI = 0x0100 /* IFF_MULTI_QUEUE */ };
int open_node(void);
int attach(int fd, const char *name, int flags);		/* 0 or -1 */
void bring_up(const char *name);				/* 10.9.0.1/24, no IPv6 */
int make_device(const char *name, int flags);			/* attached and up; its descriptor */
void set_flags(const char *name, bool up);
int set_mtu(const char *name, int mtu);
void enable_ipv6(const char *name);				/* fd09::1/64, and what that sends is over */
int delete_device(const char *name);				/* as ip link del */
int move_device(const char *name, int namespace_fd);
bool device_exists(const char *name);
uint64_t device_counter(const char *name, const char *counter);	/* as ethtool -S */
enum statistic { RX_PACKETS = 1, RX_DROPPED = 3, TX_PACKETS = 9, TX_DROPPED = 11 };
uint64_t device_statistic(const char *name, enum statistic statistic);
uint64_t discipline_drops(const char *name);			/* as tc -s qdisc, of the root */
unsigned int queue_count(const char *name);			/* as ethtool -l */
int new_namespace(void);					/* entered by this thread, without IPv6; a descriptor of it */
void set_gro(const char *name, bool on);
void set_nonblocking(int fd);
void write_file(const char *path, const char *text);

/* Packets: from 10.9.0.2 or fd09::2, port 7, to the device's own address */
size_t udp_packet(int version, uint16_t port, size_t payload, uint32_t serial, uint8_t *out);
uint16_t ones_complement(const void *data, size_t size, uint32_t sum);
size_t ip_length(const uint8_t *packet);
void fill_payload(uint8_t *payload, size_t size, uint32_t serial);
bool payload_is(const uint8_t *payload, size_t size, uint32_t serial);
size_t add_frame(uint8_t *out, const uint8_t *packet, size_t length);	/* no offload; bytes with padding */

/* Sockets */
int udp_socket(int version, uint16_t port);			/* bound; port 0: any */
void send_serial(int socket, uint16_t port, size_t payload, uint32_t serial);	/* to 10.9.0.2 */
void receive_serial(int socket, size_t payload, uint32_t serial);

/* Reads of either format: the next packet in what was read, NULL at its end or where it is malformed. */
struct cursor {
	const uint8_t *at, *end;
	bool framed;
	struct tun_batch_frame frame;
};
const uint8_t *next_packet(struct cursor *cursor, size_t *length);

unsigned int seeded_random(void);	/* repeatable */
unsigned int random_below(unsigned int limit);
void seed_random(unsigned int seed);				/* others than the default's: each seed a sequence */
double seconds(void);

/*
 * From now on one in so many allocations and user copies of this process fails: failslab, fail_page_alloc, fail_usercopy. To
 * be called after fork(). False, and it says so: the kernel does not have them.
 */
bool start_faults(unsigned int one_in);
void stop_faults(void);
/* The n-th allocation or user copy of this thread fails, once; 0: none. False: the kernel cannot do that. */
bool fail_nth(unsigned int n);
bool nth_has_failed(void);

/* Packets and frames of a program that is broken or worse; bytes. At most RANDOM_PACKET of them. */
#define RANDOM_PACKET	65600
size_t random_packet(uint8_t *out);
size_t random_frame(uint8_t *out);
unsigned int hostile_writes(void);				/* how many of each kind the run wants */

/* One of many things to do to devices r0 and r1, any of which may fail. */
void race_step(int *fd, int socket);
double race_seconds(void);					/* for how long the run wants that */

extern const struct test_case reading_cases[], writing_cases[], offload_cases[], lifetime_cases[], uring_cases[],
	ring_cases[], hostile_cases[], race_cases[], fuzz_cases[], stress_cases[];

#endif
