"""The images that several benchmarks train on."""

import numpy as np


def load_mnist(source):
    """Return training images and labels, and test images and labels.

    Images are bytes (n, 28, 28). `source` is an .npz file with X_train, y_train, X_test
    and y_test; "openml", from where scikit-learn fetches MNIST; or "digits", the 1797
    small digits that scikit-learn brings along, for trials.
    """
    if source == "digits":
        return small_digits()
    if source == "openml":
        return fetch()
    with np.load(source) as data:
        return tuple(data[name] for name in ("X_train", "y_train", "X_test", "y_test"))


def small_digits():
    """Return the digits of scikit-learn, each pixel three times and a black edge."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    large = np.kron(images.reshape(-1, 8, 8), np.ones((3, 3))) * (255 / 16)
    large = np.pad(large, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    return large[:1497], labels[:1497], large[1497:], labels[1497:]


def fetch():
    """Return MNIST from openml.org: the first 60,000 images are those of training."""
    from sklearn.datasets import fetch_openml

    try:
        images, labels = fetch_openml(
            "mnist_784", version=1, as_frame=False, return_X_y=True
        )
    except OSError as error:
        raise SystemExit(
            f"MNIST could not be fetched from openml.org ({error}): pass --data "
            "FILE.npz with X_train, y_train, X_test and y_test, or --data digits."
        ) from None
    images = images.reshape(-1, 28, 28).astype(np.uint8)
    labels = labels.astype(np.uint8)
    return images[:60_000], labels[:60_000], images[60_000:], labels[60_000:]
