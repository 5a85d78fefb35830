"""`pack`: a project's files into one sealed package."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from qyn1_core import envelope, work
from qyn1_core.archive import ArchiveWriter, EntryKind, Method, UnsafePath, check_tree
from qyn1_core.archive.directory import PRIOR_DIGEST_SIZE
from qyn1_core.archive.layout import VERSION
from qyn1_core.errors import ConfigError, SourceError
from qyn1_core.limits import choose_workers, machine, scratch_folder
from qyn1_core.output import whole_file
from qyn1_core.pipeline import in_order
from qyn1_core.plan import BlockPlan, Plan, make_plan, read_block
from qyn1_core.priors import Priors, resolve
from qyn1_core.project import discover
from qyn1_core.report import PackReport, Stopwatch, peak_rss
from qyn1_plugins.host import Host, default_host
from qyn1_plugins.spec import BlockEvent, CipherProvider, Prior

__all__ = ["Sealing", "pack"]

_SPOOL: Final = 16 << 20


class Sealing:
    """How a package is closed: to whom, and whether equal input gives equal bytes.

    Made by `Sealing.to`, `Sealing.deterministic`, `Sealing.convergent` or `Sealing.open`.
    """

    def __init__(
        self,
        kind: str,
        recipients: Sequence[envelope.Recipient] = (),
        *,
        secret: bytes | None = None,
        armor: bool = False,
    ) -> None:
        self.kind = kind
        self.recipients = tuple(recipients)
        self.secret = secret
        self.armor = armor

    def __repr__(self) -> str:
        return f"Sealing({self.kind}, {len(self.recipients)} recipients)"

    @classmethod
    def to(cls, recipients: Sequence[envelope.Recipient], *, armor: bool = False) -> Sealing:
        """Encrypted to ``recipients``, with fresh randomness."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r, or a passphrase with --passphrase-file")
        return cls("recipients", recipients, armor=armor)

    @classmethod
    def deterministic(cls, recipients: Sequence[envelope.Recipient], secret: bytes, *, armor: bool = False) -> Sealing:
        """Encrypted to ``recipients``; keys and nonces derived from ``secret`` and everything that goes in."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r")
        return cls("deterministic", recipients, secret=secret, armor=armor)

    @classmethod
    def convergent(cls, recipients: Sequence[envelope.Recipient], *, armor: bool = False) -> Sealing:
        """As `deterministic` without a secret: who can guess the whole input can confirm the guess."""
        if not recipients:
            raise ConfigError("no recipient: name one with -r")
        return cls("convergent", recipients, armor=armor)

    @classmethod
    def open(cls) -> Sealing:
        """Not encrypted and not authenticated: a bare archive."""
        return cls("none")


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
        entries = discover(
            project,
            include=priors.include,
            exclude=priors.exclude,
            skip=skip,
            permissions=priors.permissions
            or ("normalized" if sealing.kind in ("deterministic", "convergent") else "exact"),
            notes=notes,
        )
    with watch.stage("plan"):
        plan = make_plan(entries, priors, host)
        _check_names(plan)
    report = PackReport(
        output=str(output) if isinstance(output, Path) else "-",
        mode=priors.mode,
        fidelity=priors.fidelity,
        encryption=_encryption(sealing),
        deterministic=sealing.kind in ("deterministic", "convergent"),
        raw_size=sum(entry.size for entry in plan.entries),
        notes=[*notes, *plan.notes],
    )
    _count_entries(plan, report)
    cipher = host.cipher(priors.cipher)
    if isinstance(output, Path):
        with whole_file(output, force=force) as file:
            report.packed_size = _seal(file, plan, priors, sealing, host, cipher, randomness, watch, report, progress)
    else:
        report.packed_size = _seal(output, plan, priors, sealing, host, cipher, randomness, watch, report, progress)
    report.seconds = {**watch.seconds, "total": watch.total()}
    report.peak_rss = peak_rss()
    host.pack_finished(report.as_json())
    return report


def _check_names(plan: Plan) -> None:
    """What cannot be unpacked again must not be packed."""
    try:
        check_tree(
            [entry.path for entry in plan.entries if entry.kind in (EntryKind.FILE, EntryKind.COPY)],
            [entry.path for entry in plan.entries if entry.kind is EntryKind.DIRECTORY],
            {entry.path: entry.target for entry in plan.entries if entry.kind is EntryKind.SYMLINK},
            portable=False,
        )
    except UnsafePath as error:
        raise SourceError(f"the project holds {error}; exclude it", "project") from None


def _encryption(sealing: Sealing) -> str:
    if sealing.kind == "none":
        return "none"
    return ",".join(sorted({recipient.kind for recipient in sealing.recipients}))


def _count_entries(plan: Plan, report: PackReport) -> None:
    for entry in plan.entries:
        report.files += entry.kind in (EntryKind.FILE, EntryKind.COPY)
        report.copies += entry.kind is EntryKind.COPY
        report.links += entry.kind is EntryKind.SYMLINK
        report.directories += entry.kind is EntryKind.DIRECTORY


class _CountingSink:
    """Passes bytes on, timing and counting them."""

    def __init__(self, out: BinaryIO, watch: Stopwatch, stage: str) -> None:
        self._out = out
        self._watch = watch
        self._stage = stage
        self.size = 0

    def write(self, data: bytes, /) -> int:
        with self._watch.stage(self._stage):
            self._out.write(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self._out.flush()


def _seal(
    out: BinaryIO,
    plan: Plan,
    priors: Priors,
    sealing: Sealing,
    host: Host,
    cipher: CipherProvider,
    randomness: Callable[[int], bytes],
    watch: Stopwatch,
    report: PackReport,
    progress: Callable[[BlockEvent], None] | None,
) -> int:
    """Write the closed package to ``out``; its size in bytes."""
    file = _CountingSink(out, watch, "write")
    binary = cast("BinaryIO", file)
    facts = None
    if not any(recipient.kind == "scrypt" for recipient in sealing.recipients):  # its stanza stands alone in a header
        facts = envelope.PublicFacts(VERSION, _plugins_needed(plan, host), priors.name)
    if sealing.kind == "none":
        _write_archive(binary, plan, priors, host, watch, report, progress)
    elif sealing.kind == "recipients":
        with envelope.seal(
            binary, sealing.recipients, cipher=cipher, facts=facts, randomness=randomness, armor=sealing.armor
        ) as writer:
            _write_archive(
                cast("BinaryIO", _CountingSink(cast("BinaryIO", writer), watch, "encrypt")),
                plan,
                priors,
                host,
                watch,
                report,
                progress,
            )
    else:
        with _spool(priors) as archive:
            _write_archive(archive, plan, priors, host, watch, report, progress)
            with watch.stage("encrypt"):
                if sealing.secret is None:
                    envelope.seal_convergent(
                        binary, archive, sealing.recipients, cipher=cipher, facts=facts, armor=sealing.armor
                    )
                else:
                    envelope.seal_deterministic(
                        binary,
                        archive,
                        sealing.recipients,
                        cipher=cipher,
                        facts=facts,
                        sealing_secret=sealing.secret,
                        armor=sealing.armor,
                    )
    # Time spent writing is part of the time spent encrypting into it.
    if "encrypt" in watch.seconds:
        watch.seconds["encrypt"] = max(0.0, watch.seconds["encrypt"] - watch.seconds.get("write", 0.0))
    return file.size


@contextmanager
def _spool(priors: Priors) -> Iterator[BinaryIO]:
    """A place for a whole archive that leaves no name behind, even after a crash."""
    folder = scratch_folder(priors.scratch, machine(), _SPOOL)
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL, dir=None if folder is None else str(folder)) as file:
        yield cast("BinaryIO", file)


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
) -> None:
    archive = ArchiveWriter(out, host, padded=plan.padded)
    chosen = {language: host.prior(recipe.compressor, language) for language, recipe in plan.recipes.items()}
    report.workers = _workers(plan, priors, host)
    encoded = _encoded(plan, priors, host, chosen, report.workers, watch)
    for number, (block, method, result) in enumerate(encoded, start=1):
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


def _workers(plan: Plan, priors: Priors, host: Host) -> int:
    most = max(
        (host.compressor(plan.recipes[b.language].compressor).memory(b.raw_size) + 3 * b.raw_size for b in plan.blocks),
        default=0,
    )
    chosen = choose_workers(
        priors.workers, machine(), most, limit=priors.worker_limit, reserved_cpus=priors.reserved_cpus
    )
    return max(1, min(chosen, len(plan.blocks)))


def _encoded(
    plan: Plan, priors: Priors, host: Host, chosen: dict[str, Prior | None], workers: int, watch: Stopwatch
) -> Iterator[tuple[BlockPlan, Method, work.Encoded]]:
    token = work.register(host)
    provider = host.executor(priors.executor)

    def read() -> Iterator[tuple[BlockPlan, bytes]]:
        for block in plan.blocks:
            with watch.stage("read"):
                data = read_block(plan, block)
            yield block, data

    def submit(executor: Executor, task: tuple[BlockPlan, bytes]) -> Future[bytes]:
        block, data = task
        recipe = plan.recipes[block.language]
        prior = chosen[block.language]
        return executor.submit(
            work.encode_block,
            token,
            recipe.compressor,
            recipe.level,
            block.language,
            prior.digest if prior else b"",
            data,
        )

    memory = {
        language: host.compressor(recipe.compressor).memory(
            max((b.raw_size for b in plan.blocks if b.language == language), default=0)
        )
        for language, recipe in plan.recipes.items()
    }
    results = in_order(read(), submit, lambda: provider.create(workers, priors.executor_options), workers + 1)
    for (block, _), raw in results:
        result = work.Encoded.unpack(raw)
        language = block.language
        name = "store" if result.stored else plan.recipes[language].compressor
        prior = None if result.stored else chosen[language]
        yield (
            block,
            Method(
                name,
                host.compressor(name).version,
                language,
                prior.digest[:PRIOR_DIGEST_SIZE] if prior else b"",
                0 if result.stored else -(-memory[language] // 1024),
            ),
            result,
        )


def _count_block(report: PackReport, language: str, compressor: str, raw: int, packed: int) -> None:
    report.blocks += 1
    for table, key in ((report.languages, language), (report.compressors, compressor)):
        row = table.setdefault(key, {"blocks": 0, "raw_size": 0, "packed_size": 0})
        row["blocks"] += 1
        row["raw_size"] += raw
        row["packed_size"] += packed
