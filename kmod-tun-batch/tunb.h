/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the driver share.
 *
 * Who lives how long:
 *
 *   struct tunb         a device's queues. Counted: one reference of the net_device (from ndo_init to its
 *                       destructor), one of each attached file, one of each call in progress.
 *   struct net_device   known to tunb through an RCU pointer that ndo_uninit clears. No call that may sleep holds
 *                       it, since a reader stuck in a page fault would then block the end of a namespace.
 *   struct tunb_file    an open descriptor. Its wait queue is here, not in the queue, since epoll and io_uring
 *                       stay on it until the file is closed, whatever happens to the device.
 *
 * Attaching and detaching happen under rtnl.
 */
#ifndef TUN_BATCH_INTERNAL_H
#define TUN_BATCH_INTERNAL_H

#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kref.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/tun_batch.h>
#include <linux/virtio_net.h>
#include <linux/wait.h>

#include "packet_ring.h"

#define TUNB_DEFAULT_QUEUE_PACKETS	512
#define TUNB_MIN_QUEUE_PACKETS		16
#define TUNB_MAX_QUEUE_PACKETS		32768
#define TUNB_DEFAULT_MAX_QUEUES		16

#define TUNB_USER_FLAGS	(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE)

/* The kernel's features behind TUNSETOFFLOAD. */
#define TUNB_TCP_OFFLOADS	(NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN)
#ifdef VIRTIO_NET_HDR_GSO_UDP_L4	/* Linux 6.2 */
#define TUNB_UDP_OFFLOADS	NETIF_F_GSO_UDP_L4
#define TUNB_HAVE_USO
#else
#define TUNB_UDP_OFFLOADS	0
#endif
#define TUNB_OFFLOADS	(NETIF_F_HW_CSUM | TUNB_TCP_OFFLOADS | TUNB_UDP_OFFLOADS)

/* What ethtool -S shows, in this order; names in ethtool.c. Those of packets that were dropped say why. */
enum tunb_counter {
	TUNB_KEPT,			/* no reason to drop: not counted, not shown */
	TUNB_READS,
	TUNB_WRITES,
	TUNB_QUEUE_STOPPED,
	TUNB_TX_UNATTACHED,
	TUNB_TX_QUEUE_FULL,
	TUNB_TX_NOT_IP,
	TUNB_TX_NO_MEMORY,
	TUNB_TX_OFFLOAD,
	TUNB_TX_COPY_FAULT,
	TUNB_TX_FLUSHED,
	TUNB_TX_SHARED_BROKEN,
	TUNB_RX_MALFORMED,
	TUNB_RX_OFFLOAD,
	TUNB_RX_NO_MEMORY,
	TUNB_RX_BACKLOG_FULL,
	TUNB_RX_DOWN,
	TUNB_COUNTERS,
};

struct tunb;
struct tunb_file;
struct tunb_shared;

struct tunb_queue {
	struct tunb *tunb;
	unsigned int index;
	struct tunb_file __rcu *file;	/* who reads it; written under rtnl */
	struct tunb_ring ring;		/* towards user space */
	struct tunb_shared __rcu *shared; /* instead of the ring, if the file asked for it; written under rtnl */

	struct napi_struct napi;	/* towards the stack, with GRO */
	struct sk_buff_head backlog;

	atomic64_t counters[TUNB_COUNTERS];
};

struct tunb {
	struct kref references;
	struct rcu_head rcu;
	struct net_device __rcu *dev;
	bool framed;
	unsigned int flags;		/* TUNB_USER_FLAGS */
	netdev_features_t offloads;	/* taken by the reader; under rtnl */
	unsigned int attached;		/* files; under rtnl */
	unsigned int queue_count;
	struct tunb_queue queues[];
};

struct tunb_file {
	struct tunb_queue __rcu *queue;	/* written under rtnl */
	wait_queue_head_t wait;
	struct tun_batch_config config;	/* under rtnl */
	struct rcu_head rcu;
};

/* net_device's private part. */
struct tunb_private {
	struct tunb *tunb;
};

static inline struct tunb *tunb_of(const struct net_device *dev)
{
	return ((struct tunb_private *)netdev_priv(dev))->tunb;
}

static inline void tunb_count(struct tunb_queue *queue, enum tunb_counter counter, unsigned int n)
{
	atomic64_add(n, &queue->counters[counter]);
}

/* Wakes whoever waits for packets, or for the end of them. */
static inline void tunb_wake_reader(struct tunb_file *file)
{
	if (wq_has_sleeper(&file->wait))
		wake_up_interruptible_poll(&file->wait, EPOLLIN | EPOLLRDNORM);
}

static inline void tunb_wake_hangup(struct tunb_file *file)
{
	wake_up_all(&file->wait);
}

/* Is it still this file's queue, and is there a device? */
static inline bool tunb_is_live(const struct tunb_file *file, const struct tunb_queue *queue)
{
	return rcu_access_pointer(file->queue) == queue && rcu_access_pointer(queue->tunb->dev);
}

/* file.c */
struct tunb_queue *tunb_queue_get(struct tunb_file *file);
void tunb_queue_put(struct tunb_queue *queue);

/* device.c */
struct tunb *tunb_create(struct net *net, char *name, unsigned int flags, const struct tun_batch_config *config);
struct tunb *tunb_find(struct net *net, const char *name);
void tunb_put(struct tunb *tunb);
int tunb_set_offload(struct tunb *tunb, unsigned long offload);
int tunb_register_link_ops(void);
void tunb_unregister_link_ops(void);
extern const struct ethtool_ops tunb_ethtool_ops;

/* transmit.c: from the stack into the queue */
netdev_tx_t tunb_start_xmit(struct sk_buff *skb, struct net_device *dev);
u16 tunb_select_queue(struct net_device *dev, struct sk_buff *skb, struct net_device *sb_dev);
void tunb_resume_transmit(struct tunb_queue *queue);
void tunb_flush_queue(struct tunb_queue *queue);

/* read.c: from the queue to user space */
ssize_t tunb_read_iter(struct kiocb *iocb, struct iov_iter *to);

/* write.c: from user space */
ssize_t tunb_write_iter(struct kiocb *iocb, struct iov_iter *from);

/* inject.c: into the stack */
struct tunb_batch;
int tunb_inject(struct tunb_queue *queue, struct tunb_batch *batch);
int tunb_poll_backlog(struct napi_struct *napi, int budget);

#endif
