"""Several workers: the same numbers, and what is left when one dies."""

import multiprocessing
import os
import warnings

import joblib
import numpy as np
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

import skmi
from skmi.inference import permutation_test
from tests.oracle import draw_normal


def select(X, y):
    """What the selector finds by fits of an estimator."""
    selector = skmi.MIFeatureSelector(
        estimator=skmi.KSG(random_state=0),
        n_permutations=20,
        n_features_to_select=2,
        random_state=0,
    ).fit(X, y)
    return np.concatenate([selector.scores_, selector.pvalues_, selector.ranking_])


def resample(X, y):
    """How often halves of the rows select each column."""
    selector = skmi.MIFeatureSelector(n_resamples=4, n_permutations=50, random_state=0)
    return selector.fit(X, y).selection_frequency_


def permute(X, y):
    """A test by permutations."""
    ksg = skmi.KSG(random_state=0)
    found = permutation_test(ksg, X, y, n_permutations=19, random_state=0)
    return np.append(found.null_distribution, [found.statistic, found.pvalue])


def choose(X, y):
    """What AutoMI finds, with candidates to compare."""
    auto = skmi.AutoMI(
        max_iter=2, cv=2, candidates=[skmi.KSG(), skmi.GaussianMI()], random_state=0
    ).fit(X, y)
    return np.array([auto.mutual_info_, *auto.candidate_scores_.values()])


JOBS = [select, resample, permute, choose]


@pytest.fixture(scope="module")
def pair():
    """Three columns, of which one tells about y."""
    X, Y, _ = draw_normal(120, 1, 0.5, seed=0)
    noise = np.random.RandomState(1).standard_normal((120, 2))
    return np.hstack([noise, X]), Y[:, 0]


@pytest.fixture(scope="module")
def alone(pair):
    """What all jobs give in one process."""
    return {job.__name__: job(*pair) for job in JOBS}


@pytest.fixture(scope="module")
def cluster():
    """Two processes of Dask on this machine."""
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        )
        with cluster, distributed.Client(cluster):
            yield


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_bits(cluster, pair, alone, job):
    with joblib.parallel_config(backend="dask"):
        found = job(*pair)
    np.testing.assert_array_equal(found, alone[job.__name__])


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.filterwarnings("ignore")
def test_processes_and_threads_give_the_same_bits(pair, alone, job, backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = job(*pair)
    np.testing.assert_array_equal(found, alone[job.__name__])


class Deadly(skmi.GaussianMI):
    """Ends the process of a worker."""

    def fit(self, X, y):
        """Fit, or die."""
        if multiprocessing.current_process().name.startswith("Loky"):
            os._exit(1)
        return super().fit(X, y)


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_is_an_error_and_no_more(pair, alone):
    X, y = pair
    with joblib.parallel_config(backend="loky", n_jobs=2):
        with pytest.raises(TerminatedWorkerError):
            permutation_test(Deadly(), X, y, n_permutations=9, random_state=0)
        np.testing.assert_array_equal(permute(X, y), alone["permute"])


class FullDisk(OSError):
    """What writing to a full disk raises."""


@pytest.mark.filterwarnings("ignore")
def test_a_full_disk_under_a_memory_costs_no_result(tmp_path, monkeypatch, pair):
    memory = joblib.Memory(tmp_path, verbose=0)

    def fill(*_args, **_settings):
        raise FullDisk(28, "No space left on device")

    monkeypatch.setattr("joblib.numpy_pickle.dump", fill)
    found = memory.cache(permute)(*pair)
    np.testing.assert_array_equal(found, permute(*pair))
