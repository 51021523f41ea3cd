/* SPDX-License-Identifier: GPL-2.0 */
/* How long an IP packet says it is. */
#ifndef TUN_BATCH_IP_LENGTH_H
#define TUN_BATCH_IP_LENGTH_H

#include <linux/types.h>

/* Bytes that tunb_ip_length() looks at; no packet is shorter. */
#define TUNB_LENGTH_PREFIX	20

/*
 * The length of the packet that begins at @header: IPv4's total length, or 40 bytes and IPv6's payload length
 * (jumbograms are not known here: length 0 is a packet of 40 bytes). 0: no IP packet begins so.
 */
static inline u32 tunb_ip_length(const u8 *header)
{
	u32 header_length, length;

	switch (header[0] >> 4) {
	case 4:
		header_length = (header[0] & 0x0f) * 4;
		length = header[2] << 8 | header[3];
		return header_length >= 20 && length >= header_length ? length : 0;
	case 6:
		return 40 + (header[4] << 8 | header[5]);
	default:
		return 0;
	}
}

#endif
