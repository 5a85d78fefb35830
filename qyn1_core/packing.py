"""`pack`: a project's files into one sealed package."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from qyn1_core import work
from qyn1_core.archive import ArchiveWriter, EntryKind, Method, UnsafePath, check_entries
from qyn1_core.archive.directory import PRIOR_DIGEST_SIZE
from qyn1_core.bytecode import with_bytecode
from qyn1_core.cache import SealedStore, cache_key, make_cache_folder
from qyn1_core.configuration.priors import Priors, resolve
from qyn1_core.errors import SourceError
from qyn1_core.file_index import FileIndex
from qyn1_core.limits import choose_workers, machine
from qyn1_core.output import whole_file
from qyn1_core.pipeline import Background, in_order
from qyn1_core.plan import BlockPlan, Plan, make_plan, read_block
from qyn1_core.project import ProjectEntry, discover
from qyn1_core.project_entries import by_path
from qyn1_core.report import PackReport, Stopwatch, peak_rss
from qyn1_core.room import check_room
from qyn1_core.sealing import Sealing, seal_archive
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import BlockEvent, Compressor, Prior

__all__ = ["Sealing", "block_memory", "pack", "pack_entries"]

_WRITES_KEPT: Final = 4  # cache entries that wait to be written
_STACK: Final = 8 << 20  # address space of a thread, of which it touches little


def pack(
    project: Path,
    output: Path | BinaryIO,
    sealing: Sealing,
    *,
    priors: Priors | None = None,
    force: bool = False,
    host: Host | None = None,
    randomness: Callable[[int], bytes] = os.urandom,
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[BlockEvent], None] | None = None,
) -> PackReport:
    """Pack the folder (or single file) ``project`` into ``output`` and close it as ``sealing`` says.

    ``output`` is a path, written whole or not at all, or a writable binary stream.
    ``priors`` default to what the project's manifest and the environment say.
    Errors are children of `Qyn1Error`.
    """
    host = default_host() if host is None else host
    watch = Stopwatch(clock)
    if priors is None:
        priors = resolve(project, host=host)
    notes: list[str] = []
    with watch.stage("discover"):
        skip = [output] if isinstance(output, Path) else []
        if priors.cache is not None:
            skip.append(Path(priors.cache))
        entries = discover(
            project,
            include=priors.include,
            exclude=priors.exclude,
            skip=skip,
            permissions=priors.permissions or ("normalized" if sealing.is_deterministic else "exact"),
            notes=notes,
        )
    place = os.path.realpath(project)
    return _pack(entries, output, sealing, priors, force, host, randomness, watch, notes, progress, place=place)


def pack_entries(
    entries: Sequence[ProjectEntry],
    output: Path | BinaryIO,
    sealing: Sealing,
    *,
    priors: Priors,
    language: str | None = None,
    force: bool = False,
    host: Host | None = None,
    randomness: Callable[[int], bytes] = os.urandom,
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[BlockEvent], None] | None = None,
) -> PackReport:
    """As `pack`, for exactly ``entries`` instead of what stands in a folder; their order does not matter.

    ``language`` is taken for that of every file, whatever its name and content suggest.
    """
    host = default_host() if host is None else host
    ordered = sorted(entries, key=by_path)
    return _pack(ordered, output, sealing, priors, force, host, randomness, Stopwatch(clock), [], progress, language)


def _pack(
    entries: Sequence[ProjectEntry],
    output: Path | BinaryIO,
    sealing: Sealing,
    priors: Priors,
    force: bool,
    host: Host,
    randomness: Callable[[int], bytes],
    watch: Stopwatch,
    notes: list[str],
    progress: Callable[[BlockEvent], None] | None,
    language: str | None = None,
    place: str = "",
) -> PackReport:
    """``place`` is the folder that ``entries`` come from, whose index is kept in the cache; empty: none is."""
    with contextlib.ExitStack() as stack:
        if priors.compile and language is None:
            with watch.stage("compile"):
                entries = stack.enter_context(
                    with_bytecode(entries, canonical=priors.fidelity == "canonical", host=host, notes=notes)
                )
        _check_plugins(priors, host)
        cache = None
        if priors.cache is not None:
            with priors.naming("cache"):
                make_cache_folder(Path(priors.cache))
            cipher = host.cipher(priors.cipher)
            cache = _Cache(SealedStore(Path(priors.cache), cache_key(), cipher, limit=priors.cache_size), host)
            stack.callback(cache.finish_writing)
        with watch.stage("plan"):
            index = None if cache is None else cache.index(place, priors)
            plan = make_plan(entries, priors, host, language=language, index=index)
            _check_names(plan)
        report = PackReport(
            output=str(output) if isinstance(output, Path) else "-",
            mode=priors.mode,
            fidelity=priors.fidelity,
            encryption=sealing.encryption,
            deterministic=sealing.is_deterministic,
            notes=[*notes, *plan.notes],
        )
        _count_entries(plan, report)
        with whole_file(output, force=force) if isinstance(output, Path) else contextlib.nullcontext(output) as out:
            report.packed_size = seal_archive(
                out,
                lambda archive: _write_archive(archive, plan, priors, host, watch, report, progress, cache),
                sealing,
                cipher=host.cipher(priors.cipher),
                plugins=_plugins_needed(plan, host),
                name=priors.name,
                scratch=priors.scratch,
                at_most=report.raw_size,
                randomness=randomness,
                watch=watch,
            )
        if cache is not None:
            with watch.stage("cache"):
                cache.close(report.notes)
        report.seconds = {**watch.seconds, "total": watch.total()}
        report.peak_rss = peak_rss()
        host.pack_finished(report.as_json())
        return report


def _check_plugins(priors: Priors, host: Host) -> None:
    """Say where a plugin is asked for that is not there."""
    asked: list[tuple[str, str, Callable[[str], object], str]] = []
    for language, name in priors.compressors.items():
        key = f"compressors.{language}"
        asked += [("compressors", key, host.frontend, language), ("compressors", key, host.compressor, name)]
    if priors.cipher is not None:
        asked.append(("cipher", "cipher", host.cipher, priors.cipher))
    asked.append(("executor", "executor", host.executor, priors.executor))
    for setting, key, get, name in asked:
        with priors.naming(setting, key):
            get(name)


def _check_names(plan: Plan) -> None:
    """What cannot be unpacked again must not be packed."""
    try:
        check_entries(plan.entries, portable=False)
    except UnsafePath as error:
        raise SourceError(f"the project holds {error}; exclude it", "project") from None


def _count_entries(plan: Plan, report: PackReport) -> None:
    kinds = dict.fromkeys(EntryKind, 0)
    for entry in plan.entries:
        kinds[entry.kind] += 1
        report.raw_size += entry.size
    report.copies = kinds[EntryKind.COPY]
    report.files = kinds[EntryKind.FILE] + report.copies
    report.links = kinds[EntryKind.SYMLINK]
    report.directories = kinds[EntryKind.DIRECTORY]


def _plugins_needed(plan: Plan, host: Host) -> tuple[str, ...]:
    names = sorted({recipe.compressor for recipe in plan.recipes.values()})
    return tuple(f"{name}/{host.compressor(name).version}" for name in names)


def _write_archive(
    out: BinaryIO,
    plan: Plan,
    priors: Priors,
    host: Host,
    watch: Stopwatch,
    report: PackReport,
    progress: Callable[[BlockEvent], None] | None,
    cache: _Cache | None,
) -> None:
    archive = ArchiveWriter(out, host, padded=plan.padded)
    chosen = {language: host.prior(recipe.compressor, language) for language, recipe in plan.recipes.items()}
    report.workers = _workers(plan, priors, host)
    encoded = _encoded(plan, priors, host, chosen, report.workers, watch, cache)
    for number, (block, method, result, known) in enumerate(encoded, start=1):
        report.cached_blocks += known
        archive.add_block(method, block.raw_size, result.checksum, result.payload)
        _count_block(report, block.language, method.compressor, block.raw_size, len(result.payload))
        event = BlockEvent(
            number,
            len(plan.blocks),
            block.language,
            method.compressor,
            block.raw_size,
            len(result.payload),
            result.cpu_seconds,
        )
        watch.add("encode", result.cpu_seconds)
        host.block_packed(event)
        if progress is not None:
            progress(event)
    facts = {"fidelity": priors.fidelity} if priors.fidelity != "exact" else {}
    with watch.stage("directory"):
        archive.finish(plan.entries, facts)


def block_memory(compressor: Compressor, size: int) -> int:
    """Bytes that a worker takes for a block of ``size`` bytes: the compressor's, and copies on the way in and out."""
    return work.encoder_memory(compressor, size) + 3 * size


