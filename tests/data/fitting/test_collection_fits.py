from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lineament.data.build.worker import PhotoPart, _opened
from lineament.data.fitting.collection_fits import PartFitter, PhotoFit
from lineament.data.formats.files import open_files
from lineament.data.labels.pseudo_labels import PseudoLabel
from lineament.data.photographs.collection import read_photo_collection
from lineament.data.photographs.collections import VALIDATION_FRACTION, is_validation
from lineament.data.samples.recipe import PhotoOptions
from lineament.geometry.camera import WeakPerspective

CAMERA = WeakPerspective(np.eye(3), 0.4, np.array([60.0, 60.0, 0.0]))


class Crowd:
    """Finds three faces on every photograph."""

    def propose(self, photo):
        return [PseudoLabel(CAMERA, np.zeros(100), np.zeros(53), 0.0, "")] * 3


@pytest.fixture
def group(tmp_path):
    """A collection of one photograph, of faces that would be parted if each were somebody by itself."""
    names = (f"beach{number}" for number in range(1000))
    name = next(n for n in names if is_validation(f"trip/{n}#0") != is_validation(f"trip/{n}#1"))
    folder = tmp_path / "trip"
    folder.mkdir()
    Image.new("RGB", (120, 120)).save(folder / f"{name}.png")
    return read_photo_collection(folder)


def test_all_faces_of_a_groups_photograph_are_on_one_side_of_the_split(lfm, group):
    fitter = PartFitter(lfm, PhotoOptions())
    fitter.__dict__["_proposer"] = Crowd()
    fits = fitter.fit(group.root, group.entries)
    assert len({fit.person for fit in fits.kept}) == 3
    part = PhotoPart("trip_00000", group.name, group.root, group.entries, False)
    with open_files(group.root) as files:
        sides = {_opened(files, part, fit).provenance.validation for fit in fits.kept}
    assert sides == {is_validation(group.entries[0].person)}


def test_one_photograph_in_fifty_is_kept_from_training_and_people_as_before():
    face = PhotoFit("a.png", "", 0, CAMERA, np.zeros(1), np.zeros(1), 0.0)
    photos = [[replace(face, person=f"trip/{n}#{k}", face=k) for k in range(3)] for n in range(3000)]
    sides = [{one.is_validation for one in faces} for faces in photos]
    assert all(len(side) == 1 for side in sides)
    assert np.mean([side == {True} for side in sides]) == pytest.approx(VALIDATION_FRACTION, rel=0.5)
    for number in range(200):
        person = f"ytf/Some_Person{number}"
        assert replace(face, person=person).is_validation == is_validation(person)
