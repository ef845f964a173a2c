"""Tables of stage `pca`."""

import pyarrow as pa

from induction.tables.contract import Column, Table

PCA = Table(
    "pca",
    "every checkpoint of every cell in the joint principal components of the loss vectors",
    ("cell", "step", "component"),
    (
        Column("cell", pa.string(), "model and seed"),
        Column("step", pa.int32(), "optimiser steps done"),
        Column("component", pa.int16(), "principal component, from 1"),
        Column("score", pa.float64(), "nats; coordinate along the component, centred"),
        Column("explained_variance", pa.float64(), "share of the variance that it explains"),
    ),
)
