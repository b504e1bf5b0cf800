"""Faces with the points that people set on profiles, for the tests of evaluation."""

from __future__ import annotations

import numpy as np

from evaluate.items import PlainPhoto
from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.protocols.handset_points import CFP_30
from lineament.evaluate.scores.records import Record

FACE_68 = np.random.default_rng(3).uniform(20, 100, (68, 2)).round(2)


def cfp_item(name, scheme=CFP_30):
    landmarks = {"cfp-profile": scheme.of_68(FACE_68)}
    box = np.array([20.0, 20, 100, 100])
    return EvaluationItem(
        name=name, photo=PlainPhoto(), landmarks=landmarks, scheme=scheme.name, box_xyxy=box, size=80.0
    )


def found(name, shift_xy=(0.0, 0.0)):
    return Record(name=name, landmarks=np.column_stack([FACE_68 + shift_xy, np.zeros(68)]))
