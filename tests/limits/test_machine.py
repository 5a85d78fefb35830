"""What a machine or container allows is read from the kernel's files, and obeyed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qyn1_core import limits
from qyn1_core.errors import ConfigError, NotFound, PermissionDenied
from qyn1_core.limits import Machine, Scratch, choose_workers, machine, scratch_folder

GIB = 1 << 30
MIB = 1 << 20
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"
V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)
SAMPLE = Machine(4, 4, None, 16 * GIB, 8 * GIB, (), (), io_priorities=False)


@pytest.fixture(autouse=True)
def _eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_affinity", lambda: 8)


def _system(root: Path, cgroup: str, mounts: str, **files: str) -> Path:
    """A root with the kernel's files. In ``files``, ``__`` stands for a slash and ``_dot_`` for a dot."""
    texts = {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts}
    texts.update(
        {"sys/fs/cgroup/" + name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}
    )
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_without_limits_memory_and_cpus_are_those_of_the_machine(tmp_path: Path) -> None:
    found = machine(_system(tmp_path, "0::/\n", V2))
    assert (found.cpus, found.cpu_quota) == (8, None)
    assert (found.memory_total, found.memory_free, found.limited_by) == (16 * GIB, 8 * GIB, ())


def test_cgroup_v2_the_tightest_level_holds(tmp_path: Path) -> None:
    root = _system(
        tmp_path, "0::/pod/job\n", V2,
        pod__job__cpu_dot_max="max 100000\n", pod__cpu_dot_max="300000 100000\n", cpu_dot_max="500000 100000\n",
        pod__job__memory_dot_max=f"{4 * GIB}\n", pod__memory_dot_max=f"{2 * GIB}\n",
        pod__job__memory_dot_current=f"{GIB}\n", pod__memory_dot_current=f"{GIB + 512 * MIB}\n",
        pod__memory_dot_stat=f"anon 1\ninactive_file {256 * MIB}\nactive_file 7\n",
    )  # fmt: skip
    found = machine(root)
    assert (found.cpus, found.cpu_quota) == (3, 3.0)
    assert found.memory_total == 2 * GIB
    assert found.memory_free == 2 * GIB - (GIB + 256 * MIB)
    assert [Path(name).name for name in found.limited_by] == ["cpu.max", "cpu.max", "memory.max", "memory.max"]


def test_cgroup_v2_without_a_limit_says_max(tmp_path: Path) -> None:
    found = machine(_system(tmp_path, "0::/a\n", V2, a__cpu_dot_max="max 100000", a__memory_dot_max="max"))
    assert (found.cpus, found.memory_total, found.limited_by) == (8, 16 * GIB, ())


def test_cgroup_v1(tmp_path: Path) -> None:
    root = _system(
        tmp_path, "7:memory:/job\n3:cpu,cpuacct:/job\n1:name=systemd:/x\n", V1,
        **{"cpu,cpuacct__job__cpu_dot_cfs_quota_us": "150000\n", "cpu,cpuacct__job__cpu_dot_cfs_period_us": "100000\n"},
        **{"cpu,cpuacct__cpu_dot_cfs_quota_us": "-1\n", "cpu,cpuacct__cpu_dot_cfs_period_us": "100000\n"},
        memory__job__memory_dot_limit_in_bytes=f"{512 * MIB}\n",
        memory__job__memory_dot_usage_in_bytes=f"{200 * MIB}\n",
        memory__job__memory_dot_stat=f"inactive_file 1\ntotal_inactive_file {100 * MIB}\n",
        memory__memory_dot_limit_in_bytes="9223372036854771712\n",
    )  # fmt: skip
    found = machine(root)
    assert (found.cpus, found.cpu_quota) == (1, 1.5)
    assert (found.memory_total, found.memory_free) == (512 * MIB, 412 * MIB)


def test_a_container_that_sees_only_its_own_group(tmp_path: Path) -> None:
    mounts = "35 31 0:32 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
    found = machine(
        _system(tmp_path, "0::/docker/abc/in\n", mounts, in__cpu_dot_max="200000 100000", memory_dot_max="99")
    )
    assert (found.cpus, found.memory_total, found.memory_free) == (2, 99, 99)
    found = machine(_system(tmp_path, "0::/somewhere/else\n", mounts, cpu_dot_max="100000 100000"))
    assert found.cpus == 1


