// SPDX-License-Identifier: GPL-2.0
/* The network device: made, configured, taken down and removed. */
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/ip_tunnels.h>
#include <net/pkt_sched.h>
#include <net/rtnetlink.h>

#include "tunb.h"

static struct rtnl_link_ops tunb_link_ops;
static const struct net_device_ops tunb_netdev_ops;

static void tunb_free(struct kref *references)
{
	struct tunb *tunb = container_of(references, struct tunb, references);
	unsigned int i;

	for (i = 0; i < tunb->queue_count; i++) {
		if (!tunb->queues[i].ring.slots)
			continue;
		tunb_flush_queue(&tunb->queues[i]);
		kvfree(tunb->queues[i].ring.slots);
	}
	kvfree_rcu(tunb, rcu);
}

void tunb_put(struct tunb *tunb)
{
	kref_put(&tunb->references, tunb_free);
}

static int init_queue(struct tunb *tunb, unsigned int index, u32 packets)
{
	struct tunb_queue *queue = &tunb->queues[index];

	queue->tunb = tunb;
	queue->index = index;
	skb_queue_head_init(&queue->backlog);
	return tunb_ring_init(&queue->ring, packets);
}

static struct tunb *tunb_alloc(unsigned int flags, unsigned int queues, u32 packets)
{
	struct tunb *tunb = kvzalloc(struct_size(tunb, queues, queues), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!tunb)
		return NULL;
	kref_init(&tunb->references);
	tunb->flags = flags;
	tunb->framed = flags & IFF_VNET_HDR;
	tunb->queue_count = queues;
	for (i = 0; i < queues; i++) {
		if (init_queue(tunb, i, packets)) {
			tunb_put(tunb);
			return NULL;
		}
	}
	return tunb;
}

static unsigned int wanted_queues(unsigned int flags, const struct tun_batch_config *config)
{
	if (!(flags & IFF_MULTI_QUEUE))
		return 1;
	return config->queues ?: min_t(unsigned int, num_online_cpus(), TUNB_DEFAULT_MAX_QUEUES);
}

/* Under rtnl: a device of ours by name. NULL: there is none of that name. */
struct tunb *tunb_find(struct net *net, const char *name)
{
	struct net_device *dev = __dev_get_by_name(net, name);

	if (!dev)
		return NULL;
	return dev->netdev_ops == &tunb_netdev_ops ? tunb_of(dev) : ERR_PTR(-EINVAL);
}

/*
 * Under rtnl: makes and registers a device; @name may hold "%d" and is overwritten with what it is called. Returns its
 * queues with a reference for the caller.
 */
struct tunb *tunb_create(struct net *net, char *name, unsigned int flags, const struct tun_batch_config *config)
{
	unsigned int queues = wanted_queues(flags, config);
	unsigned char assign = name[0] && !strchr(name, '%') ? NET_NAME_USER : NET_NAME_ENUM;
	struct tunb *tunb = tunb_alloc(flags, queues, config->queue_packets ?: TUNB_DEFAULT_QUEUE_PACKETS);
	struct net_device *dev;
	int error;

	if (!tunb)
		return ERR_PTR(-ENOMEM);
	dev = alloc_netdev_mqs(sizeof(struct tunb_private), name[0] ? name : "tunb%d", assign,
			       tunb_link_ops.setup, queues, queues);
	if (!dev) {
		tunb_put(tunb);
		return ERR_PTR(-ENOMEM);
	}
	dev_net_set(dev, net);
	dev->rtnl_link_ops = &tunb_link_ops;
	((struct tunb_private *)netdev_priv(dev))->tunb = tunb;
	if (tunb->framed) {
		dev->needed_headroom = TUN_BATCH_FRAME_SIZE;
		dev->hw_features |= TUNB_OFFLOADS;
		dev->features |= TUNB_OFFLOADS; /* wanted; tunb_fix_features() holds them back at first */
	}
	error = register_netdevice(dev);
	if (error) {
		free_netdev(dev);
		tunb_put(tunb);
		return ERR_PTR(error);
	}
	/* What user space writes is merged there, or not at all; ethtool -K switches it on. */
	dev->wanted_features &= ~NETIF_F_GRO;
	netdev_update_features(dev);
	strscpy(name, dev->name, IFNAMSIZ);
	return tunb;
}

