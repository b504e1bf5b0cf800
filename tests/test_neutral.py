"""A person's own rest."""

from dataclasses import replace

import numpy as np
import pytest

from discs import disc_aligner
from faces import egg_face, mesh_alone
from lineament.errors import ConfigError
from lineament.expression_keys import KeyScale, key_readings
from lineament.neutral import MOST, neutral_expression, quietest


def test_one_face_is_its_own_rest_however_it_looks():
    assert neutral_expression([egg_face(expression=0.9)]) == pytest.approx(0.9)


def test_rest_is_what_is_there_in_the_quietest_faces():
    faces = [
        egg_face(expression=weight) for weight in [*np.linspace(0.2, 1, 34), 0.11, 0.12, 0.1, 0.12, 0.13, 0.9]
    ]
    assert disc_aligner().neutral(faces) == pytest.approx(0.12, abs=0.005)


def test_a_face_is_quiet_as_a_whole_and_not_key_by_key():
    talking = np.array([[0.0, 0.8], [0.8, 0.0]] * 10)
    still = np.full((4, 2), 0.15)
    rest = quietest(("jawOpen", "mouthPucker"), np.concatenate([talking, still]), {})
    np.testing.assert_allclose(rest, 0.15, atol=1e-6)


def test_who_smiles_in_every_frame_smiles():
    weights = np.full((50, 1), 0.9)
    scales = {"mouthSmileLeft": KeyScale(rest=0.1, full=0.9)}
    rest = quietest(("mouthSmileLeft",), weights, scales)
    assert rest == pytest.approx(0.1 + MOST * 0.8)


def test_who_smiles_in_every_frame_smiles_also_where_keys_are_read_from_several_weights():
    scales = {"mouthSmileLeft": KeyScale(0.1, 0.9, mix={"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5})}
    names = ("mouthSmileLeft", "mouthSmileRight")
    rest = quietest(names, np.full((50, 2), 0.9), scales)
    assert key_readings(names, rest, scales)[0] == pytest.approx(0.1 + MOST * 0.8)
    still = quietest(names, np.full((50, 2), 0.2), scales)
    np.testing.assert_allclose(still, 0.2, atol=1e-6)


def test_faces_relative_to_their_rest_read_zero_and_keep_their_mesh():
    face = egg_face(expression=0.3)
    own = face.relative_to(neutral_expression([face]))
    assert own.blendshapes == {"jawOpen": pytest.approx(0)}
    np.testing.assert_array_equal(own.vertices_image, face.vertices_image)
    assert own.relative_to(None).blendshapes == face.blendshapes


def test_a_rest_of_other_weights_is_refused():
    with pytest.raises(ConfigError, match=r"shape \(1,\), found \(2,\)"):
        egg_face().relative_to(np.zeros(2))


def test_faces_that_have_no_rest_are_refused():
    for faces in ([], [mesh_alone(egg_face())], [replace(egg_face(), expression=np.float32([np.nan]))]):
        with pytest.raises(ConfigError, match="found"):
            neutral_expression(faces)
    other = replace(egg_face(), expression=np.zeros(0, np.float32))
    with pytest.raises(ConfigError, match="different expressions"):
        neutral_expression([egg_face(), other])
