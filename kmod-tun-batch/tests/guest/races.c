// SPDX-License-Identifier: GPL-2.0
/* Everything at the same time, from several processes: what counts is that nothing hangs, leaks or is reported. */
#define _GNU_SOURCE
#include "kit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS	8

static uint8_t buffer[1 << 16];

double race_seconds(void)
{
	const char *text = getenv("RACE_SECONDS");

	return text ? atof(text) : 5;
}

static void try_flags(const char *name, bool up)
{
	struct ifreq request = { .ifr_flags = (short)(up ? IFF_UP : 0) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

void race_step(int *fd, int socket)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)random_below(65536)) };
	struct pollfd poll_fd = { .fd = *fd, .events = POLLIN };
	struct tun_batch_config config = { .queues = 4, .queue_packets = 16u << random_below(5) };
	char name[8];
	size_t size;

	snprintf(name, sizeof(name), "r%u", random_below(2));
	to.sin_addr.s_addr = htonl(0x0a090002);
	switch (random_below(16)) {
	case 0:
		close(*fd);
		*fd = open(TUN_BATCH_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		break;
	case 1:
	case 2:
		ioctl(*fd, TUN_BATCH_SET_CONFIG, &config);
		attach(*fd, name, MULTI | FRAMED);
		break;
	case 3:
		ioctl(*fd, TUN_BATCH_DETACH);
		break;
	case 4:
	case 5:
		try_flags(name, random_below(4));
		break;
	case 6:
		set_mtu(name, (int)(68 + random_below(3000)));
		break;
	case 7:
		ioctl(*fd, TUNSETOFFLOAD, (unsigned long)(random_below(2) ? OFFLOAD_CSUM | OFFLOAD_TSO : 0));
		break;
	case 8:
		if (!random_below(8))
			delete_device(name);
		break;
	case 9:
	case 10:
		size = udp_packet(4, 9, random_below(1000), 0, buffer + 32768);
		size = add_frame(buffer, buffer + 32768, size);
		write(*fd, buffer, size);
		break;
	case 11:
		poll(&poll_fd, 1, 1);
		break;
	case 12:
		read(*fd, buffer, 128);
		break;
	case 13:
		read(*fd, buffer, sizeof(buffer));
		break;
	default:
		sendto(socket, buffer, random_below(1000), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
	}
}

static void worker(unsigned int number)
{
	int fd = open_node(), socket = udp_socket(4, 0);
	double end = seconds() + race_seconds();

	while (number--)
		seeded_random();
	set_nonblocking(fd);
	while (seconds() < end)
		race_step(&fd, socket);
	_exit(0);
}

static void devices_come_and_go(void)
{
	int keep[2], i, status;

	keep[0] = open_node();
	keep[1] = open_node();
	for (i = 0; i < 2; i++)
		CHECK(attach(keep[i], i ? "r1" : "r0", MULTI | FRAMED) == 0);
	bring_up("r0");
	close(keep[0]);
	close(keep[1]);
	for (i = 0; i < WORKERS; i++)
		if (!fork())
			worker((unsigned int)i * 1000);
	for (i = 0; i < WORKERS; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQUAL(status, 0);
	}
}

/* Namespaces that die with a device in them, while its descriptor is read and written elsewhere. */
static void namespaces_die(void)
{
	int home = open("/proc/self/ns/net", O_RDONLY), fd, status;
	double end = seconds() + race_seconds();
	size_t size = udp_packet(4, 9, 100, 0, buffer);

	while (seconds() < end) {
		close(new_namespace());
		fd = make_device("t0", PLAIN);
		set_nonblocking(fd);
		CHECK(setns(home, CLONE_NEWNET) == 0);		/* the last one out: the end begins */
		if (!fork()) {
			while (write(fd, buffer, size) > 0)
				read(fd, buffer + 1024, 4096);
			_exit(errno == ENODEV || errno == EIO ? 0 : 1);
		}
		close(fd);
		CHECK(wait(&status) > 0);
		CHECK_EQUAL(status, 0);
	}
}

/* One thread reads, one is given the signal to detach and attach again, over and over, under traffic. */
static void attach_under_traffic(void)
{
	double end = seconds() + race_seconds();
	int fd = make_device("t0", PLAIN), other = open_node(), socket, status;
	unsigned int rounds = 0;
	pid_t sender, reader;

	set_nonblocking(fd);
	sender = fork();
	if (!sender) {
		socket = udp_socket(4, 0);
		for (;;) {
			struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
						  .sin_addr.s_addr = htonl(0x0a090002) };

			sendto(socket, buffer, 100, 0, (struct sockaddr *)&to, sizeof(to));
		}
	}
	reader = fork();
	if (!reader) {
		close(other);
		for (;;)
			read(fd, buffer, sizeof(buffer));
	}
	while (seconds() < end) {
		CHECK(ioctl(fd, TUN_BATCH_DETACH) == 0);
		CHECK(attach(fd, "t0", PLAIN) == 0);
		if (rounds++ % 2)
			try_flags("t0", true);
	}
	kill(sender, SIGKILL);
	kill(reader, SIGKILL);
	CHECK(wait(&status) > 0 && wait(&status) > 0);
	CHECK(rounds > 0);
}

const struct test_case race_cases[] = {
	{ "devices-come-and-go", devices_come_and_go },
	{ "namespaces-die", namespaces_die },
	{ "attach-under-traffic", attach_under_traffic },
	{},
};
