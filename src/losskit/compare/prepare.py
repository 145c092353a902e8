"""Rows as tensors, prepared with statistics of the training rows alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import Tensor

from losskit.compare.columns import is_number
from losskit.compare.data import Array, Data
from losskit.core.head import Task


class Preprocessor:
    """Turns rows into tensors, with statistics of the training rows alone.

    Images are standardised with one mean and deviation, as torchvision's ``Normalize`` does. In tables, numbers are imputed by
    the median and standardised by column; text is imputed by the most frequent level and encoded one-hot. A real target is
    standardised too; :meth:`restored` converts predictions back to its unit.
    """

    def __init__(self, data: Data, train: Array) -> None:
        self._data = data
        if isinstance(data.features, pd.DataFrame):
            self._columns = _columns(data.features).fit(data.features.iloc[train])
        else:
            pixels = data.features[train]
            self.pixel_mean, self.pixel_sd = float(pixels.mean()), float(pixels.std()) or 1.0
        regression = data.task is Task.REGRESSION
        self.centre = float(data.target[train].mean()) if regression else 0.0
        self.unit = (float(data.target[train].std()) or 1.0) if regression else 1.0

    def features(self, rows: Array) -> Tensor:
        """The features of ``rows``, (N, F)."""
        if isinstance(self._data.features, pd.DataFrame):
            values = self._columns.transform(self._data.features.iloc[rows])
        else:
            values = (self._data.features[rows] - self.pixel_mean) / self.pixel_sd
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    def target(self, rows: Array) -> Tensor:
        """The target of ``rows``: class ids (N,), or standardised values (N, 1)."""
        if self._data.task is Task.REGRESSION:
            values = (self._data.target[rows] - self.centre) / self.unit
            return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).reshape(-1, 1)
        return torch.from_numpy(self._data.target[rows].astype(np.int64))

    def restored(self, prediction: Tensor) -> Array:
        """Predictions in the target's own unit, (N,)."""
        values: Array = prediction.reshape(-1).double().numpy() * self.unit + self.centre
        return values if self._data.task is Task.REGRESSION else values.astype(np.int64)


class Split:
    """Training and test rows as tensors; the preparation uses statistics of the training rows only."""

    def __init__(self, data: Data, rows: Array, test: Array) -> None:
        self.fitted = Preprocessor(data, rows)
        self.features, self.target = self.fitted.features(rows), self.fitted.target(rows)
        self.training_target = data.target[rows]
        self.test_features, self.truth = self.fitted.features(test), data.target[test]
        self.outputs = data.outputs


def _columns(table: pd.DataFrame) -> ColumnTransformer:
    numbers = [name for name in table if is_number(table[name])]
    text = [name for name in table if name not in set(numbers)]
    # keep_empty_features: a column may be empty in one training fold only, and must keep its place
    numeric = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    levels = make_pipeline(
        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return ColumnTransformer([("numbers", numeric, numbers), ("text", levels, text)])
