"""Writes the archive vectors beside this file, from docs/format.md alone: nothing of qyn1 is imported.

One scenario a file: ``promise`` (what it shows), ``archive`` (hexadecimal), ``expect`` (``success`` or
``refused``), and for a success ``files``, ``links`` and ``directories`` with modes.
Run it again after a change of the format; the diff shows what changed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent


Listed = tuple[int, int, str, int | str]
"""Kind, mode, path; a file's size, the distance to a copy's original, or a link's target."""


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def text(value: str) -> bytes:
    raw = value.encode()
    return varint(len(raw)) + raw


def checksum(data: bytes) -> bytes:
    return sha256(data).digest()[:8]


def section(number: int, content: bytes) -> bytes:
    return varint(number) + varint(len(content)) + content


METHODS = varint(1) + text("store") + varint(1) + text("text") + varint(0) + varint(0)


def blocks_section(blocks: list[bytes], *, sums: list[bytes] | None = None) -> bytes:
    return (
        varint(len(blocks))
        + b"".join(varint(0) for _ in blocks)
        + b"".join(varint(len(block)) for block in blocks)
        + b"".join(varint(len(block)) for block in blocks)
        + b"".join(sums if sums is not None else [checksum(block) for block in blocks])
    )


def entries_section(entries: Sequence[Listed]) -> bytes:
    looks = sorted({(kind, mode) for kind, mode, _, _ in entries})
    out = varint(len(entries)) + varint(len(looks)) + b"".join(varint(k) + varint(m) for k, m in looks)
    out += b"".join(varint(looks.index((kind, mode))) for kind, mode, _, _ in entries)
    out += b"".join(varint(int(extra)) for kind, _, _, extra in entries if kind == 0)
    out += b"".join(varint(int(extra)) for kind, _, _, extra in entries if kind == 1)
    shared, suffixes, last = b"", b"", b""
    for _, _, path, _ in entries:
        raw = path.encode()
        same = 0
        while same < min(len(last), len(raw)) and last[same] == raw[same]:
            same += 1
        shared += varint(same)
        suffixes += raw[same:] + b"\0"
        last = raw
    targets = b"".join(str(extra).encode() + b"\0" for kind, _, _, extra in entries if kind == 2)
    return out + shared + suffixes + targets


def archive(
    directory: bytes,
    payload: bytes,
    *,
    flags: int = 0,
    padding: int = 0,
    version: int = 1,
    codec: int = 0,
    extra: bytes = b"",
) -> bytes:
    fixed = struct.pack("<BIIQ", codec, len(directory), len(directory), padding)
    trailer = fixed + checksum(directory + fixed) + b"1NYQ"
    header = b"QYN1" + struct.pack("<BBH", version, flags, 0)
    return header + payload + extra + bytes(padding) + directory + trailer


def whole(entries: Sequence[Listed], blocks: list[bytes], **more: object) -> bytes:
    directory = section(1, METHODS) + section(2, blocks_section(blocks)) + section(3, entries_section(entries))
    return archive(directory, b"".join(blocks), **more)  # type: ignore[arg-type]


FILE: list[Listed] = [(0, 0o644, "a.txt", 5)]
DATA = [b"hello"]
GOOD_BLOCKS = section(2, blocks_section(DATA))
GOOD_ENTRIES = section(3, entries_section(FILE))

SUCCESS: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "empty": ("an archive may hold nothing", whole([], []), {}),
    "one_file": ("one file in one block", whole(FILE, DATA), {"files": {"a.txt": ["0644", "68656c6c6f"]}}),
    "file_over_blocks": (
        "a file may span blocks, and a block hold parts of two files",
        whole([(0, 0o644, "a", 5), (0, 0o600, "b", 4)], [b"abc", b"defg", b"hi"]),
        {"files": {"a": ["0644", b"abcde".hex()], "b": ["0600", b"fghi".hex()]}},
    ),
    "empty_file": (
        "an empty file takes no bytes",
        whole([(0, 0o644, "a", 0), (0, 0o755, "b", 5), (0, 0o644, "c", 0)], DATA),
        {"files": {"a": ["0644", ""], "b": ["0755", "68656c6c6f"], "c": ["0644", ""]}},
    ),
    "copy": (
        "a copy has the bytes of its original and a mode of its own",
        whole([(0, 0o644, "a", 5), (0, 0o644, "b", 0), (1, 0o444, "c", 2)], DATA),
        {"files": {"a": ["0644", "68656c6c6f"], "b": ["0644", ""], "c": ["0444", "68656c6c6f"]}},
    ),
    "link_and_directory": (
        "links and empty directories take no bytes; names are front-coded",
        whole([(0, 0o644, "dir/a.txt", 5), (2, 0o777, "dir/b", "a.txt"), (3, 0o755, "dir/empty", 0)], DATA),
        {
            "files": {"dir/a.txt": ["0644", "68656c6c6f"]},
            "links": {"dir/b": "a.txt"},
            "directories": {"dir/empty": "0755"},
        },
    ),
    "padded": (
        "padding stands between blocks and directory",
        whole(FILE, DATA, flags=1, padding=7),
        {"files": {"a.txt": ["0644", "68656c6c6f"]}},
    ),
    "optional_section": (
        "a section of type 128 or more that is unknown is skipped",
        archive(section(1, METHODS) + GOOD_BLOCKS + GOOD_ENTRIES + section(200, b"later"), b"hello"),
        {"files": {"a.txt": ["0644", "68656c6c6f"]}},
    ),
    "loop_of_links": (
        "a link that leads in a circle is harmless",
        whole([(2, 0o777, "a", "b"), (2, 0o777, "b", "a")], []),
        {"links": {"a": "b", "b": "a"}},
    ),
}  # fmt: skip

