"""What the page must know of this installation: its files, and the constants of Python's flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lineament import belief, crop, detect, expression_keys
from lineament.aligner import ON_ITS_HEAD, second_look
from lineament.bundle import Bundle
from lineament.detect import candidates, finer, options
from lineament.errors import WeightsError
from lineament.export import skin, texture, texture_completion
from lineament.methods import closeup, closeup_networks, coefficient_update, occlusion_network, predictor
from lineament.result import DEFAULT_SCHEME, LANDMARKS
from lineament.version import __version__
from lineament.video import TrackingConfig

WEIGHTS = "weights"
"""The page's folder of networks."""
LOOKS_TWICE = "close-up-regressor"
"""The method of weights that have more networks than that of the whole face."""
FINER = (
    *(
        "found_px",
        "trace_for_sure_px",
        "trace_px",
        "trace_score",
        "clear_score",
        "well_resolved_px",
        "larger_traces",
    ),
    *("window_px", "window_px_a_step", "window_sizes", "margin_px", "max_face_px", "wide_px", "mostly"),
    *("examined_px", "same_trace", "crowd"),
)
"""Constants of :mod:`lineament.detect.finer` that the page needs."""
BELIEF = (
    *("LOW_SCORE", "FAINT_SCORE", "SURE_SCORE", "STRICTER", "WHEN_BEYOND", "WHEN_BEYOND_BUT_SEEN"),
    *("CONFIRMING_SCORE", "CONFIRMING_TURN", "AGREEMENT"),
)
"""Those of :mod:`lineament.belief`."""
SKIN = ("sides", "below_mm", "cheek_mm", "bridge_mm", "min_texels", "dark", "bright", "other_hue", "min_hue")
"""Those of :mod:`lineament.export.skin`."""


def graph_file(name: str, graph: str = "network") -> str:
    """The page's file of a graph of weights that it knows by a name."""
    return f"{WEIGHTS}/{name}.onnx" if graph == "network" else f"{WEIGHTS}/{name}-{graph}.onnx"


def close_up_file(name: str) -> str:
    """The page's file of where close-ups are cut, and of how they move a face."""
    return f"{WEIGHTS}/{name}-close-ups.bin"


def settings(bundles: Mapping[str, Bundle]) -> dict[str, Any]:
    """What the page must know of this installation: files, and the constants of Python's flow."""
    return {
        "lineament": __version__,
        "arkit_name_of_side": expression_keys.ARKIT_NAME_OF_SIDE,
        "arkit_names": expression_keys.ARKIT_NAMES,
        "gaze": {
            "keys": expression_keys.GAZE,
            "iris_seen": expression_keys.IRIS_SEEN,
            "iris_hidden": expression_keys.IRIS_HIDDEN,
        },
        "landmarks": LANDMARKS,
        "detector": _detector_settings(),
        "close_ups": _close_up_settings(),
        "texture": _texture_settings(),
        "tracking": asdict(TrackingConfig()),
        "regressors": {
            name: _regressor_settings(name, bundle) | {"first_look": _first_look(bundle, bundles)}
            for name, bundle in bundles.items()
        },
    }


def _detector_settings() -> dict[str, Any]:
    return {
        "strides": detect.STRIDES,
        "bases_px": detect.BASES_PX,
        "cell": detect.CELL,
        "portrait_px": detect.PORTRAIT_PX,
        "wide": options.WIDE,
        "max_first_side": options.MAX_FIRST_SIDE,
        "closeup_px": detect.CLOSEUP_PX,
        "closeup_face_px": detect.CLOSEUP_FACE_PX,
        "same_face": detect.SAME_FACE,
        "agreeing": detect.AGREEING,
        "max_closeups": detect.MAX_CLOSEUPS,
        "head_half_wh": candidates.HEAD_HALF_WH,
        "head_up": candidates.HEAD_UP,
        "part_of_head": candidates.PART_OF_HEAD,
        "finer": {name: getattr(finer, name.upper()) for name in FINER},
        "upright_odds": detect.UPRIGHT_ODDS,
        "leaning": float(detect.LEANING),
        "lowest_score": detect.LOWEST_SCORE,
        "min_refinement": detect.MIN_REFINEMENT,
        "min_fraction": detect.MIN_FRACTION,
    }