def _workers(plan: Plan, priors: Priors, host: Host) -> int:
    blocks = len(plan.blocks)
    if blocks == 0:
        return 1
    most = max(block_memory(host.compressor(plan.recipes[b.language].compressor), b.raw_size) for b in plan.blocks)
    if priors.workers or blocks == 1:  # nothing to choose
        workers = max(1, min(priors.workers, blocks))
        if priors.executor == "threads":
            check_room(workers * (most + _STACK))
        return workers
    return min(
        choose_workers(0, machine(), most, limit=priors.worker_limit, reserved_cpus=priors.reserved_cpus), blocks
    )


class _Cache:
    """The blocks and the file index of earlier runs. What is written for later ones is written in the background."""

    def __init__(self, store: SealedStore, host: Host) -> None:
        self._store = store
        self._host = host
        self._background = Background(_WRITES_KEPT)
        self._index: FileIndex | None = None
        self._index_name: str | None = None

    def index(self, place: str, priors: Priors) -> FileIndex:
        """What is known of the files in ``place`` under everything that decides what is packed of them."""
        content = None
        if place:
            frontends = [f"{frontend.name}/{frontend.version}" for frontend in self._host.frontends()]
            facts = (place, priors.fidelity, priors.mode, str(priors.block_size), *frontends)
            self._index_name = self._store.name(b"index", *(fact.encode("utf-8", "surrogateescape") for fact in facts))
            content = self._store.get(self._index_name)
        self._index = FileIndex(content)
        return self._index

    def name(self, plan: Plan, block: BlockPlan, prior: Prior | None) -> str:
        """The name of the encoded ``block``: all that its bytes follow from."""
        recipe = plan.recipes[block.language]
        facts = (
            f"{recipe.compressor}/{self._host.compressor(recipe.compressor).version}/{recipe.level}",
            f"{block.language}/{self._host.frontend(block.language).version}",
        )
        pieces = b"".join(plan.digest(piece) + piece.size.to_bytes(8, "big") for piece in block.pieces)
        return self._store.name(
            b"block", *(fact.encode("ascii") for fact in facts), prior.digest if prior else b"", pieces
        )

    def get(self, name: str) -> bytes | None:
        """The entry ``name`` of an earlier run."""
        return self._store.get(name)

    def put(self, name: str, content: bytes) -> None:
        """Keep ``content`` for later runs."""
        self._background.do(lambda: self._store.put(name, content))

    def finish_writing(self) -> None:
        """Wait for what is being written."""
        self._background.close()

    def close(self, notes: list[str]) -> None:
        """Keep the index, hold the limit, and say in ``notes`` what went wrong."""
        self._background.close(self._put_index, self._store.trim)
        if self._store.damaged:
            notes.append(f"{self._store.damaged} damaged cache entries were removed and made anew")
        if self._store.problem is not None:
            notes.append(f"the cache could not be written: {self._store.problem}; the package is complete")

    def _put_index(self) -> None:
        if self._index is not None and self._index_name is not None and self._index.changed():
            self._store.put(self._index_name, self._index.pack())