REFUSED = {
    "unknown_version": ("another version", whole(FILE, DATA, version=2)),
    "unknown_flag": ("a flag that is not known", whole(FILE, DATA, flags=2)),
    "unknown_codec": ("a directory codec that is not known", whole(FILE, DATA, codec=9)),
    "required_section": (
        "an unknown section below 128",
        archive(section(1, METHODS) + GOOD_BLOCKS + GOOD_ENTRIES + section(9, b""), b"hello"),
    ),
    "missing_section": ("no entries section", archive(section(1, METHODS) + GOOD_BLOCKS, b"hello")),
    "sections_out_of_order": (
        "sections that do not ascend",
        archive(GOOD_BLOCKS + section(1, METHODS) + GOOD_ENTRIES, b"hello"),
    ),
    "gap": ("bytes between blocks and directory", whole(FILE, DATA, extra=b"\0")),
    "padding_without_flag": ("padding that the header does not announce", whole(FILE, DATA, padding=3)),
    "sizes_differ": ("files and blocks of different total size", whole([(0, 0o644, "a.txt", 4)], DATA)),
    "long_varint": (
        "a number that is not in its shortest form",
        archive(section(1, METHODS) + GOOD_BLOCKS + section(3, b"\x80\x00\x00"), b"hello"),
    ),
    "absolute_path": ("an absolute path", whole([(0, 0o644, "/a.txt", 5)], DATA)),
    "parent_path": ("a path with ..", whole([(0, 0o644, "x/../../a", 5)], DATA)),
    "windows_device": ("a Windows device name", whole([(0, 0o644, "x/NUL.txt", 5)], DATA)),
    "backslash": ("a backslash in a name", whole([(0, 0o644, "x\\a", 5)], DATA)),
    "same_path_twice": ("one path twice", whole([(0, 0o644, "a", 5), (0, 0o644, "a", 0)], DATA)),
    "below_a_file": ("an entry below a file", whole([(0, 0o644, "a", 5), (0, 0o644, "a/b", 0)], DATA)),
    "below_a_link": ("an entry below a link", whole([(2, 0o777, "a", "b"), (0, 0o644, "a/b", 5)], DATA)),
    "case_collision": ("names that differ in case only", whole([(0, 0o644, "A", 5), (0, 0o644, "a", 0)], DATA)),
    "link_out": ("a link out of the root", whole([(2, 0o777, "a", "../b")], [])),
    "link_out_through_link": (
        "a link that leaves through another link",
        whole([(2, 0o777, "d/e/top", "../.."), (2, 0o777, "d/e/x", "top/../secret")], []),
    ),
    "copy_of_a_link": ("a copy whose original is no file", whole([(2, 0o777, "a", "b"), (1, 0o644, "c", 1)], [])),
    "setuid": ("a mode with more than permission bits", whole([(0, 0o4755, "a", 5)], DATA)),
    "bad_checksum": (
        "a block that does not fit its checksum",
        archive(section(1, METHODS) + section(2, blocks_section(DATA, sums=[bytes(8)])) + GOOD_ENTRIES, b"hello"),
    ),
    "truncated": ("an archive that is cut off", whole(FILE, DATA)[:-1]),
    "trailing": ("a byte behind the trailer", whole(FILE, DATA) + b"\0"),
}  # fmt: skip


def main() -> None:
    for name, (promise, data, expected) in SUCCESS.items():
        write(name, {"promise": promise, "expect": "success", "archive": data.hex(), **expected})
    for name, (promise, data) in REFUSED.items():
        write(name, {"promise": promise, "expect": "refused", "archive": data.hex()})


def write(name: str, vector: dict[str, object]) -> None:
    (HERE / f"{name}.json").write_text(json.dumps(vector, indent=1) + "\n")


if __name__ == "__main__":
    main()
