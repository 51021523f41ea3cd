// SPDX-License-Identifier: GPL-2.0
/* Devices that come, move and go while somebody has them open. */
#define _GNU_SOURCE
#include "kit.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t buffer[1 << 16];

struct late_read {
	int fd;
	ssize_t result;
	int error;
};

static void *read_late(void *argument)
{
	struct late_read *late = argument;

	late->result = read(late->fd, buffer, sizeof(buffer));
	late->error = errno;
	return NULL;
}

static pthread_t start_reader(struct late_read *late)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, read_late, late) == 0);
	usleep(100000);
	return thread;
}

static void check_gone(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint8_t packet[128];
	size_t size = udp_packet(4, 9, 20, 0, packet);
	struct ifreq request;

	CHECK_EQUAL(poll(&poll_fd, 1, 10000), 1);
	CHECK_EQUAL(poll_fd.revents, POLLHUP | POLLERR);
	CHECK_FAILS(read(fd, buffer, sizeof(buffer)), ENODEV);
	CHECK_FAILS(write(fd, packet, size), ENODEV);
	CHECK_FAILS(ioctl(fd, TUNGETIFF, &request), ENODEV);
}

static void deleted_while_reading(void)
{
	struct late_read late = { .fd = make_device("t0", PLAIN) };
	pthread_t reader = start_reader(&late);

	CHECK(delete_device("t0") == 0);
	pthread_join(reader, NULL);
	CHECK_EQUAL(late.result, -1);
	CHECK_EQUAL(late.error, ENODEV);
	check_gone(late.fd);
	/* The descriptor may leave the dead device for a new one. */
	CHECK(ioctl(late.fd, TUN_BATCH_DETACH) == 0);
	CHECK_FAILS(read(late.fd, buffer, sizeof(buffer)), EBADFD);
	CHECK(attach(late.fd, "t0", FRAMED) == 0);
	CHECK(device_exists("t0"));
}

static void deleted_while_full(void)
{
	int fd = make_device("t0", PLAIN), socket = udp_socket(4, 0), i;

	for (i = 0; i < 2000; i++)
		send_serial(socket, 9, 100, 0);
	CHECK(delete_device("t0") == 0);
	check_gone(fd);
}

static void detach_ends_the_device(void)
{
	struct late_read late = { .fd = make_device("t0", PLAIN) };
	pthread_t reader = start_reader(&late);

	CHECK(ioctl(late.fd, TUN_BATCH_DETACH) == 0);
	CHECK(!device_exists("t0"));
	pthread_join(reader, NULL);
	CHECK_EQUAL(late.error, EBADFD);
	CHECK_FAILS(ioctl(late.fd, TUN_BATCH_DETACH), EBADFD);
	CHECK(attach(late.fd, "t0", PLAIN) == 0);
}

static void closing_ends_the_device(void)
{
	int fd = make_device("t0", PLAIN), duplicate = dup(fd);

	close(fd);
	CHECK(device_exists("t0"));
	close(duplicate);
	CHECK(!device_exists("t0"));
}

static void names(void)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int first = open_node(), second = open_node(), third = open_node();

	CHECK(ioctl(first, TUNSETIFF, &request) == 0);
	CHECK(!strcmp(request.ifr_name, "tunb0"));
	CHECK(attach(second, "vpn%d", PLAIN) == 0 && device_exists("vpn0"));
	CHECK(ioctl(second, TUNGETIFF, &request) == 0);
	CHECK(!strcmp(request.ifr_name, "vpn0"));
	CHECK_EQUAL(request.ifr_flags, IFF_TUN | IFF_NO_PI);
	CHECK(attach(third, "lo", PLAIN) == -1 && errno == EINVAL);
	CHECK(attach(third, "a/b", PLAIN) == -1 && errno == EINVAL);
	CHECK(attach(third, "t0", 0x0002 /* IFF_TAP */) == -1 && errno == EINVAL);
	CHECK(attach(third, "t0", PLAIN) == 0);
}

static void configuration(void)
{
	static const struct tun_batch_config refused[] = {
		{ .queues = 65 }, { .queue_packets = 100 }, { .queue_packets = 8 }, { .queue_packets = 1 << 20 },
		{ .reserved = { 1 } },
	};
	struct tun_batch_config config = { .queue_packets = 16 };
	int fd = open_node();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++)
		CHECK_FAILS(ioctl(fd, TUN_BATCH_SET_CONFIG, &refused[i]), EINVAL);
	CHECK(ioctl(fd, TUN_BATCH_SET_CONFIG, &config) == 0);
	CHECK(attach(fd, "t0", PLAIN) == 0);
	CHECK_FAILS(ioctl(fd, TUN_BATCH_SET_CONFIG, &config), EBUSY);
	config.queue_packets = 0;
	CHECK(ioctl(fd, TUN_BATCH_GET_CONFIG, &config) == 0);
	CHECK_EQUAL(config.queue_packets, 16);
	CHECK_EQUAL(config.queues, 1);
	CHECK_FAILS(ioctl(fd, _IO('T', 250)), ENOTTY);
}

static void without_privilege(void)
{
	int fd = open_node();

	CHECK(setresuid(1000, 1000, 1000) == 0);
	CHECK(attach(fd, "t0", PLAIN) == -1 && errno == EPERM);
	/* Its own namespace belongs to it. */
	CHECK(unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
	CHECK(attach(fd, "t0", PLAIN) == 0);
}

static void moves_with_its_descriptor(void)
{
	int fd = make_device("t0", PLAIN), home, away, socket;

	home = open("/proc/self/ns/net", O_RDONLY);
	away = new_namespace();
	CHECK(setns(home, CLONE_NEWNET) == 0);
	CHECK(move_device("t0", away) == 0);
	CHECK(!device_exists("t0"));
	CHECK(setns(away, CLONE_NEWNET) == 0);
	CHECK(device_exists("t0"));
	bring_up("t0");
	socket = udp_socket(4, 0);
	send_serial(socket, 9, 100, 4);
	CHECK_EQUAL(read(fd, buffer, sizeof(buffer)), 128);
	CHECK(payload_is(buffer + 28, 100, 4));
}

/* Its namespace ends while the descriptor is open elsewhere. */
static void namespace_dies(void)
{
	struct late_read late;
	pthread_t reader;
	int home = open("/proc/self/ns/net", O_RDONLY);

	close(new_namespace());
	late.fd = make_device("t0", PLAIN);
	CHECK(setns(home, CLONE_NEWNET) == 0);
	reader = start_reader(&late);
	pthread_join(reader, NULL);
	CHECK_EQUAL(late.error, ENODEV);
	check_gone(late.fd);
}

static void module_stays_while_open(void)
{
	int fd = open_node(), busy = system("rmmod tun_batch 2>/dev/null");

	CHECK(busy != 0);
	CHECK(attach(fd, "t0", PLAIN) == 0);
	CHECK(system("rmmod tun_batch 2>/dev/null") != 0);
}

const struct test_case lifetime_cases[] = {
	{ "deleted-while-reading", deleted_while_reading },
	{ "deleted-while-full", deleted_while_full },
	{ "detach-ends-the-device", detach_ends_the_device },
	{ "closing-ends-the-device", closing_ends_the_device },
	{ "names", names },
	{ "configuration", configuration },
	{ "without-privilege", without_privilege },
	{ "moves-with-its-descriptor", moves_with_its_descriptor },
	{ "namespace-dies", namespace_dies },
	{ "module-stays-while-open", module_stays_while_open },
	{},
};
