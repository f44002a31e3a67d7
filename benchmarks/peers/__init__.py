"""Estimators of the leaderboard, of skmi and of other packages.

A module here is one package. The literal ``PEER`` names the package, what pip installs,
and its estimators: the quick ones, and the slow ones, which run on few tasks alone;
where wanted, the most rows of an estimator, the most seeds of the slow ones (else one),
and packages to remove again.
``ESTIMATORS`` maps their names to functions of two blocks (n_samples, n_columns).
A function returns an estimate in nats, or a dictionary with "estimate" and, where the
package gives them, "low" and "high" of a 95 % interval and its "status". It raises
NotImplementedError for blocks that the estimator is not made for.

``python -m benchmarks.peers.install`` makes an environment for each; ``worker.py`` runs
there, reads .npz files and writes .json files.
"""
