"""What this machine, or the container that we are in, lets us use.

CPUs: the affinity mask and the cgroup quota. Memory: what is free, the cgroup
limit and the address-space limit. Control groups are read from the files of
the kernel (cgroup v1 and v2, every level up to the mount: the tightest one holds).
Systems without such files report what the standard library knows.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from qyn1_core.errors import ConfigError, NotFound, PermissionDenied

__all__ = [
    "MEMORY_PER_WORKER",
    "MINIMUM_CPUS",
    "Machine",
    "Scratch",
    "choose_workers",
    "lower_priority",
    "lower_thread_priority",
    "machine",
    "scratch_folder",
    "warnings",
]

MINIMUM_CPUS: Final = 2
"""Below so many CPUs `warnings` says that packing will be slow: compressing and encrypting take turns."""

MEMORY_PER_WORKER: Final = 512 << 20
"""Below so many bytes for each concurrent worker `warnings` says that memory is tight."""

_UNLIMITED: Final = 1 << 60  # cgroup v1 writes "none" as a huge number
_RESERVE_PARTS: Final = 4  # one part in so many of the free memory is left to everything else
_NICE: Final = 10
_IO_SCHEDULERS: Final = frozenset({"bfq", "cfq", "mq-deadline"})  # those that know priorities, ioprio_set(2)


@dataclass(frozen=True)
class Scratch:
    """A tmpfs that we may write to. ``free`` bytes, no more than half of the free memory, which it is made of."""

    folder: Path
    free: int


@dataclass(frozen=True)
class Machine:
    """What may be used here. Memory in bytes.

    ``cpus`` is how many workers can run at once (1 or more); ``affinity`` the CPUs of
    the affinity mask; ``cpu_quota`` the cgroup's, in CPUs, or None; ``memory_total`` the
    tightest of physical memory and limits; ``memory_free`` what is left of it now.
    ``limited_by`` names the files and limits that count. ``io_priorities``: some disk
    scheduler knows them.
    """

    cpus: int
    affinity: int
    cpu_quota: float | None
    memory_total: int
    memory_free: int
    limited_by: tuple[str, ...]
    scratch: tuple[Scratch, ...]
    io_priorities: bool


def machine(root: Path = Path("/")) -> Machine:
    """What this process may use. ``root`` is where ``/proc`` and ``/sys`` are looked for."""
    affinity = _affinity()
    mounts = list(_mounts(root))
    limited_by: list[str] = []
    quota = _cpu_quota(root, mounts, limited_by)
    # One and a half CPUs keep one worker busy; a little more deserves a second one.
    by_quota = affinity if quota is None else max(1, -int((0.5 - quota) // 1))
    total, free = _physical_memory(root)
    for limit, used, name in (*_memory_limits(root, mounts), *_process_limits(root)):
        if limit < total:
            limited_by.append(name)
        total = min(total, limit)
        free = min(free, max(0, limit - used))
    return Machine(
        cpus=max(1, min(affinity, by_quota)),
        affinity=affinity,
        cpu_quota=quota,
        memory_total=total,
        memory_free=free,
        limited_by=tuple(limited_by),
        scratch=tuple(_scratch(root, mounts, free // 2)),
        io_priorities=_io_priorities(root),
    )


def choose_workers(
    requested: int, on: Machine, memory_per_worker: int, *, limit: int = 0, reserved_cpus: int = 0
) -> int:
    """How many workers to run: ``requested``, or for 0 as many as CPUs and free memory allow (1 or more).

    ``limit`` (0: none) caps the choice; ``reserved_cpus`` are left idle if any remain.
    """
    if requested > 0:
        return requested
    cpus = max(1, on.cpus - reserved_cpus)
    memory = on.memory_free - on.memory_free // _RESERVE_PARTS
    workers = min(cpus, memory // max(1, memory_per_worker))
    return max(1, min(workers, limit) if limit else workers)


def warnings(on: Machine, workers: int) -> list[str]:
    """One line for each way in which ``workers`` workers find less here than they should."""
    lines = []
    available = on.affinity if on.cpu_quota is None else min(float(on.affinity), on.cpu_quota)
    if available < MINIMUM_CPUS:
        lines.append(f"{available:g} CPU: at least {MINIMUM_CPUS} are advised; packing will take longer")
    if workers > available and workers > 1:
        lines.append(f"{workers} concurrent workers on {available:g} CPU: more workers than CPUs only cost memory")
    if on.memory_total < MEMORY_PER_WORKER * workers:
        lines.append(
            f"{on.memory_total >> 20} MiB of memory for {workers} concurrent worker(s): at least "
            f"{MEMORY_PER_WORKER >> 20} MiB each are advised; use fewer workers, or a smaller block size"
        )
    return lines


def scratch_folder(setting: str, on: Machine, needed: int) -> Path | None:
    """The folder for at most ``needed`` bytes of intermediate data; None: keep them in memory.

    ``setting`` is ``memory``, ``auto`` (a tmpfs with room for all of it, else the system's folder
    for temporary files) or a folder. Raises `NotFound`, `PermissionDenied` or `ConfigError`
    for a folder that cannot be used.
    """
    if setting == "memory":
        return None
    if setting == "auto":
        room = (scratch.folder for scratch in on.scratch if scratch.free >= needed)
        return next(room, None) or Path(tempfile.gettempdir())
    folder = Path(setting)
    if not folder.exists():
        raise NotFound(f"scratch: {folder}: no such folder; create it, or use 'auto' or 'memory'")
    if not folder.is_dir():
        raise ConfigError(f"scratch: {folder}: not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionDenied(f"scratch: {folder}: permission to write there is missing")
    return folder


def lower_priority() -> bool:
    """Let others go first, for CPU and disk; whether the system could.

    On Linux this is for the calling thread and those that it starts; the I/O
    priority follows the nice value (ioprio_set(2), "I/O scheduler" notes).
    """
    try:
        os.nice(max(0, _NICE - os.nice(0)))
    except (AttributeError, OSError):
        return False
    return True


def lower_thread_priority() -> bool:
    """`lower_priority` for the calling thread alone; False where threads have no priority of their own."""
    return sys.platform == "linux" and lower_priority()


# -- CPUs ---------------------------------------------------------------------------


def _affinity() -> int:
    if sys.platform != "win32" and hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_quota(root: Path, mounts: Sequence[_Mount], limited_by: list[str]) -> float | None:
    tightest: float | None = None
    for group in _groups(root, mounts, "cpu"):
        if group.version == 2:
            quota, _, period = _read(group.folder / "cpu.max").partition(" ")
            source = group.folder / "cpu.max"
        else:
            source = group.folder / "cpu.cfs_quota_us"
            quota, period = _read(source), _read(group.folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0:
            cpus = int(quota) / int(period)
            if tightest is None or cpus < tightest:
                tightest = cpus
            limited_by.append(str(source))
    return tightest


# -- memory -------------------------------------------------------------------------


def _physical_memory(root: Path) -> tuple[int, int]:
    """Bytes in all and bytes free."""
    lines: dict[str, str] = dict(re.findall(r"^(\w+): +(\d+) kB$", _read(root / "proc/meminfo"), re.MULTILINE))
    if "MemTotal" in lines:
        total = int(lines["MemTotal"]) << 10
        return total, int(lines.get("MemAvailable", lines.get("MemFree", lines["MemTotal"]))) << 10
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = MEMORY_PER_WORKER * (os.cpu_count() or 1)  # nothing says; be modest
    return total, total


def _memory_limits(root: Path, mounts: Sequence[_Mount]) -> Iterator[tuple[int, int, str]]:
    """The limit, the bytes in use and the file of every control group that limits memory."""
    for group in _groups(root, mounts, "memory"):
        names = ("memory.max", "memory.current") if group.version == 2 else (
            "memory.limit_in_bytes", "memory.usage_in_bytes",
        )  # fmt: skip
        limit, used = (_read(group.folder / name) for name in names)
        if not limit.isdecimal() or int(limit) >= _UNLIMITED:
            continue
        # The kernel gives cached files back before it kills anyone.
        cached = re.findall(r"^(?:total_)?inactive_file (\d+)$", _read(group.folder / "memory.stat"), re.MULTILINE)
        in_use = (int(used) if used.isdecimal() else 0) - max(map(int, cached), default=0)
        yield int(limit), max(0, in_use), str(group.folder / names[0])


def _process_limits(root: Path) -> Iterator[tuple[int, int, str]]:
    """The limit of the address space, and what is taken of it."""
    try:
        import resource  # noqa: PLC0415 (POSIX only)
    except ImportError:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        pages = _read(root / "proc/self/statm").partition(" ")[0]
        yield limit, int(pages) * resource.getpagesize() if pages.isdecimal() else 0, "RLIMIT_AS"


# -- control groups -----------------------------------------------------------------


@dataclass(frozen=True)
class _Mount:
    """One line of /proc/self/mountinfo, proc_pid_mountinfo(5)."""

    inside: str  # which folder of the file system is mounted
    point: str
    kind: str
    options: frozenset[str]  # those of the file system


@dataclass(frozen=True)
class _Group:
    version: int
    folder: Path


def _mounts(root: Path) -> Iterator[_Mount]:
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) >= 6 and len(rest) >= 3:
            yield _Mount(_unescaped(fields[3]), _unescaped(fields[4]), rest[0], frozenset(rest[2].split(",")))


def _groups(root: Path, mounts: Sequence[_Mount], controller: str) -> Iterator[_Group]:
    """The control groups that this process is in, innermost first, up to the mount."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3:
            continue
        number, controllers, path = parts
        unified = number == "0" and not controllers
        if not unified and controller not in controllers.split(","):
            continue
        for mount in mounts:
            if (mount.kind == "cgroup2") if unified else (mount.kind == "cgroup" and controller in mount.options):
                top = root / mount.point.lstrip("/")
                below = PurePosixPath(path)
                # What is mounted here is the subtree `inside`; a group outside of it cannot be seen.
                seen = below.is_relative_to(mount.inside) and ".." not in below.parts  # cgroup_namespaces(7)
                inner = below.relative_to(mount.inside) if seen else PurePosixPath()
                for depth in range(len(inner.parts), -1, -1):
                    yield _Group(2 if unified else 1, top.joinpath(*inner.parts[:depth]))
                break


