"""The device rule, seeded generators, and the way from arrays to tensors."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

FEW_PRODUCTS = 2**22  # about a millisecond on one core

_RANDOMNESS = threading.RLock()  # torch has one default generator for all threads


@functools.cache
def thread_pools() -> ThreadpoolController:
    """Return the controller of the thread pools of the libraries that are loaded."""
    return ThreadpoolController()


def one_thread() -> contextlib.AbstractContextManager:
    """Compute on one thread within a block; those of other callers stay as they are.

    Threads wait for each other after every operation. Of the many small ones of a score
    function none is worth it: on two busy cores a fit took 50 seconds in place of 0.1.
    """
    return thread_pools().limit(limits=1, user_api="openmp")


def threads_of(n_products: float) -> contextlib.AbstractContextManager:
    """Compute on one thread within a block if its largest operation is small.

    Parameters
    ----------
    n_products : float
        Number of products in a batch's largest product of matrices.
    """
    return one_thread() if n_products <= FEW_PRODUCTS else contextlib.nullcontext()


def resolve_device(device: str, dtype: torch.dtype = torch.float64) -> torch.device:
    """Return the device to compute on in `dtype`; "auto" takes CUDA where there is one.

    Training is in single precision, which "mps" has, too; reports are in double.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.zeros(1, dtype=dtype, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        usable = '"auto" or "cpu"'
        if torch.cuda.is_available():
            usable = '"auto", "cpu" or "cuda"'
        raise ValueError(
            f"device={device!r} cannot be used here ({reason}); pass {usable}."
        ) from None
    return torch.device(device)


def device_at_hand(device: str) -> torch.device:
    """Return the device of a fit if it is here and has double precision, or the CPU."""
    try:
        return resolve_device(device)
    except ValueError:
        return torch.device("cpu")


@contextlib.contextmanager
def isolated_randomness(generator: torch.Generator) -> Iterator[None]:
    """Seed torch's own generator from ours for a while, then put it back.

    Only for modules that cannot be handed a generator; one thread at a time.
    """
    with _RANDOMNESS, torch.random.fork_rng(devices=[]):
        seed = torch.randint(2**31, (), generator=generator).item()
        torch.default_generator.manual_seed(seed)
        yield


def make_generator(random_state: np.random.RandomState) -> torch.Generator:
    """Return a CPU generator seeded by a RandomState, leaving torch's own alone.

    Draws are made on the CPU and moved, so that a seed means the same numbers on
    every device.
    """
    seed = random_state.randint(np.iinfo(np.int32).max)
    return torch.Generator().manual_seed(int(seed))


def to_tensor(
    array: np.ndarray, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Copy an array to a tensor, refusing values that the dtype cannot hold."""
    tensor = torch.tensor(np.asarray(array), dtype=dtype, device=device)
    if not torch.isfinite(tensor).all():
        raise ValueError(
            f"The input contains values too large for {dtype}; rescale the columns, "
            "for example with sklearn.preprocessing.StandardScaler."
        )
    return tensor


def matrix_product(device: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function of two arrays, ``a.T @ b`` computed on a device."""
    device = resolve_device(device)

    def product(a, b):
        a, b = (torch.from_numpy(array).to(device) for array in (a, b))
        return (a.mT @ b).cpu().numpy()

    return product
