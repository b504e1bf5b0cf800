"""Methods: one file each, and the only table of them."""

from lineament.methods.method import Method
from lineament.methods.regressor import MorphableRegressor

METHODS: dict[str, type[Method]] = {"morphable-regressor": MorphableRegressor}
"""Method by the name that weights give (metadata ``method``)."""

__all__ = ["METHODS", "Method", "MorphableRegressor"]
