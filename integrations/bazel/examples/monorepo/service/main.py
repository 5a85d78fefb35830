"""Counts the words of standard input."""

import collections
import sys

print(collections.Counter(sys.stdin.read().split()).most_common(10))
