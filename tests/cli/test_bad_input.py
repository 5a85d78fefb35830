"""Bad input of any sort: one line that says what is wrong, and the documented exit code."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from qyn1_core import cli

UNUSABLE = {  # settings that look right until they are used
    "level": "77",
    "recipients": '["age1foo"]',
    "recipients_files": '["none.txt"]',
    "executor_options": '{ speed = "high" }',
    "cache": '"../short"',
    "deterministic": "true",
}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["pack", "missing"], 3, "missing"),
        (["pack", "."], 4, "exists"),
        (["pack", "src", "-o", "no/such/folder/p.qyn1"], 3, "does not exist"),
        (["pack", "src", "-o", "src"], 2, "folder"),
        (["pack", "src", "-r", "age1nonsense"], 2, "age1nonsense"),
        (["pack", "src", "-R", "none.txt"], 3, "none.txt"),
        (["pack", "src", "--mode", "fastest"], 2, "fastest"),
        (["pack", "src", "--preset", "pyton-web"], 2, "python-web"),
        (["pack", "src", "--block-size", "7 parsecs"], 2, "parsecs"),
        (["pack", "src", "--level", "77", "--mode", "fast"], 2, "command line: level: 77 is not one of chunked"),
        (["pack", "level"], 2, "qyn1: qyn1.toml:1: level: 77 is not one of "),
        (["pack", "src", "--compressor", "klingon=store"], 7, "compressors.klingon: no plugin provides the frontend"),
        (["pack", "recipients"], 2, "qyn1: qyn1.toml:1: recipients: 'age1foo' is no recipient"),
        (["pack", "recipients_files"], 3, "qyn1: qyn1.toml:1: recipients_files: the recipients file "),
        (["pack", "executor_options"], 2, "qyn1: qyn1.toml:1: executor_options: the executor 'threads' has no option"),
        (["pack", "cache"], 2, "qyn1: qyn1.toml:1: cache: "),
        (["pack", "deterministic"], 2, "qyn1: qyn1.toml:1: deterministic: "),
        (["pack", "src", "--executor", "thread"], 7, "threads"),
        (["pack", "src", "--cipher", "rot13"], 7, "rot13"),
        (["pack", "src", "--compressor", "python=gzip"], 7, "gzip"),
        (["pack", "src", "--deterministic"], 2, "sealing-secret-file"),
        (["pack", "src", "--deterministic", "--sealing-secret-file", "short"], 2, "sealing secret"),
        (["pack", "src", "--no-encrypt", "--armor"], 2, "--no-encrypt"),
        (["pack", "src", "--passphrase-file", "empty"], 2, "empty"),
        (["pack", "src", "--manifest", "bad.toml"], 2, "bad.toml"),
        (["pack", "src", "--bogus"], 2, "bogus"),
        (["unpack", "missing.qyn1"], 3, "missing.qyn1"),
        (["unpack", "src"], 6, "folder"),
        (["unpack", "short"], 6, "not a qyn1 package"),
        (["unpack", "bare.qyn1", "-C", "short"], 4, "not a folder"),
        (["unpack", "bare.qyn1", "-C", "out", "--max-size", "3"], 6, "--max-size"),
        (["unpack", "bare.qyn1", "-C", "out", "--max-size", "lots"], 2, "lots"),
        (["unpack", "sealed.qyn1", "-C", "out", "-i", "none.txt"], 3, "none.txt"),
        (["unpack", "sealed.qyn1", "-C", "out", "-i", "short"], 5, "short"),
        (["list", "empty"], 6, "not a qyn1 package"),
        (["cat", "bare.qyn1", "nothing"], 3, "nothing"),
        (["inspect", "short"], 6, "not a qyn1 package"),
        (["verify", "short"], 6, "not a qyn1 package"),
        (["diff", "bare.qyn1", "missing.qyn1"], 3, "missing.qyn1"),
        (["diff", "bare.qyn1", "short"], 6, "short: this is not a qyn1 package"),
        (["sign", "bare.qyn1", "-k", "none.key"], 3, "none.key"),
        (["verify", "bare.qyn1", "--signed-by", "none.pub"], 3, "none.pub"),
        (["keygen", "-o", "short"], 4, "exists"),
        (["config", "src", "--manifest", "bad.toml"], 2, "bad.toml"),
        (["tune", "broken"], 2, "qyn1.toml:2:1: not TOML"),
        (["tune", "missing"], 3, "missing"),
        (["tune", "src", "--plot", "no/such/p.svg"], 3, "does not exist"),
        (["tune", "src", "--smallest-within", "-1"], 2, "-1"),
        (["tune", "src", "--smallest-within", "nan"], 2, "nan"),
        (["tune", "src", "--fastest-below", "lots"], 2, "lots"),
        (["tune", "src/a.py", "--write"], 2, "not a folder"),
        (["bench", "broken"], 2, "qyn1.toml:2:1: not TOML"),
        (["bench", "missing"], 3, "missing"),
        (["bench", "src", "--baseline", "none.json"], 3, "none.json"),
        (["bench", "src", "--baseline", "short"], 2, "qyn1 bench --save"),
        (["bench", "src", "--save", "no/such/b.json"], 3, "does not exist"),
        (["bench", "src", "--markdown", "src"], 2, "folder"),
        (["bench", "src", "--preset", "pyton-web"], 2, "python-web"),
        (["bench", "src", "--time-tolerance", "inf"], 2, "inf"),
        (["presets", "promote", "none.toml", "-o", "p.toml"], 3, "none.toml"),
        (["presets", "promote", "bad.toml", "-o", "p.toml"], 2, "preset bad:2:1: not TOML"),
        (["presets", "promote", "range.toml", "-o", "p.toml"], 2, "preset range:1: block_size: must be from 4 KiB"),
        (["presets", "promote", "range.toml", "src", "-o", "p.toml"], 2, "belong together"),
        (["profile", "broken"], 2, "qyn1.toml:2:1: not TOML"),
        (["profile", "missing"], 3, "missing"),
        (["profile", "src", "--html", "no/such/f.html"], 3, "does not exist"),
        (["profile", "src", "--compare", "short"], 2, "qyn1 profile --json"),
        (["profile", "src", "--executor", "processes"], 2, "--executor threads"),
        (["pack", "src", "-o", "p.qyn1", "--cache", "short"], 2, "not a folder"),
        (["pack", "src", "-o", "p.qyn1", "--cache-size", "1 B"], 2, "1 MiB"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_bad_input_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("QYN1_IDENTITY_FILE", "QYN1_IDENTITY_CMD", "QYN1_PASSPHRASE_FD", "QYN1_RECIPIENTS_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("print('a')\n")
    (tmp_path / "short").write_bytes(b"short")
    (tmp_path / "short").chmod(0o600)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "bad.toml").write_text("mode = [\n")
    (tmp_path / "range.toml").write_text('block_size = "1 B"\n')
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/qyn1.toml").write_text("mode = [\n")
    for key, value in UNUSABLE.items():
        (tmp_path / key).mkdir()
        (tmp_path / key / "qyn1.toml").write_text(f"{key} = {value}\n")
    (tmp_path / f"{tmp_path.name}.qyn1").write_bytes(b"")
    assert run("pack", "src", "-o", "bare.qyn1", "--no-encrypt", "--mode", "fast")[0] == 0
    assert run("pack", "src", "-o", "sealed.qyn1", "--mode", "fast")[0] == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    result, errors = run(*arguments)
    assert result == code, errors
    assert says in errors
    assert "Traceback" not in errors
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def run(*arguments: str) -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        err = io.StringIO()
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
        code = cli.run(list(arguments))
    return code, err.getvalue()
