"""Imports modules straight from a sealed package, in the manner of `zipimport`.

::

    import qyn1_core.importer

    qyn1_core.importer.install("app.qyn1", identity="key.txt")
    import app

The package takes a place in `sys.path`, and a path hook finds what lies below it, so
namespace packages, `pkgutil`, `runpy` and `importlib.resources` work as they do with
folders, and children that `multiprocessing` spawns find it again. Blocks are decrypted
and decoded in memory when something in them is first imported; nothing is written,
neither plain source nor bytecode.

The source stays out of tracebacks, `inspect.getsource` and debuggers unless that is asked
for (``show_source``, or ``QYN1_SHOW_SOURCE=1``). This is convenience, not secrecy
against whoever owns the machine: the interpreter has to have the code, and so can they.
docs/importer.md says more.
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.machinery import ModuleSpec, SourceFileLoader
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from qyn1_core.archive.reader import ArchiveReader, compressor_of
from qyn1_core.contents import Contents
from qyn1_core.envelope.opening import HEAD_SIZE, is_age, open_envelope
from qyn1_core.errors import KeyUnavailable, NotFound, PermissionDenied, PluginError
from qyn1_core.keys import identities_from
from qyn1_core.reading_host import ReadingHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.abc import ExecutionLoader as _ExecutionLoader
    from importlib.abc import PathEntryFinder as _PathEntryFinder
    from types import CodeType, ModuleType
    from typing import Any

    from typing_extensions import Buffer

    from qyn1_core.archive import ReadableSource
    from qyn1_core.envelope import Identity

    if sys.version_info >= (3, 11):
        from importlib.resources.abc import TraversableResources
    else:
        from importlib.abc import TraversableResources
else:  # at run time they would bring `importlib.resources` with them, and give nothing that is not here
    _ExecutionLoader = _PathEntryFinder = object

__all__ = ["SealedFinder", "SealedImportError", "SealedLoader", "install", "uninstall", "unseal"]

_YES: Final = ("1", "true", "yes", "on")
_UNCHECKED: Final = (1).to_bytes(4, "little")  # flags of PEP 552: by hash (1), and not compared with it (not 2)


class SealedImportError(ImportError):
    """A sealed module is there, and the key or a plugin that opens it is not."""


class _Reference(NamedTuple):
    """How a package was opened, in words that another process understands: never key material."""

    package: str
    identities: tuple[str, ...] = ()
    passphrase_file: str | None = None
    show_source: bool = False


class _Mount(NamedTuple):
    """An open package at a place in the file system.

    ``root`` is its file's path, under which its modules seem to lie. ``real`` is, for
    modules sealed inside an installed project, the folder they would lie in otherwise.
    """

    root: str
    contents: Contents
    reference: _Reference
    real: str | None = None

    def virtual_path(self, path: str) -> str:
        """Where ``path`` of the package seems to be."""
        return os.path.join(self.root, *path.split("/")) if path else self.root  # noqa: PTH118  (sys.path holds texts)

    def real_path(self, path: str) -> str | None:
        """Where ``path`` of the package would be if nothing were sealed."""
        if self.real is None:
            return None
        return os.path.join(self.real, *path.split("/")) if path else self.real  # noqa: PTH118


_mounts: Final[dict[str, _Mount]] = {}
_mounts_lock: Final = threading.RLock()


class _Entry(str):
    """An entry of `sys.path`. Pickled, as `multiprocessing` does for its children, it mounts its package there."""

    __slots__ = ()

    def __reduce__(self) -> tuple[object, ...]:
        mount = _mount_of(self)
        if mount is None:
            return str, (str(self),)
        return _mounted_entry, (str(self), *mount.reference)


def _mounted_entry(
    entry: str, package: str, identities: tuple[str, ...], passphrase_file: str | None, show_source: bool
) -> _Entry:
    _mount(_Reference(package, identities, passphrase_file, show_source), ())
    return _Entry(entry)


def install(
    package: str | os.PathLike[str],
    *,
    identity: str | os.PathLike[str] | Identity | Sequence[str | os.PathLike[str] | Identity] = (),
    passphrase_file: str | None = None,
    root: str = "",
    first: bool = True,
    show_source: bool = False,
) -> str:
    """Make the modules of ``package`` importable; the new entry of `sys.path`, which `uninstall` takes.

    ``identity`` names identity files or ``SCHEME:REFERENCE`` of key providers, or is an
    identity already (one that children of this process do not inherit); where it is
    absent, keys are looked for as the ``qyn1`` command does (docs/keys.md).
    ``root`` is the folder in the package that holds the modules, as ``src``. ``first``
    puts them before everything else that is on the path, else after it. Raises
    `KeyUnavailable`, `AuthenticationError`, `FormatError` or `NotFound`.
    """
    # A `Protocol` would be asked with isinstance at the price of importing what is behind it.
    single = isinstance(identity, str | os.PathLike) or hasattr(identity, "unwrap")
    given = cast(
        "list[str | os.PathLike[str] | Identity]", [identity] if single else list(cast("Sequence[Any]", identity))
    )
    references = tuple(os.fspath(item) for item in given if isinstance(item, str | os.PathLike))
    reference = _Reference(
        os.path.abspath(os.fspath(package)),  # noqa: PTH100  (links stay: the name is the user's)
        references,
        passphrase_file,
        show_source,
    )
    mount = _mount(reference, [item for item in given if not isinstance(item, str | os.PathLike)])
    root = root.strip("/")
    if not mount.contents.is_folder(root):
        raise NotFound(f"{package} has no folder {root!r}; `qyn1 list` shows what it has")
    entry = _Entry(mount.virtual_path(root))
    if entry not in sys.path:
        sys.path.insert(0 if first else len(sys.path), entry)
    return entry


def uninstall(entry: str) -> None:
    """Take back what `install` did: nothing more is imported from there. What has been imported stays."""
    mount = _mount_of(entry)
    if entry in sys.path:
        sys.path.remove(entry)
    if mount is not None:
        _forget(mount.root)


def unseal(namespace: dict[str, Any], module: str, package: str) -> None:
    """Run a module that an installed project carries sealed, in place of the file that calls this.

    ``namespace`` are the globals of that file, ``module`` its path and ``package`` that of the sealed
    package, both relative to the folder the project is installed in. Raises
    `SealedImportError` when no key opens the package, or a plugin is missing that it needs.
    """
    file = os.path.abspath(namespace["__file__"])  # noqa: PTH100
    real = file
    for _ in module.split("/"):
        real = os.path.dirname(real)  # noqa: PTH120
    path = os.path.join(real, *package.split("/"))  # noqa: PTH118
    name = str(namespace["__name__"])
    try:
        mount = _mount(_Reference(path), (), real=real)
    except (KeyUnavailable, PluginError) as error:
        raise SealedImportError(f"{name} is sealed in {path}: {error}", name=name, path=path) from None
    spec = namespace.get("__spec__")
    loader = SealedLoader(mount, spec.name if spec is not None else name, module, file=file)
    code = loader.get_code(loader.name)
    namespace["__loader__"] = loader
    if spec is not None:
        spec.loader = loader
        if spec.submodule_search_locations is not None:
            here = mount.virtual_path(module.rpartition("/")[0])
            if here not in spec.submodule_search_locations:
                spec.submodule_search_locations.append(here)
    exec(code, namespace)  # noqa: S102  (this is what importing means)


# -- mounts ------------------------------------------------------------------------


def _mount(reference: _Reference, identities: Sequence[Identity], *, real: str | None = None) -> _Mount:
    with _mounts_lock:
        mount = _mounts.get(reference.package)
        if mount is None or mount.reference != reference:
            contents = Contents(_open(reference, identities))
            mount = _Mount(reference.package, contents, reference, real)
            _forget(mount.root)
            _mounts[mount.root] = mount
            if _hook not in sys.path_hooks:
                sys.path_hooks.insert(0, _hook)
        return mount


def _forget(root: str) -> None:
    with _mounts_lock:
        _mounts.pop(root, None)
        for path in list(sys.path_importer_cache):
            if _relative(root, path) is not None:
                sys.path_importer_cache.pop(path, None)


def _open(reference: _Reference, given: Sequence[Identity]) -> ArchiveReader:
    try:
        # All of it: a descriptor would share its position with the children of a fork.
        with open(reference.package, "rb") as file:  # noqa: PTH123
            sealed = file.read()
    except FileNotFoundError:
        raise NotFound(f"{reference.package} does not exist") from None
    except IsADirectoryError:
        raise NotFound(f"{reference.package} is a folder, not a package") from None
    except PermissionError:
        raise PermissionDenied(f"no permission to read {reference.package}") from None
    source, host = BytesIO(sealed), ReadingHost()
    if not is_age(sealed[:HEAD_SIZE]):
        return _reader(source, host)
    identities = list(given)
    if not identities or reference.identities or reference.passphrase_file:
        identities += identities_from(host, reference.identities, reference.passphrase_file)
    if not identities:
        raise KeyUnavailable(
            "no key was found; name an identity file in QYN1_IDENTITY_FILE, or put it where `qyn1 keygen` does"
        )
    return _reader(open_envelope(source, identities, cipher=host.cipher()).payload, host)


def _reader(source: ReadableSource, host: ReadingHost) -> ArchiveReader:
    reader = ArchiveReader(source, host)
    for method in reader.directory.methods:
        compressor_of(host, method)  # what is missing is said now, and not in the middle of an import
    return reader


def _mount_of(path: str) -> _Mount | None:
    with _mounts_lock:
        return next((mount for mount in _mounts.values() if _relative(mount.root, path) is not None), None)


def _relative(root: str, path: str) -> str | None:
    """``path`` as seen from the package ``root``, with forward slashes; None when it is not in it."""
    if path == root:
        return ""
    if path.startswith(root + os.sep):
        return path[len(root) + 1 :].replace(os.sep, "/").strip("/")
    return None


# -- what the import system asks ---------------------------------------------------------


def _hook(path: str) -> SealedFinder:
    """The path hook: a finder for a folder of a mounted package, `ImportError` for every other path."""
    mount = _mount_of(path)
    folder = None if mount is None else _relative(mount.root, path)
    if mount is None or folder is None or not mount.contents.is_folder(folder):
        raise ImportError(f"{path} is not in a sealed package", path=path)
    return SealedFinder(mount, folder)


class SealedFinder(_PathEntryFinder):
    """Finds modules in one folder of a mounted package."""

    def __init__(self, mount: _Mount, folder: str) -> None:
        self._mount = mount
        self._folder = folder

    def __repr__(self) -> str:
        return f"SealedFinder({self._mount.virtual_path(self._folder)!r})"

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module or package ``fullname``; a spec without loader for a portion of a namespace package."""
        del target
        contents = self._mount.contents
        path = self._below(fullname.rpartition(".")[2])
        for file, is_package in ((f"{path}/__init__.py", True), (f"{path}.py", False)):
            if contents.is_file(file):
                return self._spec(fullname, file, path if is_package else None)
        if not contents.is_folder(path):
            return None
        whole = self._mount.real is None and self._in_package()
        spec = ModuleSpec(fullname, SealedLoader(self._mount, fullname, path) if whole else None, is_package=True)
        spec.submodule_search_locations = [self._mount.virtual_path(path)]
        return spec

    def iter_modules(self, prefix: str = "") -> Iterator[tuple[str, bool]]:
        """What `pkgutil` lists: names, and whether they are packages."""
        contents = self._mount.contents
        for name in contents.names(self._folder):
            stem, dot, suffix = name.partition(".")
            path = self._below(name)
            if dot and suffix == "py" and stem != "__init__" and contents.is_file(path):
                yield prefix + stem, False
            elif not dot and contents.is_file(f"{path}/__init__.py"):
                yield prefix + stem, True

    def _below(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name

    def _in_package(self) -> bool:
        """Whether this folder belongs to an ordinary package, so that what lies in it belongs to nobody else."""
        return self._mount.contents.is_file(self._below("__init__.py"))

    def _spec(self, fullname: str, file: str, package: str | None) -> ModuleSpec:
        mount = self._mount
        location = mount.real_path(file) or mount.virtual_path(file)
        loader = SealedLoader(mount, fullname, file, file=location)
        spec = ModuleSpec(fullname, loader, origin=location)
        spec.has_location = True
        if package is not None:
            real = mount.real_path(package)
            # What is not sealed (data, extension modules) still lies where it always did.
            spec.submodule_search_locations = [*([real] if real is not None else []), mount.virtual_path(package)]
        return spec


class SealedLoader(_ExecutionLoader):
    """Loads one module. ``path`` is its file in the package, or a folder that is a package of its own."""

    if not TYPE_CHECKING:
        # As every loader that has `get_code`; the import system leaves the frames of this one out of tracebacks.
        exec_module = SourceFileLoader.exec_module

    def __init__(self, mount: _Mount, name: str, path: str, *, file: str | None = None) -> None:
        self.name = name
        self._mount = mount
        self._path = path
        self._file = file
        self._folder = path if file is None else path.rpartition("/")[0]

    def __repr__(self) -> str:
        return f"SealedLoader({self._mount.virtual_path(self._path)!r})"

    def create_module(self, spec: ModuleSpec) -> None:
        """None: the import system makes the module."""

    def is_package(self, fullname: str) -> bool:
        """Whether it is a package."""
        del fullname
        return self._file is None or self._path.rpartition("/")[2] == "__init__.py"

    def get_filename(self, fullname: str) -> str:
        """The value of ``__file__``."""
        if self._file is None:
            raise ImportError(f"{fullname} is a folder without __init__.py", name=fullname)
        return self._file

    def get_code(self, fullname: str) -> CodeType:
        """The module, compiled. Its code names the sealed package as its file, wherever it seems to be installed."""
        del fullname
        if self._file is None:
            return compile(b"", self._mount.virtual_path(self._path), "exec", dont_inherit=True)
        return cast("CodeType", _CodeLoader(self._mount, self.name, self._path).get_code(self.name))

    def get_source(self, fullname: str) -> str | None:
        """The source text if it may be shown, else None, as for a module that has none."""
        shown = self._mount.reference.show_source or os.environ.get("QYN1_SHOW_SOURCE", "").lower() in _YES
        if self._file is None or not shown:
            return None
        from importlib.util import decode_source  # noqa: PLC0415

        try:
            return decode_source(self._mount.contents.read(self._path))
        except (SyntaxError, UnicodeDecodeError) as error:
            raise ImportError(f"{fullname}: its source has no usable encoding: {error}", name=fullname) from error

    def get_data(self, path: str | bytes) -> bytes:
        """The bytes of a file beside the module, by its path. Raises `OSError` when there is none."""
        place = os.fsdecode(path)
        for root in (self._mount.root, self._mount.real):
            inside = None if root is None else _relative(root, place)
            if inside is not None and self._mount.contents.is_file(inside):
                return self._mount.contents.read(inside)
        with open(place, "rb") as file:  # noqa: PTH123
            return file.read()

    def get_resource_reader(self, fullname: str) -> TraversableResources | None:
        """For `importlib.resources`: files in the package; those beside it where it is part of an installed project."""
        if not self.is_package(fullname):
            return None
        from pathlib import Path  # noqa: PLC0415

        from qyn1_core.resources import SealedPath, SealedResources  # noqa: PLC0415  (few programs need them)

        real = self._mount.real_path(self._folder)
        if real is not None and Path(real).is_dir():
            return SealedResources(Path(real))
        return SealedResources(SealedPath(self._mount.contents, self._folder, self._mount.root))


class _CodeLoader(SourceFileLoader):
    """Turns one module into code as the import system does, with the package in the place of the disk.

    The code names the module's path in the package as its file. Bytecode (`qyn1_core.bytecode`) stands for
    the source that it was sealed with: nobody can have changed one and not the other.
    """

    def __init__(self, mount: _Mount, name: str, module: str) -> None:
        super().__init__(name, mount.virtual_path(module))
        self._contents = mount.contents
        self._module = module
        folder, slash, file = module.rpartition("/")
        self._bytecode = f"{folder}{slash}__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"

    def path_stats(self, path: str) -> dict[str, int]:
        """Raises `OSError` where there is no bytecode to compare them with, so that none is made either."""
        if sys.flags.optimize or not self._contents.is_file(self._bytecode):
            raise FileNotFoundError(path)
        return {"mtime": 0}

    def get_data(self, path: str) -> bytes:
        """The source, or the bytecode that goes with it."""
        if path == self.path:
            return self._contents.read(self._module)
        data = self._contents.read(self._bytecode)
        if len(data) < 16 or not data[4] & 1:
            raise OSError(f"{path} goes by the time of its source, which a package does not keep")
        return data[:4] + _UNCHECKED + data[8:]

    def set_data(self, path: str, data: Buffer, *, _mode: int = 0o666) -> None:
        """Nothing is written."""
