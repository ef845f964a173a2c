"""Tables of stage `pca`."""

from induction.tables.columns import CELL, STEP, float64, int16
from induction.tables.contract import Table

PCA = Table(
    "pca",
    "every checkpoint of every cell in the joint principal components of the loss vectors",
    (CELL, STEP, int16("component", "principal component, from 1")),
    (
        float64("score", "nats; coordinate along the component, centred"),
        float64("explained_variance", "share of the variance that it explains"),
    ),
)
