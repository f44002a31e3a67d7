"""
Deep InfoMax on handwritten digits
==================================

Without labels, an encoder learns two columns that keep as much information on the
images as they can. A linear projection of the same width, by principal components,
stands beside it.

What is kept of the image need not be what tells about the digit: nothing in the
objective asks for that. Both are measured here, on new rows.
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
# "image" is a lower bound of what the two columns tell about the image, by one and the
# same critic; "digit" what they tell about the label, by nearest neighbours.

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
