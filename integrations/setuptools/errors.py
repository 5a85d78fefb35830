"""Errors as setuptools has them: one line, exit code 1, no traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from setuptools.errors import BaseError, FileError, OptionError

from qyn1_core.errors import ConfigError, NotFound, PermissionDenied, Qyn1Error, SourceError

__all__ = ["setuptools_errors"]


@contextmanager
def setuptools_errors() -> Iterator[None]:
    """Raise the errors of qyn1 and of the system as those that setuptools reports in one line."""
    try:
        yield
    except ConfigError as error:
        raise OptionError(str(error)) from None
    except (NotFound, PermissionDenied, SourceError) as error:
        raise FileError(str(error)) from None
    except Qyn1Error as error:
        raise BaseError(str(error)) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise FileError(f"{place}{error.strerror or error}") from None
