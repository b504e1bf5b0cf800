import pickle

import numpy as np
import pytest

from lineament.data.labels.dense_targets import DenseTargets
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import Segment, image_maps, offset_map, position_map
from lineament.errors import ConfigError
from samples import annotated_sample, make_sample, posed_sample

EVERYTHING = DenseTargets(
    (
        *("position_map", "shape_map", "offset_map"),
        *("surface", "correspondence_uv", "ncc", "depth", "segmentation"),
    ),
    map_size=64,
)


@pytest.fixture(scope="module")
def generator(lfm):
    return EVERYTHING.open(lfm)


def test_targets_are_the_maps_of_their_names(lfm, generator):
    sample = make_sample(yaw=0.5)
    found = generator.make(sample.labels, 128)
    face, surface = posed_sample(sample, lfm), LabelSurface.of(lfm, size=64)
    maps = image_maps(face, surface)
    np.testing.assert_array_equal(found["position_map"], position_map(face, surface))
    np.testing.assert_array_equal(found["offset_map"], offset_map(face, surface))
    np.testing.assert_array_equal(found["segmentation"], maps.segmentation)
    np.testing.assert_array_equal(found["correspondence_uv"], maps.correspondence_uv)
    np.testing.assert_array_equal(found["depth"][maps.surface], maps.depth[maps.surface])
    assert not found["depth"][~maps.surface].any()
    assert (found["segmentation"][sample.occlusion] == Segment.OCCLUDER).all()


def test_labels_without_coefficients_give_zeros_of_the_same_shapes(generator):
    known, unknown = (generator.make(sample.labels, 128) for sample in (make_sample(), annotated_sample()))
    assert tuple(known) == tuple(unknown) == EVERYTHING.maps
    for name in known:
        assert (unknown[name].shape, unknown[name].dtype) == (known[name].shape, known[name].dtype), name
        assert not unknown[name].any()
        assert np.isfinite(known[name]).all()


def test_what_is_sent_to_worker_processes_is_small():
    assert len(pickle.dumps(EVERYTHING)) < 1000


@pytest.mark.parametrize("maps", [(), ("position_map", "colours")])
def test_maps_that_nobody_can_make_are_named(maps):
    with pytest.raises(ConfigError, match="some of position_map, shape_map"):
        DenseTargets(maps)
