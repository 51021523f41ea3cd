// SPDX-License-Identifier: GPL-2.0
/* io_uring and Linux AIO. */
#define _GNU_SOURCE
#include "kit.h"

#include <fcntl.h>
#include <dirent.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_MULTISHOT	49	/* IORING_OP_READ_MULTISHOT, Linux 6.7 */

static uint8_t buffer[1 << 18];

static struct io_uring start_ring(void)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN };
	struct io_uring ring;

	CHECK(io_uring_queue_init_params(64, &ring, &params) == 0);
	return ring;
}

static int completion(struct io_uring *ring, unsigned int *flags)
{
	struct __kernel_timespec patience = { .tv_sec = 20 };
	struct io_uring_cqe *cqe;
	int result;

	CHECK(io_uring_submit_and_wait_timeout(ring, &cqe, 1, &patience, NULL) >= 0);
	CHECK(cqe);
	result = cqe->res;
	if (flags)
		*flags = cqe->flags;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

/* Threads of this process; io_uring's workers are among them. */
static int threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	while (readdir(tasks))
		n++;
	closedir(tasks);
	return n - 2;
}

static void pending_read(void)
{
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 0), i;
	struct io_uring ring = start_ring();
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct cursor cursor = { .at = buffer, .framed = true };
	size_t length;

	io_uring_prep_read(sqe, fd, buffer, sizeof(buffer), 0);
	CHECK_EQUAL(io_uring_submit(&ring), 1);
	CHECK_EQUAL(threads(), 1);
	for (i = 0; i < 40; i++)
		send_serial(socket, 9, 100, (uint32_t)i);
	cursor.end = buffer + completion(&ring, NULL);
	for (i = 0; next_packet(&cursor, &length); i++)
		CHECK_EQUAL(length, 128);
	CHECK_EQUAL(i, 40);
	CHECK_EQUAL(threads(), 1);
}

static void fixed_buffers(void)
{
	int fd = make_device("t0", PLAIN), out = udp_socket(4, 0), in = udp_socket(4, 9);
	struct iovec whole = { buffer, sizeof(buffer) };
	struct io_uring ring = start_ring();
	struct io_uring_sqe *sqe;
	size_t size;

	CHECK(io_uring_register_buffers(&ring, &whole, 1) == 0);
	send_serial(out, 9, 100, 1);
	send_serial(out, 9, 100, 2);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read_fixed(sqe, fd, buffer, 4096, 0, 0);
	CHECK_EQUAL(completion(&ring, NULL), 256);
	CHECK(payload_is(buffer + 28, 100, 1) && payload_is(buffer + 128 + 28, 100, 2));

	size = udp_packet(4, 9, 50, 1, buffer);
	size += udp_packet(4, 9, 51, 2, buffer + size);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write_fixed(sqe, fd, buffer, (unsigned int)size, 0, 0);
	CHECK_EQUAL(completion(&ring, NULL), size);
	receive_serial(in, 50, 1);
	receive_serial(in, 51, 2);
}

static void multishot_read(void)
{
	enum { BUFFERS = 8, SIZE = 32768 };
	int fd = make_device("t0", FRAMED), socket = udp_socket(4, 0), burst, i, result;
	struct io_uring ring = start_ring();
	struct io_uring_sqe *sqe;
	unsigned int flags;

	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_provide_buffers(sqe, buffer, SIZE, BUFFERS, 1, 0);
	CHECK(completion(&ring, NULL) >= 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_rw(READ_MULTISHOT, sqe, fd, NULL, 0, (uint64_t)-1);
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = 1;
	CHECK_EQUAL(io_uring_submit(&ring), 1);
	if (io_uring_cq_ready(&ring)) {
		CHECK_EQUAL(completion(&ring, NULL), -EINVAL);
		_exit(SKIPPED);
	}
	for (burst = 0; burst < 5; burst++) {
		for (i = 0; i < 40; i++)
			send_serial(socket, 9, 100, (uint32_t)i);
		result = completion(&ring, &flags);
		CHECK_EQUAL(result, 40 * 144);
		CHECK(flags & IORING_CQE_F_MORE);
	}
	CHECK_EQUAL(threads(), 1);
}

/* A device that goes while a read is pending ends the read. */
static void device_goes(void)
{
	int fd = make_device("t0", PLAIN);
	struct io_uring ring = start_ring();
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_read(sqe, fd, buffer, sizeof(buffer), 0);
	CHECK_EQUAL(io_uring_submit(&ring), 1);
	CHECK(delete_device("t0") == 0);
	CHECK_EQUAL(completion(&ring, NULL), -ENODEV);
}

static void linux_aio(void)
{
	int fd = make_device("t0", PLAIN), out = udp_socket(4, 0), in = udp_socket(4, 9);
	struct iocb control = { .aio_fildes = (uint32_t)fd, .aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_buf = (uintptr_t)buffer, .aio_nbytes = sizeof(buffer) }, *list = &control;
	struct io_event event;
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 4, &context) != 0)
		_exit(SKIPPED);
	send_serial(out, 9, 100, 1);
	send_serial(out, 9, 100, 2);
	CHECK_EQUAL(syscall(SYS_io_submit, context, 1, &list), 1);
	CHECK_EQUAL(syscall(SYS_io_getevents, context, 1, 1, &event, NULL), 1);
	CHECK_EQUAL(event.res, 256);

	control.aio_lio_opcode = IOCB_CMD_PWRITE;
	control.aio_nbytes = udp_packet(4, 9, 60, 3, buffer);
	CHECK_EQUAL(syscall(SYS_io_submit, context, 1, &list), 1);
	CHECK_EQUAL(syscall(SYS_io_getevents, context, 1, 1, &event, NULL), 1);
	CHECK_EQUAL(event.res, 88);
	receive_serial(in, 60, 3);
}

const struct test_case uring_cases[] = {
	{ "pending-read", pending_read },
	{ "fixed-buffers", fixed_buffers },
	{ "multishot-read", multishot_read },
	{ "device-goes", device_goes },
	{ "linux-aio", linux_aio },
	{},
};
