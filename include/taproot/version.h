/* SPDX-License-Identifier: MIT */
/* The version of Taproot itself. */
#ifndef TAPROOT_VERSION_H
#define TAPROOT_VERSION_H

#define TAPROOT_VERSION "0.1"

#endif
