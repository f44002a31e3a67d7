"""Pairs of independent rows, by cyclic shifts of a batch."""

import torch

__all__ = ["contrast_pairs", "cyclic_partners"]


def cyclic_partners(n_rows, shifts):
    """Return for each row itself and the rows `shifts` further on, cyclically.

    Cyclic shifts of a shuffled batch are pairings without fixed points: no negative
    is a joint pair.
    """
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), shifts])
    return (torch.arange(n_rows).unsqueeze(-1) + offsets) % n_rows


def contrast_pairs(scores, partners, contrast):
    """Split scores of cyclic partners into those of joint and of independent pairs.

    The latter in one row for each x, in one row for each y, or in both, one after the
    other.
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