def _unescaped(text: str) -> str:
    """Blanks and backslashes stand as octal numbers in mountinfo."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _read(path: Path) -> str:
    """The text of a kernel file, without trailing blanks; empty when there is none."""
    try:
        return path.read_text("utf-8", "surrogateescape").rstrip()
    except OSError:
        return ""


# -- scratch and disks --------------------------------------------------------------


def _scratch(root: Path, mounts: Sequence[_Mount], most: int) -> Iterator[Scratch]:
    """Each tmpfs for temporary files: shared memory, the user's run-time folder, /tmp where it is one."""
    points = {mount.point for mount in mounts if mount.kind == "tmpfs"}
    for point in ("/dev/shm", f"/run/user/{_user()}", "/tmp", "/var/tmp"):  # noqa: S108 (looked at, not used by name)
        folder = root / point.lstrip("/")
        if point in points and os.access(folder, os.W_OK | os.X_OK):
            with contextlib.suppress(OSError):
                status = os.statvfs(folder)
                yield Scratch(folder, min(status.f_bavail * status.f_frsize, most))


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else -1


def _io_priorities(root: Path) -> bool:
    active = re.compile(r"\[([\w-]+)\]")
    return any(
        match[1] in _IO_SCHEDULERS
        for path in (root / "sys/block").glob("*/queue/scheduler")
        if (match := active.search(_read(path)))
    )
