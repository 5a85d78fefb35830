"""Every provider of this plugin keeps the laws."""

from qyn1_example.hazmat import HazmatCipher
from qyn1_example.ini import IniFrontend
from qyn1_example.runs import RunsCompressor

from qyn1_plugins.testing.cipher import check_cipher
from qyn1_plugins.testing.compressor import check_compressor
from qyn1_plugins.testing.frontend import check_frontend


def test_the_frontend_keeps_the_laws() -> None:
    check_frontend(IniFrontend(), [b"[section]\nkey = 1 ; comment\r\n", b""])


def test_the_compressor_keeps_the_laws() -> None:
    check_compressor(RunsCompressor())


def test_the_cipher_keeps_the_laws() -> None:
    check_cipher(HazmatCipher())
