"""Methods: one file each, and the only table of them."""

from lineament.methods.method import Method
from lineament.methods.regressor import MorphableRegressor
from lineament.methods.synergynet import SynergyNet

METHODS: dict[str, type[Method]] = {
    "morphable-regressor": MorphableRegressor,
    "synergynet": SynergyNet,
}
"""Method by the name that weights give (metadata ``method``)."""

__all__ = ["METHODS", "Method", "MorphableRegressor", "SynergyNet"]
