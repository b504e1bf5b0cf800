from dataclasses import replace

import pytest

from lineament.bundle import Bundle
from lineament.errors import WeightsError
from lineament.methods import METHODS


@pytest.mark.parametrize("unknown", ["crop", "face_model"])
@pytest.mark.parametrize("name", METHODS)
def test_weights_that_state_no_crop_or_no_face_model_are_refused_by_every_method(name, unknown):
    bundle = Bundle.open("fast")
    incomplete = replace(bundle, manifest=replace(bundle.manifest, **{unknown: None}))
    with pytest.raises(WeightsError, match=r"fast\.lineament does not state how crops are cut .* again"):
        METHODS[name].from_bundle(incomplete, threads=1)