/* Under rtnl: TUNSETOFFLOAD. */
int tunb_set_offload(struct tunb *tunb, unsigned long offload)
{
	struct net_device *dev = rtnl_dereference(tunb->dev);
	netdev_features_t features = 0;

	if (!dev)
		return -ENODEV;
	if (offload & TUN_F_CSUM)
		features |= NETIF_F_HW_CSUM;
	if (offload & TUN_F_TSO4)
		features |= NETIF_F_TSO;
	if (offload & TUN_F_TSO6)
		features |= NETIF_F_TSO6;
	if (offload & TUN_F_TSO_ECN)
		features |= NETIF_F_TSO_ECN;
	offload &= ~(unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
#ifdef TUNB_HAVE_USO
	/* As tun: both or none. */
	if ((offload & (TUN_F_USO4 | TUN_F_USO6)) == (TUN_F_USO4 | TUN_F_USO6)) {
		features |= TUNB_UDP_OFFLOADS;
		offload &= ~(unsigned long)(TUN_F_USO4 | TUN_F_USO6);
	}
#endif
	/* Segmentation leaves checksums to be filled in. */
	if (offload || (features && (!tunb->framed || !(features & NETIF_F_HW_CSUM))))
		return -EINVAL;
	tunb->offloads = features;
	netdev_update_features(dev);
	return 0;
}

static netdev_features_t tunb_fix_features(struct net_device *dev, netdev_features_t features)
{
	return features & (tunb_of(dev)->offloads | ~TUNB_OFFLOADS);
}

static int tunb_dev_init(struct net_device *dev)
{
	struct tunb *tunb = tunb_of(dev);
	unsigned int i;

#ifndef TUNB_HAVE_PCPU_STAT_TYPE
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats)
		return -ENOMEM;
#endif
	for (i = 0; i < tunb->queue_count; i++)
		netif_napi_add(dev, &tunb->queues[i].napi, tunb_poll_backlog);
	kref_get(&tunb->references); /* until the destructor, which runs only if we succeed */
	rcu_assign_pointer(tunb->dev, dev);
	return 0;
}

/* From here on there is no device for those who read and write. */
static void tunb_dev_uninit(struct net_device *dev)
{
	struct tunb *tunb = tunb_of(dev);
	struct tunb_file *file;
	unsigned int i;

	RCU_INIT_POINTER(tunb->dev, NULL);
	synchronize_net();
	for (i = 0; i < tunb->queue_count; i++) {
		netif_napi_del(&tunb->queues[i].napi);
		tunb_flush_queue(&tunb->queues[i]);
		file = rtnl_dereference(tunb->queues[i].file);
		if (file)
			tunb_wake_hangup(file);
	}
}

static void tunb_dev_free(struct net_device *dev)
{
#ifndef TUNB_HAVE_PCPU_STAT_TYPE
	free_percpu(dev->tstats);
#endif
	tunb_put(tunb_of(dev));
}

static int tunb_dev_open(struct net_device *dev)
{
	struct tunb *tunb = tunb_of(dev);
	unsigned int i;

	for (i = 0; i < tunb->queue_count; i++)
		napi_enable(&tunb->queues[i].napi);
	netif_tx_start_all_queues(dev);
	return 0;
}

static int tunb_dev_stop(struct net_device *dev)
{
	struct tunb *tunb = tunb_of(dev);
	unsigned int i;

	netif_tx_stop_all_queues(dev);
	synchronize_net(); /* no write takes the device for running any more */
	for (i = 0; i < tunb->queue_count; i++) {
		napi_disable(&tunb->queues[i].napi);
		skb_queue_purge(&tunb->queues[i].backlog);
	}
	return 0;
}

static const struct net_device_ops tunb_netdev_ops = {
	.ndo_init		= tunb_dev_init,
	.ndo_uninit		= tunb_dev_uninit,
	.ndo_open		= tunb_dev_open,
	.ndo_stop		= tunb_dev_stop,
	.ndo_start_xmit		= tunb_start_xmit,
	.ndo_select_queue	= tunb_select_queue,
	.ndo_fix_features	= tunb_fix_features,
	.ndo_get_stats64	= dev_get_tstats64,
};

static void tunb_setup(struct net_device *dev)
{
	dev->netdev_ops = &tunb_netdev_ops;
	dev->ethtool_ops = &tunb_ethtool_ops;
	dev->header_ops = &ip_tunnel_header_ops; /* raw sockets learn the protocol from the packet */
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	dev->tx_queue_len = DEFAULT_TX_QUEUE_LEN;
	dev->needs_free_netdev = true;
	dev->priv_destructor = tunb_dev_free;
#ifdef TUNB_HAVE_PCPU_STAT_TYPE
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
#endif
#ifdef NETIF_F_LLTX
	dev->features |= NETIF_F_LLTX;
#else
	dev->lltx = true;
#endif
	dev->hw_features = NETIF_F_SG | NETIF_F_FRAGLIST;
	dev->features |= dev->hw_features | NETIF_F_HIGHDMA;
	dev->vlan_features = dev->features;
	netif_set_tso_max_size(dev, GSO_LEGACY_MAX_SIZE);
}

static int tunb_validate(struct nlattr *tb[], struct nlattr *data[], struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "a tun_batch device is made by the program that reads it");
	return -EOPNOTSUPP;
}

/* Shows the kind, deletes by name, and lets a device die with its namespace instead of moving it to the first one. */
static struct rtnl_link_ops tunb_link_ops = {
	.kind		= "tun_batch",
	.priv_size	= sizeof(struct tunb_private),
	.setup		= tunb_setup,
	.validate	= tunb_validate,
};

int tunb_register_link_ops(void)
{
	return rtnl_link_register(&tunb_link_ops);
}

void tunb_unregister_link_ops(void)
{
	rtnl_link_unregister(&tunb_link_ops);
}
