"""The device rule, seeded generators, and the way from arrays to tensors."""

import numpy as np
import torch


def resolve_device(device):
    """Return the device to train on; "auto" takes CUDA where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def make_generator(random_state):
    """Return a CPU generator seeded by a RandomState, leaving torch's own alone.

    Draws are made on the CPU and moved, so that a seed means the same numbers on
    every device.
    """
    seed = random_state.randint(np.iinfo(np.int32).max)
    return torch.Generator().manual_seed(int(seed))


def to_tensor(array, device, dtype):
    """Copy an array to a tensor, refusing values that the dtype cannot hold."""
    tensor = torch.tensor(np.asarray(array), dtype=dtype, device=device)
    if not torch.isfinite(tensor).all():
        raise ValueError(
            f"The input contains values too large for {dtype}; rescale the columns, "
            "for example with sklearn.preprocessing.StandardScaler."
        )
    return tensor
