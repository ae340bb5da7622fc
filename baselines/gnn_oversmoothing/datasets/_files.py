"""Raw data files that are checked before they are read."""

from __future__ import annotations

from pathlib import Path


def checked_folder(data_dir: str, title: str, folder: str, sha256: dict[str, str], urls: dict[str, str]) -> Path:
    """Return the folder with all raw files of a dataset, each with its known content.

    Files that are missing are downloaded into `data_dir`; files that are there are only read, so the folder may be
    read-only.

    Args:
        data_dir: folder of all data sets.
        title: what messages call the dataset.
        folder: the dataset's folder inside `data_dir`.
        sha256: digest by file name.
        urls: where each file comes from, by file name.

    Raises:
        UserError: if a file is neither there nor to be downloaded, or is not the published one.
    """
    from baselines.common.data import require

    raw = Path(data_dir).expanduser() / folder
    if not all((raw / name).is_file() for name in sha256):
        _download(raw, title, sha256, urls)
    for name, digest in sha256.items():
        require(data_dir, f"{folder}/{name}", source=urls[name], sha256=digest)
    return raw


def _download(raw: Path, title: str, sha256: dict[str, str], urls: dict[str, str]) -> None:
    """Fetch all files, check them, and only then put them into the folder.

    Raises:
        UserError: if that fails; it says which files, from where, and where to put them.
    """
    import shutil
    import tempfile

    from torch_geometric.data import download_url

    from baselines.common.data import check
    from baselines.common.errors import UserError

    try:
        with tempfile.TemporaryDirectory() as temporary:
            for name, digest in sha256.items():
                download_url(urls[name], temporary, log=False)
                check(Path(temporary) / name, digest, source=urls[name])
            raw.mkdir(parents=True, exist_ok=True)
            for name in sha256:
                shutil.copyfile(f"{temporary}/{name}", raw / name)
    except OSError as problem:  # offline, refused, or a read-only folder
        sources = ", ".join(sorted({url.rpartition("/")[0] for url in urls.values()}))
        raise UserError(
            f"the {title} files are missing and could not be downloaded ({problem}); get {', '.join(sha256)} "
            f"from {sources} and put them into {raw} "
            "(another folder: data_dir=FOLDER or the environment variable BASELINES_DATA)"
        ) from problem