def test_a_mount_point_with_blanks_is_found(tmp_path: Path) -> None:
    mounts = "35 31 0:32 / /sys/fs/cgroup/a\\040b rw - cgroup2 cgroup rw\n"
    assert machine(_system(tmp_path, "0::/\n", mounts, **{"a b__cpu_dot_max": "100000 100000"})).cpus == 1


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("10000", 1), ("100000", 1), ("150000", 1), ("151000", 2), ("250000", 2), ("260000", 3), ("9900000", 8)],
)
def test_a_part_of_a_cpu_is_rounded(tmp_path: Path, quota: str, cpus: int) -> None:
    assert machine(_system(tmp_path, "0::/\n", V2, cpu_dot_max=f"{quota} 100000")).cpus == cpus


@pytest.mark.parametrize("text", ["", "\n", "garbage", "- - -\n::\n:::\n", "0::/../..\n", "max\n"])
def test_files_that_make_no_sense_limit_nothing(tmp_path: Path, text: str) -> None:
    root = _system(tmp_path, text, V2 + text, cpu_dot_max=text, memory_dot_max=text)
    assert machine(root).cpus == 8
    (root / "proc/meminfo").write_text(text)
    assert machine(root).memory_total > 0


def test_a_system_without_such_files_still_has_an_answer(tmp_path: Path) -> None:
    found = machine(tmp_path)
    assert (found.cpus, found.scratch) == (8, ())
    assert found.memory_total > 0


def test_a_tmpfs_is_scratch_up_to_half_of_the_free_memory(tmp_path: Path) -> None:
    mounts = V2 + "41 24 0:25 / /dev/shm rw - tmpfs tmpfs rw\n42 24 8:1 / /tmp rw - ext4 /dev/vda rw\n"
    root = _system(tmp_path, "0::/\n", mounts, memory_dot_max="1000", memory_dot_current="200")
    (root / "dev/shm").mkdir(parents=True)
    (root / "tmp").mkdir()
    assert machine(root).scratch == (Scratch(root / "dev/shm", 400),)


@pytest.mark.parametrize(("line", "known"), [("[mq-deadline] none", True), ("mq-deadline [none]", False), ("", False)])
def test_disk_schedulers_with_priorities_are_recognised(tmp_path: Path, line: str, known: bool) -> None:
    queue = tmp_path / "sys/block/vda/queue"
    queue.mkdir(parents=True)
    (queue / "scheduler").write_text(line)
    assert machine(tmp_path).io_priorities is known


# -- decisions ----------------------------------------------------------------------


def test_one_cpu_and_512_mib_are_one_worker() -> None:
    small = replace(SAMPLE, cpus=1, affinity=1, memory_total=512 * MIB, memory_free=400 * MIB)
    assert choose_workers(0, small, 200 * MIB) == 1
    assert choose_workers(0, replace(small, cpus=8), 200 * MIB) == 1


@given(
    st.integers(1, 256), st.integers(0, 1 << 40), st.integers(0, 1 << 36), st.integers(0, 300), st.integers(0, 300)
)  # fmt: skip
def test_the_choice_stays_within_every_limit(cpus: int, free: int, each: int, limit: int, reserved: int) -> None:
    workers = choose_workers(0, replace(SAMPLE, cpus=cpus, memory_free=free), each, limit=limit, reserved_cpus=reserved)
    assert 1 <= workers <= cpus
    assert workers == 1 or workers * each <= free
    assert workers == 1 or workers <= cpus - reserved
    assert not limit or workers <= limit


def test_a_number_that_was_asked_for_is_taken() -> None:
    assert choose_workers(8, replace(SAMPLE, cpus=1, memory_free=0), GIB, limit=2, reserved_cpus=1) == 8


def test_too_small_a_machine_is_told_of() -> None:
    assert limits.warnings(SAMPLE, 4) == []
    assert limits.warnings(replace(SAMPLE, affinity=2, memory_total=GIB), 2) == []
    (cpu,) = limits.warnings(replace(SAMPLE, cpu_quota=1.5), 1)
    assert cpu == "1.5 CPU: at least 2 are advised; packing will take longer"
    (many,) = limits.warnings(SAMPLE, 5)
    assert many == "5 concurrent workers on 4 CPU: more workers than CPUs only cost memory"
    (memory,) = limits.warnings(replace(SAMPLE, memory_total=900 * MIB), 2)
    assert memory.startswith("900 MiB of memory for 2 concurrent worker(s): at least 512 MiB each are advised")


