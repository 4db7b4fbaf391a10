/* One program for any network: compile it with -DNET=lenet5 -DNET_UPPER=LENET5, beside the lenet5.h and lenet5.c that
 * `cnnc lenet5.net --train` wrote. F(_train_step) is lenet5_train_step, C(_TRAIN_BATCH) is LENET5_TRAIN_BATCH. */
#ifndef NET_H
#define NET_H

#if !defined(NET) || !defined(NET_UPPER)
#error compile with -DNET=name -DNET_UPPER=NAME, the name of the network
#endif
#define NET_TEXT_(x) #x
#define NET_TEXT(x) NET_TEXT_(x)
#ifndef NET_HEADER
#define NET_HEADER NET_TEXT(NET.h)
#endif
#include NET_HEADER

#define NET_JOIN_(a, b) a##b
#define NET_JOIN(a, b) NET_JOIN_(a, b)
#define F(name) NET_JOIN(NET, name)
#define C(name) NET_JOIN(NET_UPPER, name)

typedef F(_train_ctx) net_train_ctx;

#endif
