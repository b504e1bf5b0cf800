"""SADRNet as one graph and the tables of its chart; the alignment between is numpy's."""

from __future__ import annotations

import torch
from torch import Tensor

from lineament.methods.sadrnet import ATTENTION, FACE, POSE, SHAPE
from lineament.train.networks.sadrnet import SadrNet
from lineament.train.networks.sadrnet_residual import ResidualSadrNet
from lineament.train.onnx.exporter import Arrays, Exporter
from lineament.train.onnx.graph import Graph, crop_graph
from lineament.train.sadrnet.mirrored_maps import mirrored_maps
from lineament.train.sadrnet.training import TrainedResidualNet, TrainedSadrNet

TOLERANCE = {FACE: 1e-3, SHAPE: 2e-3, ATTENTION: 1e-3, POSE: 1e-3}
"""Differences that another order of sums explains: 0.3 px of 256 and 0.13 mm."""
HALF_TOLERANCE = {FACE: 0.02, SHAPE: 0.05, ATTENTION: 0.05, POSE: 0.02}


def outputs_of(network: SadrNet | ResidualSadrNet) -> tuple[str, ...]:
    """Names of what a network's graph gives."""
    given = {
        FACE: network.face_head,
        SHAPE: network.shape_head,
        ATTENTION: network.attention,
        POSE: network.pose_head,
    }
    return tuple(name for name, part in given.items() if part is not None)


def graphs(network: TrainedSadrNet | TrainedResidualNet) -> dict[str, Graph]:
    """The one graph of a network."""
    outputs = outputs_of(network)
    return {
        "network": crop_graph(
            network,
            network.config.crop_size,
            _answers,
            outputs=outputs,
            tolerance={name: TOLERANCE[name] for name in outputs},
            half_tolerance={name: HALF_TOLERANCE[name] for name in outputs},
        )
    }


def arrays(network: TrainedSadrNet | TrainedResidualNet) -> Arrays:
    """The tables that the method needs beside the graph."""
    config = network.config
    return {"constants": network.chart.tables(config.pose, config.weight).arrays()}


def _answers(network: SadrNet | ResidualSadrNet, crop: Tensor) -> tuple[Tensor, ...]:
    found = network(crop)
    given = {
        FACE: found.face_map,
        SHAPE: None if found.shape_map is None else found.shape_map - network.mean_map,
        ATTENTION: None if found.attention is None else torch.sigmoid(found.attention),
        POSE: found.pose,
    }
    return tuple(values for values in given.values() if values is not None)


EXPORTER = Exporter(method="sadrnet", graphs=graphs, arrays=arrays, flip=mirrored_maps)
