#ifndef TOTAL_H
#define TOTAL_H

#include <stddef.h>

/* The sum of the prices, in cents. */
unsigned long total(const unsigned long *prices, size_t count);

#endif
