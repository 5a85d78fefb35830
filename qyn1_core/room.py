"""Whether native code will get the memory that it asks for."""

from __future__ import annotations

import os

from qyn1_core.errors import Qyn1Error

__all__ = ["check_room"]


def check_room(size: int) -> None:
    """Where an address-space limit holds, see that ``size`` bytes can be had: native code that gets none dies.

    Raises `Qyn1Error`.
    """
    if os.name != "posix" or size <= 0:
        return
    import resource  # noqa: PLC0415  (not everywhere)

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    import mmap  # noqa: PLC0415  (importing from packages starts quicker without)

    try:
        mmap.mmap(-1, size).close()
    except OSError:
        raise Qyn1Error(
            f"out of memory: {-(-size >> 20)} MiB more than the address-space limit (ulimit -v) allows are needed; "
            "raise it, or use fewer --workers, a smaller --block-size or another --mode"
        ) from None
