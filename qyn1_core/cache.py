"""The build cache: what was computed from plain bytes, kept sealed (docs/incremental.md).

Every entry is a file of its own under a keyed name, encrypted and authenticated::

    magic (10 bytes) | salt (32 random bytes) | ChaCha20-Poly1305 of the content, name as associated data

The entry's key is HKDF-SHA256 of the cache key with the salt. The salt is drawn anew
for every write, so each key seals one message only and the nonce may be constant.
Names are HMAC-SHA256, so that a folder listing tells nothing about the content.

Entries appear whole (temporary file, rename), so any number of processes may use a
folder at once, and a crash leaves at most a temporary file, which `trim` removes.
An entry that does not authenticate is removed and counts as absent.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from qyn1_core.envelope.default_identity import IDENTITY_FILE_VARIABLE, default_identity_path
from qyn1_core.envelope.derivation import hkdf
from qyn1_core.errors import AuthenticationError, ConfigError, KeyUnavailable, PermissionDenied
from qyn1_core.output import TEMPORARY_PREFIX, whole_file
from qyn1_plugins.spec import CipherProvider

__all__ = ["KEY_FILE_VARIABLE", "SealedStore", "cache_key", "cache_key_path", "make_cache_folder"]

KEY_FILE_VARIABLE: Final = "QYN1_CACHE_KEY_FILE"
_KEY_SIZE: Final = 32
_MAGIC: Final = b"QYN1CACHE\x01"
_SALT_SIZE: Final = 32
_TAG_SIZE: Final = 16
_NONCE: Final = bytes(12)
_LABEL: Final = b"qyn1/cache/v1/"
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_ABANDONED_SECONDS: Final = 3600
_TRIM_PARTS: Final = 10  # a full cache is cut back by one part in so many, so that not every run has to
_TAG: Final = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n"
    b"# A cache made by qyn1; see https://bford.info/cachedir/. It may be deleted at any time.\n"
)


class SealedStore:
    """Sealed entries by name in one folder, at most about ``limit`` bytes of them.

    ``problem`` says why something could not be written (None: all could); packing goes
    on without it. ``damaged`` counts entries that did not authenticate.
    """

    def __init__(
        self,
        folder: Path,
        key: bytes,
        cipher: CipherProvider,
        *,
        limit: int,
        randomness: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._folder = folder
        self._key = key
        self._names = hkdf(key, b"", _LABEL + b"names", _KEY_SIZE)
        self._cipher = cipher
        self._limit = limit
        self._randomness = randomness
        self._wrote = False
        self.problem: str | None = None
        self.damaged = 0

    def name(self, *parts: bytes) -> str:
        """The name of the entry that ``parts`` describe: equal parts, equal name."""
        mac = hmac.new(self._names, digestmod="sha256")
        for part in parts:
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.hexdigest()

    def _entry_key(self, salt: bytes) -> bytes:
        return hkdf(self._key, salt, _LABEL + b"entry", _KEY_SIZE)

    def get(self, name: str) -> bytes | None:
        """The content of the entry ``name``; None when it is absent, unreadable or damaged."""
        path = self._folder / name
        try:
            sealed = path.read_bytes()
        except OSError:
            return None
        salt = sealed[len(_MAGIC) : len(_MAGIC) + _SALT_SIZE]
        content = sealed[len(_MAGIC) + _SALT_SIZE :]
        if sealed.startswith(_MAGIC) and len(content) >= _TAG_SIZE:
            with contextlib.suppress(AuthenticationError):
                opened = self._cipher.open(self._entry_key(salt), [_NONCE], [content], name.encode("ascii"))[0]
                with contextlib.suppress(OSError):
                    os.utime(path)  # what was used last is kept longest
                return opened
        self.damaged += 1
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, name: str, content: bytes) -> None:
        """Keep ``content`` as the entry ``name``. After a first failure nothing more is tried."""
        if self.problem is not None:
            return
        salt = self._randomness(_SALT_SIZE)
        sealed = self._cipher.seal(self._entry_key(salt), [_NONCE], [content], name.encode("ascii"))[0]
        temporary = self._folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp"
        try:
            # No fsync: an entry that a crash has cut short does not authenticate, and is made anew.
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + salt)
                file.write(sealed)
            temporary.replace(self._folder / name)
        except OSError as error:
            self.problem = error.strerror or str(error)
            with contextlib.suppress(OSError):
                temporary.unlink()
        self._wrote = True

    def trim(self) -> None:
        """Remove what was not used for longest until the limit holds, if this store has written anything."""
        if not self._wrote:
            return
        entries: list[tuple[float, int, str]] = []
        with contextlib.suppress(OSError), os.scandir(self._folder) as listing:
            for entry in listing:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if _NAME.fullmatch(entry.name):
                        entries.append((status.st_mtime, status.st_size, entry.path))
                    elif entry.name.startswith(TEMPORARY_PREFIX) and status.st_mtime < time.time() - _ABANDONED_SECONDS:
                        Path(entry.path).unlink()
        total = sum(size for _, size, _ in entries)
        if total <= self._limit:
            return
        for _, size, path in sorted(entries):
            if total <= self._limit - self._limit // _TRIM_PARTS:
                break
            with contextlib.suppress(OSError):  # another process may have removed it
                Path(path).unlink()
            total -= size


def cache_key_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the cache key is, or would be: ``QYN1_CACHE_KEY_FILE``, else beside the default identity."""
    named = environ.get(KEY_FILE_VARIABLE)
    if named:
        return Path(named)
    return default_identity_path({**environ, IDENTITY_FILE_VARIABLE: ""}).with_name("cache.key")


def cache_key(environ: Mapping[str, str] = os.environ, *, randomness: Callable[[int], bytes] = os.urandom) -> bytes:
    """The 32 bytes that all caches of this user are sealed with; made on first use, mode 0600.

    Raises `KeyUnavailable` for a key file that others can reach or that holds no key, and
    `PermissionDenied` when none can be made.
    """
    path = cache_key_path(environ)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # Of several processes that get here at once one gives the file its name.
            with contextlib.suppress(PermissionDenied), whole_file(path, mode=0o600) as file:
                file.write(randomness(_KEY_SIZE).hex().encode("ascii") + b"\n")
        mode = path.stat().st_mode
        text = path.read_bytes()[: 2 * _KEY_SIZE + 2]
    except OSError as error:
        raise PermissionDenied(
            f"the cache key {path} cannot be made or read: {error.strerror or type(error).__name__}; set "
            f"{KEY_FILE_VARIABLE} to a place that can be written, or pack without a cache"
        ) from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyUnavailable(f"others can read the cache key {path}; run: chmod 600 {path}")
    if not re.fullmatch(rb"[0-9a-f]{64}\r?\n?", text):
        raise KeyUnavailable(f"{path} holds no cache key: delete it, a new one is made (and the cache built anew)")
    return bytes.fromhex(text.decode("ascii"))


def make_cache_folder(folder: Path) -> None:
    """Make ``folder``, if need be, and mark it as a cache. Raises `ConfigError` or `PermissionDenied`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / "CACHEDIR.TAG").exists():
            (folder / "CACHEDIR.TAG").write_bytes(_TAG)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"{folder} is not a folder; name another one") from None
    except OSError as error:
        raise PermissionDenied(f"{folder} cannot be used: {error.strerror}; name another folder") from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionDenied(f"no permission to write in {folder}; name another folder")