@dataclass(frozen=True)
class _Task:
    """One block to encode: its plain ``data``, or what the cache had under ``name`` (``known``)."""

    block: BlockPlan
    data: bytes
    name: str
    known: bytes | None


def _tasks(plan: Plan, chosen: dict[str, Prior | None], cache: _Cache | None, watch: Stopwatch) -> Iterator[_Task]:
    for block in plan.blocks:
        name, known = "", None
        if cache is not None:
            with watch.stage("cache"):
                name = cache.name(plan, block, chosen[block.language])
                known = cache.get(name)
        data = b""
        if known is None:
            with watch.stage("read"):
                data = read_block(plan, block)
        yield _Task(block, data, name, known)


def _encoded(
    plan: Plan,
    priors: Priors,
    host: Host,
    chosen: dict[str, Prior | None],
    workers: int,
    watch: Stopwatch,
    cache: _Cache | None,
) -> Iterator[tuple[BlockPlan, Method, work.Encoded, bool]]:
    """Each block with its method, its payload, and whether the cache had it."""
    token = work.register(host)
    provider = host.executor(priors.executor)

    def submit(executor: Executor, task: _Task) -> Future[bytes]:
        if task.known is not None:
            done: Future[bytes] = Future()
            done.set_result(task.known)
            return done
        language = task.block.language
        recipe = plan.recipes[language]
        prior = chosen[language]
        return executor.submit(
            work.encode_block,
            token,
            priors.background,
            recipe.compressor,
            recipe.level,
            language,
            prior.digest if prior else b"",
            task.data,
        )

    largest: dict[str, int] = {}
    for block in plan.blocks:
        largest[block.language] = max(largest.get(block.language, 0), block.raw_size)
    memory = {
        language: host.compressor(recipe.compressor).memory(largest.get(language, 0))
        for language, recipe in plan.recipes.items()
    }

    def make_executor() -> Executor:
        with priors.naming("executor_options"):
            return provider.create(workers, priors.executor_options)

    tasks = _tasks(plan, chosen, cache, watch)
    for task, raw in in_order(tasks, submit, make_executor, workers + 1):
        result = work.Encoded.unpack(raw)
        if cache is not None and task.known is None:
            with watch.stage("cache"):
                cache.put(task.name, result.pack_without_time())
        language = task.block.language
        name = "store" if result.stored else plan.recipes[language].compressor
        prior = None if result.stored else chosen[language]
        method = Method(
            name,
            host.compressor(name).version,
            language,
            prior.digest[:PRIOR_DIGEST_SIZE] if prior else b"",
            0 if result.stored else -(-memory[language] // 1024),
        )
        yield task.block, method, result, task.known is not None


def _count_block(report: PackReport, language: str, compressor: str, raw: int, packed: int) -> None:
    report.blocks += 1
    for table, key in ((report.languages, language), (report.compressors, compressor)):
        row = table.setdefault(key, {"blocks": 0, "raw_size": 0, "packed_size": 0})
        row["blocks"] += 1
        row["raw_size"] += raw
        row["packed_size"] += packed
