#include "../include/total.h"

unsigned long total(const unsigned long *prices, size_t count)
{
    unsigned long sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += prices[i];
    }
    return sum;
}
