"""
Deep InfoMax on handwritten digits
==================================

An unsupervised encoder learns a two-dimensional representation with maximal mutual
information with the images. It is compared with a linear projection to two principal
components.

Information about the image need not be information about the digit, which does not
occur in the objective. Both are estimated here, on held-out test samples.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skmi import KSG, InfoMaxEncoder, InfoNCE

X, y = load_digits(return_X_y=True)
X_train, X_test, _, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
fast = {"learning_rate_init": 3e-3, "max_iter": 60}
encoders = {
    "principal components": PCA(2, random_state=0),
    "InfoMaxEncoder": InfoMaxEncoder(
        n_components=2,
        hidden_layer_sizes=(128, 128),
        random_state=0,
        **fast,
    ),
}

# %%
# "image" is a lower bound of the mutual information of the representation and the
# image, by the same critic for both; "digit" is that of the representation and the
# label, by nearest neighbours.

fig, axes = plt.subplots(1, 2, figsize=(9.6, 4.6), layout="constrained")
for ax, (name, encoder) in zip(axes, encoders.items(), strict=True):
    codes = encoder.fit(X_train).transform(X_test)
    critic = InfoNCE(discrete_target=False, random_state=0, **fast)
    about_image = critic.fit(codes, X_test).mutual_info_
    about_digit = KSG(discrete_target=True).fit(codes, y_test).mutual_info_
    points = ax.scatter(*codes.T, c=y_test, cmap="tab10", s=9)
    ax.set_title(name, loc="left")
    ax.set_xlabel(f"image: at least {about_image:.2f}, digit: {about_digit:.2f} nats")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
fig.legend(*points.legend_elements(), frameon=False, loc="outside right center")
plt.show()
