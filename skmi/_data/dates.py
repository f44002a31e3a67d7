"""Dates and durations as numbers of days."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from skmi._data.dtypes import is_missing

__all__ = ["as_days", "days_or_refusal"]

DAY = np.timedelta64(1, "D")


def days_or_refusal(column, name, for_table):
    """Return dates or durations as numbers of days, or raise."""
    if for_table:
        return as_days(column)
    raise ValueError(
        f"{name} holds dates or durations; convert them to numbers of days first: "
        "(column - column.min()) / numpy.timedelta64(1, 'D'), with column of "
        "pandas.to_datetime or numpy.asarray."
    )


def as_days(values: np.ndarray) -> np.ndarray:
    """Return dates, counted from 1970, or durations as days, NaN where missing."""
    if values.dtype.kind == "M":
        return (values - np.datetime64(0, "D")) / DAY
    if values.dtype.kind == "m":
        return values / DAY
    days = [day_of(value) for value in values.ravel()]
    return np.array(days, dtype=np.float64).reshape(values.shape)


def day_of(value: Any) -> float:
    """Return a date, a duration or a time of day as days."""
    if is_missing(value):
        return np.nan
    value = value.to_timestamp() if hasattr(value, "to_timestamp") else value
    if isinstance(value, datetime.time):
        clock = datetime.timedelta(hours=value.hour, minutes=value.minute)
        return (clock.total_seconds() + value.second + value.microsecond / 1e6) / 86400
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return float(np.timedelta64(value) / DAY)
    return float((np.datetime64(value) - np.datetime64(0, "D")) / DAY)
