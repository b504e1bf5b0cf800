"""Methods: one file each, and the only table of them."""

from lineament.methods.closeup_regressor import CloseUpRegressor
from lineament.methods.cprfa import Cprfa
from lineament.methods.dff import Dff
from lineament.methods.dsfnet import DsfNet
from lineament.methods.estimate import Estimate
from lineament.methods.method import Method
from lineament.methods.predictor import Predictor
from lineament.methods.regressor import MorphableRegressor
from lineament.methods.sadrnet import SadrNet
from lineament.methods.synergynet import SynergyNet

METHODS: dict[str, type[Method]] = {
    "close-up-regressor": CloseUpRegressor,
    "cprfa": Cprfa,
    "dff": Dff,
    "dsfnet": DsfNet,
    "morphable-regressor": MorphableRegressor,
    "sadrnet": SadrNet,
    "synergynet": SynergyNet,
}
"""Method by the name that weights give."""

__all__ = [
    "METHODS",
    "CloseUpRegressor",
    "Cprfa",
    "Dff",
    "DsfNet",
    "Estimate",
    "Method",
    "MorphableRegressor",
    "Predictor",
    "SadrNet",
    "SynergyNet",
]
