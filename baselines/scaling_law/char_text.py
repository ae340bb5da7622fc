"""Windows of a real text, one character a token: its entropy is not known."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from baselines.scaling_law.zipf_markov import Text


@dataclass(frozen=True)
class CharText:
    """A text as numbers, cut into a training and a validation part."""

    characters: str
    """The vocabulary, sorted."""
    training: Tensor
    """First part of the text.  Shape [n]."""
    validation: Tensor
    """Last part.  Shape [m]."""

    skip = 0
    """Every target is scored: there is no order after which the context is complete."""

    @property
    def vocabulary(self) -> int:
        """Number of different characters."""
        return len(self.characters)

    def sample(self, windows: int, length: int, generator: torch.Generator) -> Text:
        """Windows at random places of the training part; a long training reads them more than once.

        Args:
            windows: How many.
            length: Targets in each; a window holds one token more.
            generator: On the device of the text.
        """
        return self._windows(self.training, windows, length, generator)

    def held_out(self, windows: int, length: int, generator: torch.Generator) -> Text:
        """Windows at random places of the validation part."""
        return self._windows(self.validation, windows, length, generator)

    def _windows(self, text: Tensor, windows: int, length: int, generator: torch.Generator) -> Text:
        starts = torch.randint(len(text) - length, (windows, 1), generator=generator, device=text.device)
        return Text(text[starts + torch.arange(length + 1, device=text.device)], None)


def read(path: Path, held_out: float = 0.1, device: torch.device | str = "cpu") -> CharText:
    """Read a text file; its last part is the validation part.

    Args:
        path: UTF-8 text.
        held_out: Share of the text that is held out.
        device: Of the numbers.

    Raises:
        ValueError: If the share is not between 0 and 1.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be between 0 and 1; got {held_out}")
    text = path.read_text(encoding="utf-8")
    characters = "".join(sorted(set(text)))
    number = {character: place for place, character in enumerate(characters)}
    tokens = torch.tensor([number[character] for character in text], device=device)
    cut = round(len(tokens) * (1 - held_out))
    return CharText(characters, tokens[:cut], tokens[cut:])
