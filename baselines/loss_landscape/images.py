"""MNIST and CIFAR-10 as arrays: from the data folder if they are there, otherwise downloaded into it."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError

import numpy as np

from baselines.common import data
from baselines.common.errors import UserError
from baselines.loss_landscape.task import Examples, standardised

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR_FIRST_4000 = "bac45b45504ed1289a3f437be4bfbefece248abbc094a428a0b4dfab00e776ae"  # SHA-256 of the raw pixels
CIFAR_SUBSET = "CIFAR10Subset/raw/cifar10_train4k_test1k.npz"
CIFAR_RECORD = 1 + 3 * 32 * 32  # bytes of an image in the binary version: label, then red, green, blue


class Images(NamedTuple):
    """Training and test images with their labels, in the original order."""

    train: np.ndarray
    """[N, H, W, channels], uint8"""
    train_labels: np.ndarray
    """[N]"""
    test: np.ndarray
    test_labels: np.ndarray


def mnist(data_dir: str) -> Images:
    """All of MNIST: 60,000 and 10,000 images of 28 x 28 grey values (LeCun et al. 1998).

    Raises:
        UserError: If the files are neither there nor to be had, or are not the expected ones.
    """
    folder = Path(data_dir).expanduser() / "images" / "MNIST" / "raw"
    arrays = []
    for name, digest in MNIST_FILES.items():
        path = folder / name
        if not path.is_file():
            _download(MNIST_URL + name, path, digest)
        data.check(path, digest, source=MNIST_URL + name)
        arrays.append(idx(gzip.decompress(path.read_bytes())))
    train, train_labels, test, test_labels = arrays
    return Images(train[..., None], train_labels, test[..., None], test_labels)


def cifar10(data_dir: str) -> Images:
    """The first 4,000 training and 1,000 test images of CIFAR-10, 32 x 32 in colour (Krizhevsky 2009).

    Raises:
        UserError: If the file is neither there nor to be had, or is not the expected one.
    """
    path = Path(data_dir).expanduser() / "images" / CIFAR_SUBSET
    if not path.is_file():
        archive = path.with_name("cifar-10-binary.tar.gz")
        if not archive.is_file():
            _download(CIFAR_URL, archive)
        _write_subset(archive, path)
    with np.load(path, allow_pickle=False) as stored:
        names = ("train_images", "train_labels", "test_images", "test_labels")
        found = Images(*(stored[name] for name in names))
    if hashlib.sha256(found.train.tobytes()).hexdigest() != CIFAR_FIRST_4000:
        raise UserError(f"{path} does not hold the first 4,000 images of CIFAR-10; remove it and run again")
    return found


def flat(images: np.ndarray) -> np.ndarray:
    """Images [N, H, W, channels] of bytes as rows [N, channels * H * W] in [0, 1], channel after channel."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1) / 255


def training_examples(images: Images, count: int, softening: float) -> Examples:
    """The first training images, standardised per pixel, with their labels."""
    pixels = flat(images.train[:count])
    return Examples(standardised(pixels, pixels, softening), images.train_labels[:count])


def test_examples(images: Images, count: int, softening: float, tests: int) -> Examples:
    """The first test images, standardised as the first `count` training images are."""
    pixels = standardised(flat(images.test[:tests]), flat(images.train[:count]), softening)
    return Examples(pixels, images.test_labels[:tests])


def idx(content: bytes) -> np.ndarray:
    """An array of unsigned bytes in the IDX format.

    Two zero bytes, the type 8, the number of dimensions, each size as four bytes (most significant first), the data.

    Raises:
        ValueError: If the content is something else.
    """
    if content[:3] != b"\x00\x00\x08":
        raise ValueError("not an IDX file of unsigned bytes")
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape).copy()


def cifar_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images [N, 32, 32, 3] and labels [N] of a file of CIFAR-10's binary version."""
    rows = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
    return rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), rows[:, 0]


def _write_subset(archive: Path, path: Path) -> None:
    from baselines.common.record import atomic

    with tarfile.open(archive) as files:
        parts = {}
        for name, count in (("data_batch_1.bin", 4000), ("test_batch.bin", 1000)):
            member = files.extractfile(f"cifar-10-batches-bin/{name}")
            assert member is not None
            images, labels = cifar_batch(member.read())
            parts[name] = images[:count], labels[:count]
    (train, train_labels), (test, test_labels) = parts.values()
    with atomic(path) as stream:
        np.savez_compressed(
            stream, train_images=train, train_labels=train_labels, test_images=test, test_labels=test_labels
        )


def _download(url: str, path: Path, sha256: str | None = None) -> None:
    import torch

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=sha256, progress=False)
    except (URLError, OSError) as error:
        raise UserError(
            f"the data file {path.name} is missing and cannot be downloaded ({error}); get it from {url} and put it at "
            f"{path} (another folder: data_dir=FOLDER or the environment variable BASELINES_DATA)"
        ) from error