def test_scratch_goes_where_there_is_room(tmp_path: Path) -> None:
    found = replace(SAMPLE, scratch=(Scratch(Path("/small"), 10), Scratch(Path("/large"), 100)))
    assert scratch_folder("memory", found, 1) is None
    assert scratch_folder("auto", found, 50) == Path("/large")
    assert scratch_folder("auto", found, 500) == Path(tempfile.gettempdir())
    assert scratch_folder(str(tmp_path), found, 1 << 60) == tmp_path


def test_scratch_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFound, match="no/such: no such folder; create it"):
        scratch_folder(str(tmp_path / "no/such"), SAMPLE, 1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file: not a folder"):
        scratch_folder(str(tmp_path / "file"), SAMPLE, 1)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionDenied, match="permission to write there is missing"):
        scratch_folder(str(tmp_path), SAMPLE, 1)


# -- the real system ----------------------------------------------------------------


def _in_a_process(program: str, *, before: str = "") -> str:
    source = f"import os, resource, threading\n{before}\nfrom qyn1_core.limits import *\n{program}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="address-space limits hold on Linux")
def test_an_address_space_limit_counts() -> None:
    output = _in_a_process(
        "found = machine()\n"
        "print(found.memory_total, found.memory_free, choose_workers(0, found, 400 << 20), *found.limited_by)",
        before="resource.setrlimit(resource.RLIMIT_AS, (768 << 20, 768 << 20))",
    )
    total, free, workers, *limited_by = output.split()
    assert int(total) == 768 << 20
    assert int(free) < 768 << 20
    assert workers == "1"
    assert "RLIMIT_AS" in limited_by


@pytest.mark.skipif(sys.platform != "linux", reason="affinity masks are Linux's")
def test_an_affinity_mask_counts() -> None:
    output = _in_a_process(
        "found = machine()\nprint(found.affinity, found.cpus)",
        before="os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    )
    assert output == "1 1"


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no nice values here")
def test_priority_is_lowered_for_the_calling_thread_only() -> None:
    program = (
        "mine = os.nice(0)\n"
        "seen = []\n"
        "def lower(): seen.append((lower_priority(), os.nice(0), lower_priority(), os.nice(0)))\n"
        "thread = threading.Thread(target=lower)\n"
        "thread.start(); thread.join()\n"
        "print(mine == os.nice(0), seen[0])"
    )
    assert _in_a_process(program) == "True (True, 10, True, 10)"


def _cgroup_v1_memory() -> Path | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines() if Path("/proc/self/cgroup").exists() else ():
        _, controllers, path = line.split(":", 2)
        folder = Path("/sys/fs/cgroup/memory", path.lstrip("/"))
        if controllers == "memory" and os.access(folder, os.W_OK):
            return folder
    return None


@pytest.fixture
def small_group() -> Iterator[Path]:
    """A control group of 512 MiB, for one process."""
    parent = _cgroup_v1_memory()
    if parent is None:
        pytest.skip("no control group (v1) that we may make children of")
    group = parent / f"qyn1-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "memory.limit_in_bytes").write_text(str(512 * MIB))
        yield group
    finally:
        group.rmdir()


def test_a_real_control_group_counts(small_group: Path) -> None:
    output = _in_a_process(
        "found = machine()\n"
        "print(found.memory_total, found.memory_free <= found.memory_total, choose_workers(0, found, 256 << 20))",
        before=f"open('{small_group}/cgroup.procs', 'w').write(str(os.getpid()))",
    )
    assert output == f"{512 * MIB} True 1"


def test_a_container_of_one_cpu_and_512_mib_packs_with_one_worker_below_its_limit(
    small_group: Path, tmp_path: Path
) -> None:
    output = _in_a_process(
        "import email\n"
        "from pathlib import Path\n"
        "from qyn1_core import Sealing, pack, resolve\n"
        "from qyn1_plugins.host import default_host\n"
        "project, host = Path(email.__file__).parent, default_host(environ={'QYN1_DISABLE_PLUGIN_AUTOLOAD': '1'})\n"
        "options = {'mode': 'fast', 'exclude': ('__pycache__',), 'block_size': '64 KiB'}\n"
        "priors = resolve(project, command_line=options, environ={}, host=host)\n"
        f"report = pack(project, Path({str(tmp_path / 'x.qyn1')!r}), Sealing.open(), priors=priors, host=host)\n"
        "print(report.workers, report.blocks)",
        before=f"open('{small_group}/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "if hasattr(os, 'sched_setaffinity'): os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
    )
    workers, blocks = map(int, output.split())
    assert (workers, blocks > 1) == (1, True)
    assert int((small_group / "memory.failcnt").read_text()) == 0
    assert int((small_group / "memory.max_usage_in_bytes").read_text()) < 512 * MIB
