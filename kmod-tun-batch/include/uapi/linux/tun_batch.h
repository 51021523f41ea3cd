/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * tun_batch: a point-to-point IP device whose packets come to user space in batches.
 *
 * A descriptor of TUN_BATCH_NODE becomes one queue of a device by
 *
 *	struct ifreq request = { .ifr_name = "tunb%d", .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
 *	ioctl(fd, TUNSETIFF, &request);
 *
 * as with tun (linux/if_tun.h). The device exists as long as a descriptor is attached to it.
 *
 *	IFF_TUN | IFF_NO_PI	always
 *	IFF_VNET_HDR		the framed format; without it the plain one
 *	IFF_MULTI_QUEUE		the device has several queues; each further descriptor that names it takes a
 *				free one. How many it has is fixed when it is made (TUN_BATCH_SET_CONFIG).
 *
 * Also as with tun: TUNGETIFF, TUNGETFEATURES, TUNSETOFFLOAD (framed format only).
 *
 * Reading and writing
 *
 * A read returns as many whole packets as are queued and fit, at least one. It waits while there is none, or
 * fails with EAGAIN. EMSGSIZE: not even the first one fits; it stays queued. A buffer of
 * TUN_BATCH_MAX_FRAME bytes always suffices for one, several times that for a batch.
 *
 * A write takes any number of packets, wherever its segments are cut. It returns the bytes up to the end of the
 * last packet that was taken, and an error only where none was: EINVAL (what stands there is no packet, or is cut
 * off), EIO (the device is down), ENOMEM, EFAULT, EAGAIN.
 *
 * ENODEV, and EPOLLHUP | EPOLLERR: the device is gone. EBADFD: the descriptor is not attached.
 *
 * Plain format: IP packets back to back. Each ends where its own length says: IPv4's total length, 40 bytes and
 * IPv6's payload length. No offloads.
 *
 * Framed format: each packet stands behind a struct tun_batch_frame, and zero to seven zero bytes follow it, so
 * that each frame begins at a multiple of eight bytes. After the last frame of a write they may be left out. With
 * offloads switched on (TUNSETOFFLOAD) packets may be super-packets of up to 64 KB, and their checksums partial,
 * as the virtio-net header says; what is written may always be.
 *
 * Shared ring (framed format only): TUN_BATCH_SHARE makes memory that the driver and one process fill and empty without
 * system calls. mmap() of the descriptor at offset 0, shared, maps it: a page with struct tun_batch_ring, then the
 * bytes towards user space, then those from it. Reads are refused from then on (EBUSY); writes work as before.
 *
 *   - Records are frames with their padding, each in one piece. A frame of length TUN_BATCH_SKIP says that the rest of
 *     the area up to its end is empty.
 *   - Counters count bytes from the beginning, modulo 2^32. Fill in the record, then store `produced` with release;
 *     load `produced` with acquire, copy the record, then store `consumed` with release.
 *   - To sleep: store 1 in to_user_sleeping, full barrier, look once more, then poll for EPOLLIN.
 *   - If to_user_full is 1 after consuming and a full barrier, ring the doorbell: the driver waits for room.
 *   - After producing, ring the doorbell: TUN_BATCH_DOORBELL as ioctl or as io_uring command (IORING_OP_URING_CMD). It
 *     takes at most TUN_BATCH_DOORBELL_LIMIT packets and returns how many it took. EPROTO: counters or lengths that
 *     cannot be; the ring is dead, poll says EPOLLERR.
 */
#ifndef _UAPI_LINUX_TUN_BATCH_H
#define _UAPI_LINUX_TUN_BATCH_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define TUN_BATCH_NODE		"/dev/net/tun_batch"
#define TUN_BATCH_MAX_QUEUES	64
#define TUN_BATCH_ALIGN		8

/* Mirrors struct virtio_net_hdr (linux/virtio_net.h, which C++ cannot read everywhere); always little-endian. */
struct tun_batch_offload {
	__u8 flags;		/* VIRTIO_NET_HDR_F_… */
	__u8 gso_type;		/* VIRTIO_NET_HDR_GSO_… */
	__le16 hdr_len;		/* of all headers, a hint */
	__le16 gso_size;		/* payload of each segment */
	__le16 csum_start;	/* where the checksum begins, from the start of the packet */
	__le16 csum_offset;	/* and where it is stored, from there */
};

struct tun_batch_frame {
	__le32 length;		/* of the packet, without this header and the padding */
	__u16 reserved;		/* 0; what the kernel writes here is to be ignored */
	struct tun_batch_offload offload;
};

#define TUN_BATCH_FRAME_SIZE	16	/* sizeof(struct tun_batch_frame) */
#define TUN_BATCH_MAX_PACKET	65575	/* 40 + 65535: an IPv6 packet without jumbo payload */
#define TUN_BATCH_MAX_FRAME	65592	/* with header and padding */

/* How the device is to be made: before the TUNSETIFF that makes it, or the defaults are taken. */
struct tun_batch_config {
	__u32 queues;		/* 1 … TUN_BATCH_MAX_QUEUES; 0: one per CPU, at most 16 (IFF_MULTI_QUEUE), else 1 */
	__u32 queue_packets;	/* packets a queue holds, a power of two from 16 to 32768; 0: 512 */
	__u32 reserved[6];	/* 0 */
};

#define TUN_BATCH_SET_CONFIG	_IOW('T', 0xb0, struct tun_batch_config)
/* What the attached device has; only a descriptor of this driver, attached, can answer. */
#define TUN_BATCH_GET_CONFIG	_IOR('T', 0xb2, struct tun_batch_config)
/* Leaves the device at once; it goes if this was the last descriptor. The descriptor may then attach again. */
#define TUN_BATCH_DETACH	_IO('T', 0xb1)

#define TUN_BATCH_MIN_AREA	(256 * 1024)
#define TUN_BATCH_MAX_AREA	(8 * 1024 * 1024)
#define TUN_BATCH_SKIP		0xffffffff
#define TUN_BATCH_DOORBELL_LIMIT	8192

struct tun_batch_share {
	__u32 to_user;		/* bytes of either area: powers of two from TUN_BATCH_MIN_AREA to TUN_BATCH_MAX_AREA */
	__u32 from_user;
	__u32 map_size;		/* returned: what to map */
	__u32 reserved[5];	/* 0 */
};

/* Who writes what stands in a cache line of its own. */
struct tun_batch_ring {
	__u32 to_user_produced;		/* the driver */
	__u32 to_user_full;		/* the driver: 1 while it waits for room */
	__u32 reserved1[14];
	__u32 to_user_consumed;		/* user space */
	__u32 to_user_sleeping;		/* user space: 1 when a packet is to wake poll */
	__u32 reserved2[14];
	__u32 from_user_produced;	/* user space */
	__u32 reserved3[15];
	__u32 from_user_consumed;	/* the driver */
	__u32 reserved4[15];
};

/* Before the device's packets are read, once for each attachment. */
#define TUN_BATCH_SHARE		_IOWR('T', 0xb3, struct tun_batch_share)
#define TUN_BATCH_DOORBELL	_IO('T', 0xb4)

#endif
