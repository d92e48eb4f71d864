"""Can a classifier tell two samples apart? A two-sample test for whatever differs in a way that can be learnt."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from drift.detect.two_sample.samples import two_samples
from drift.errors import BlockError
from drift.system.quiet import not_autologged

if TYPE_CHECKING:
    from drift.detect.two_sample.samples import Sample

FEWEST_ROWS = 20  # of each sample: ten to train and ten to test, for which U is normal enough


class Classifier(Protocol):
    """What scikit-learn calls a classifier; it needs `decision_function` or `predict_proba`, too."""

    def fit(self, rows: NDArray[Any], labels: NDArray[np.int64]) -> Any:
        """Learn labels 0 and 1 of rows (n, d)."""
        ...


@dataclass(frozen=True)
class ClassifierTest:
    """A classifier two-sample test.

    Attributes:
        statistic: area under the ROC curve (AUC) on held-out rows, in [0, 1]; about 0.5 if nothing changed.
        p_value: in (0, 1], one-sided: large for an AUC below 0.5.
        threshold: the null is rejected at `level` just if the statistic is above; at most 1.
        level: of the test, in (0, 1).
        classifier: its name.
        rows: held out, of the reference and of the current sample.
    """

    statistic: float
    p_value: float
    threshold: float
    level: float
    classifier: str
    rows: tuple[int, int]

    @property
    def rejected(self) -> bool:
        """Whether the samples differ beyond what chance explains."""
        return self.p_value <= self.level


def classifier_test(
    reference: Sample,
    current: Sample,
    *,
    classifier: Classifier | None = None,
    level: float = 0.05,
    seed: int = 0,
) -> ClassifierTest:
    """Test whether two samples come from one distribution, by training a classifier to tell them apart.

    Half of each sample trains it, the other half is scored (Lopez-Paz and Oquab 2017). There, if nothing changed, the
    scores of both samples are alike whatever was learnt, so their AUC is a Mann-Whitney statistic: U / (n m). Its
    p-value is SciPy's asymptotic one, corrected for ties and continuity.

    By default, gradient boosting of 50 trees with 8 leaves, which sees changes of mean, of spread and of dependence. A
    logistic regression sees a changed mean better, and is blind to the rest.

    Args:
        reference: (n, d) rows, array or tensor.
        current: (m, d) rows.
        classifier: anything with `fit` and `decision_function` or `predict_proba`, as in scikit-learn; a copy is
            trained. The default runs on one thread, since samples are small.
        level: for `threshold` and `rejected`.
        seed: of the halves and of the default classifier.

    Raises:
        BlockError: samples that cannot be compared, too few rows, or an object that is no classifier.

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 400, 3))
    >>> classifier_test(x, y).rejected
    False
    >>> classifier_test(x, 2 * y).rejected
    True
    """
    from scipy.stats import mannwhitneyu

    if not 0 < level < 1:
        raise BlockError(f"expected a level between 0 and 1, got {level}")
    samples = two_samples(reference, current)
    if min(samples.n, samples.m) < FEWEST_ROWS:
        raise BlockError(
            f"expected at least {FEWEST_ROWS} rows in each sample, half of them to train a classifier;"
            f" got {samples.n} and {samples.m}"
        )
    rng = np.random.default_rng(seed)
    x, y = (
        rows[rng.permutation(len(rows))] for rows in (samples.reference.cpu().numpy(), samples.current.cpu().numpy())
    )
    half_x, half_y = len(x) // 2, len(y) // 2
    rows = np.concatenate([x[:half_x], y[:half_y]])
    labels = np.repeat([0, 1], [half_x, half_y])
    name, scores = _scores(classifier, rows, labels, np.concatenate([x[half_x:], y[half_y:]]), seed)
    n, m = len(x) - half_x, len(y) - half_y
    ranks = mannwhitneyu(scores[n:], scores[:n], alternative="greater", method="asymptotic")
    return ClassifierTest(
        statistic=float(ranks.statistic) / (n * m),
        p_value=max(float(ranks.pvalue), float(np.finfo(np.float64).tiny)),
        threshold=highest_kept(scores, n, m, level) / (n * m),
        level=level,
        classifier=name,
        rows=(n, m),
    )


def _scores(
    classifier: Classifier | None, rows: NDArray[Any], labels: NDArray[np.int64], held_out: NDArray[Any], seed: int
) -> tuple[str, NDArray[np.float64]]:
    """The classifier's name and what it says of held-out rows; larger is more like the current sample."""
    from threadpoolctl import threadpool_limits

    model: Any = boosted_trees(len(rows), seed) if classifier is None else deepcopy(classifier)
    name = type(model).__name__
    decide = next(
        (method for method in ("decision_function", "predict_proba") if callable(getattr(model, method, None))), None
    )
    if not hasattr(model, "fit") or decide is None:
        raise BlockError(f"expected a classifier with fit, and decision_function or predict_proba, got {name}")
    with not_autologged(), threadpool_limits(1, user_api="openmp") if classifier is None else nullcontext():
        model.fit(rows, labels)
        answers = np.asarray(getattr(model, decide)(held_out), np.float64)
    scores = answers[:, -1] if answers.ndim == 2 else answers
    if scores.shape != (len(held_out),) or not bool(np.isfinite(scores).all()):
        raise BlockError(f"expected a finite score for each of {len(held_out)} rows, got {answers.shape=} from {name}")
    return name, scores


def boosted_trees(rows: int, seed: int) -> Any:
    """Gradient boosting that is to learn from so many rows, 16 or more."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=min(20, rows // 8),  # as usual; of few rows, as many as leave something to split
        early_stopping=False,
        random_state=seed,
    )


def highest_kept(scores: NDArray[np.float64], n: int, m: int, level: float) -> float:
    """The highest U that is not rejected: `mannwhitneyu`'s p-value is at most the level just if U is above.

    That p-value is of (U - n m / 2 - 1 / 2) / s, s the standard deviation of U given the ties; U goes by halves.

    Args:
        scores: of both samples, (n + m,).
        n: rows of the reference.
        m: rows of the current sample.
        level: of the test, in (0, 1).
    """
    from scipy.stats import norm

    ties = np.unique(scores, return_counts=True)[1].astype(np.float64)
    total = n + m
    spread = sqrt(n * m / 12 * max(0.0, total + 1 - float((ties**3 - ties).sum()) / (total * (total - 1))))
    lowest_rejected = n * m / 2 + 0.5 + spread * float(norm.isf(level))
    return min(float(n * m), ceil(2 * lowest_rejected) / 2 - 0.5)
