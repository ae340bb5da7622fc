"""Find data files, check them, and say what to do when one is missing."""

import hashlib
from pathlib import Path

from baselines.common.errors import UserError


def sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require(data_dir: str, relative: str, *, source: str, sha256: str | None = None) -> Path:
    """A data file that is there and is the expected one.

    Args:
        data_dir: Folder of data sets (`cfg.data_dir`).
        relative: Path of the file inside it, with forward slashes.
        source: Where a user gets the file.
        sha256: Expected digest; None leaves the content unchecked.

    Raises:
        UserError: If the file is missing (which one, from where, to put where) or is a different one.
    """
    path = Path(data_dir).expanduser() / relative
    if not path.is_file():
        raise UserError(
            f"the data file {relative} is missing; get it from {source} and put it at {path} "
            "(another folder: data_dir=FOLDER or the environment variable BASELINES_DATA)"
        )
    check(path, sha256, source=source)
    return path


def check(path: Path, expected: str | None, *, source: str) -> None:
    """Raise `UserError` if the file's SHA-256 is not the expected one."""
    if expected is not None and (found := sha256(path)) != expected:
        raise UserError(
            f"{path} is not the expected file (SHA-256 {found[:12]}…, expected {expected[:12]}…); "
            f"get it again from {source}"
        )
