"""Negative samples of a batch: independent pairs, by cyclic shifts."""

import functools

import torch

__all__ = ["contrast_pairs", "cyclic_partners", "draw_partners", "spread_partners"]

# Negative pairs of the early-stopping samples: more shifts of few samples, 16 to 64,
# for less variance of the held-out objective.
FEWEST_PAIRS = 2**15


def cyclic_partners(n_rows: int, shifts: torch.Tensor) -> torch.Tensor:
    """Return for each row its own number and those `shifts` further on, cyclically.

    Cyclic shifts of a shuffled batch have no fixed points: no negative sample is a
    joint pair.
    """
    offsets = torch.cat([shifts.new_zeros(1), shifts])
    rows = torch.arange(n_rows, device=shifts.device).unsqueeze(-1)
    return (rows + offsets) % n_rows


def draw_partners(
    n_rows: int,
    n_negatives: int | None,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Draw `n_negatives` negative samples for each row; None means all other rows.

    They are drawn by a generator on the CPU, and only their shifts go to the device.
    """
    shifts = torch.randperm(n_rows - 1, generator=generator) + 1
    return cyclic_partners(n_rows, shifts[:n_negatives].to(device))


@functools.lru_cache(maxsize=4)  # asked for in each epoch, for one or two block sizes
def spread_partners(n_rows: int, n_negatives: int) -> torch.Tensor:
    """Return at least `n_negatives` fixed negative samples for each row."""
    fewest = min(64, max(16, FEWEST_PAIRS // n_rows))
    n_shifts = min(max(fewest, n_negatives), n_rows - 1)
    shifts = torch.arange(1, n_shifts + 1) * (n_rows - 1) // n_shifts
    return cyclic_partners(n_rows, shifts)


def contrast_pairs(
    scores: torch.Tensor, partners: torch.Tensor, contrast: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Split scores of cyclic partners into those of joint and of independent pairs.

    The latter have one row for each x (`contrast` "y"), for each y ("x"), or for both,
    one after the other ("both").
    """
    joint, by_x = scores[..., 0], scores[..., 1:]
    if contrast == "y":
        return joint, by_x
    rows = torch.arange(len(partners), device=partners.device).unsqueeze(-1)
    whose_partner = (2 * rows - partners[:, 1:]) % len(partners)
    by_y = by_x.gather(-2, whose_partner.expand_as(by_x))
    if contrast == "x":
        return joint, by_y
    return torch.cat([joint, joint], -1), torch.cat([by_x, by_y], -2)
