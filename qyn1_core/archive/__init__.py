"""The QYN1 container (docs/format.md): independently decodable blocks and a directory that finds them."""

from qyn1_core.archive.directory import Directory, Extent, Method, check_entries
from qyn1_core.archive.layout import MAGIC, VERSION, checksum
from qyn1_core.archive.limits import DEFAULT_LIMITS, Limits
from qyn1_core.archive.paths import UnsafePath, check_path, check_tree
from qyn1_core.archive.reader import ArchiveReader, ReadableSource, decode_block
from qyn1_core.archive.tables import Block, Entry, EntryKind, EntryTable
from qyn1_core.archive.writer import ArchiveWriter

__all__ = [
    "DEFAULT_LIMITS",
    "MAGIC",
    "VERSION",
    "ArchiveReader",
    "ArchiveWriter",
    "Block",
    "Directory",
    "Entry",
    "EntryKind",
    "EntryTable",
    "Extent",
    "Limits",
    "Method",
    "ReadableSource",
    "UnsafePath",
    "check_entries",
    "check_path",
    "check_tree",
    "checksum",
    "decode_block",
]