def _close_up_settings() -> dict[str, Any]:
    return {
        "min_facing": closeup.MIN_FACING,
        "grid": crop.GRID,
        "key_limits": closeup_networks.KEY_LIMITS,
        "trusted_yaw": coefficient_update.TRUSTED_YAW,
        "max_surprise": coefficient_update.MAX_SURPRISE,
    }


def _texture_settings() -> dict[str, Any]:
    return {
        "scheme": DEFAULT_SCHEME,
        "slant": texture.SLANT,
        "aslant": texture.ASLANT,
        "step_px_mm": texture.STEP_PX_MM,
        "edge_px": texture.EDGE_PX,
        "edge_mm": texture.EDGE_MM,
        "light_range": texture_completion.LIGHT_RANGE,
        "skin": {name: getattr(skin, name.upper()) for name in SKIN},
    }


def _regressor_settings(name: str, bundle: Bundle) -> dict[str, Any]:
    cut, own = bundle.manifest.crop, bundle.manifest.detector
    if cut is None or own is None:
        raise WeightsError(
            f"{bundle.path.name} states no crop or no detector, and the page needs both. Use it with "
            f"`lineament align` and boxes."
        )
    return {
        "file": graph_file(name),
        **_second_look(name, bundle),
        "crop_size": cut.size,
        "crop_margin": cut.margin,
        "well_framed": predictor.WELL_FRAMED,
        "largest_step": predictor.LARGEST_STEP,
        "max_uncertainty_mm": bundle.manifest.max_uncertainty_mm,
        "expression_keys": {name: asdict(scale) for name, scale in bundle.manifest.expression_keys.items()},
        "on_its_head": ON_ITS_HEAD,
        "belief": {name.lower(): getattr(belief, name) for name in BELIEF}
        | {"framed": second_look.FRAMED, "least_px": second_look.LEAST_PX},
        "scheme": DEFAULT_SCHEME,
        "detector": {
            "file": graph_file(own.weights),
            **asdict(detect.DetectorOptions.from_table(own.options)),
        },
    }


def first_look_name(bundle: Bundle, bundles: Mapping[str, Bundle]) -> str | None:
    """What the page calls the weights that look first at what was found; None where there are none."""
    first = bundle.manifest.first_look
    return next((name for name, other in bundles.items() if other.manifest.name == first), first)


def _first_look(bundle: Bundle, bundles: Mapping[str, Bundle]) -> dict[str, Any] | None:
    """The network that looks first, and its crops; None where the regressor does it itself."""
    name = first_look_name(bundle, bundles)
    if name is None:
        return None
    cut = (bundles[name] if name in bundles else Bundle.open(name)).manifest.crop
    if cut is None:
        raise WeightsError(f"{bundle.path.name} names {name} for its first look, which states no crop.")
    return {"file": graph_file(name), "crop_size": cut.size}


def _second_look(name: str, bundle: Bundle) -> dict[str, Any]:
    """Files of what is run after the network of the whole face; None for what weights do not have."""
    looks: dict[str, Any] = {"close_ups": None, "occlusion": None}
    if bundle.manifest.method != LOOKS_TWICE:
        return looks
    parts = [part for part in closeup_networks.PARTS if part in bundle.manifest.graphs]
    if parts:
        graphs = {part: graph_file(name, part) for part in parts}
        looks["close_ups"] = {"file": close_up_file(name), "graphs": graphs}
    rule = occlusion_network.occlusion_rule(bundle)
    if rule is not None:
        looks["occlusion"] = {"file": graph_file(name, occlusion_network.OCCLUSION), **asdict(rule)}
    return looks
