import numpy as np
import pytest

from lineament.data.build.store import write_fits
from lineament.data.fitting.collection_fits import PartFits, PhotoFit
from lineament.data.photographs.collections import is_validation
from lineament.data.samples import held_out
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from tools.measure_identities import MAX_RESIDUAL, chosen_fits, identities_of

VALIDATION = next(name for n in range(1000) if is_validation(f"congress/{(name := f'P{n}')}"))


def fit(photo, person, *, yaw=0.0, residual=0.01, reason="", identity=None):
    camera = WeakPerspective(matrix_from_angles(yaw, 0.0, 0.0), 1.0, np.zeros(3))
    identity = np.zeros(100) if identity is None else identity
    return PhotoFit(photo, f"congress/{person}", 0, camera, identity, np.zeros(53), residual, reason)


def test_of_each_person_for_training_the_least_turned_good_fit_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "_held_out_people", lambda: frozenset({held_out.key_of("Eve")}))
    fits = [
        fit("a.jpg", "Ann", yaw=0.3),
        fit("b.jpg", "Ann", yaw=-0.1),
        fit("c.jpg", "Ann", yaw=0.0, residual=2 * MAX_RESIDUAL),
        fit("d.jpg", "Bob", reason="the pose is implausible"),
        fit("e.jpg", "Cy", yaw=1.0),
        fit("f.jpg", "Eve"),
        fit("g.jpg", "Di"),
        fit("h.jpg", VALIDATION),
    ]
    write_fits(tmp_path / "congress_00000.npz", PartFits(tuple(fits[:4]), ()), "one")
    write_fits(tmp_path / "congress_00001.npz", PartFits(tuple(fits[4:]), ()), "two")
    assert [face.photo for face in chosen_fits(tmp_path, "congress")] == ["b.jpg", "g.jpg"]
    assert chosen_fits(tmp_path, "ytf") == []


def test_the_distribution_of_fits_has_their_mean_and_no_antisymmetric_one(lfm):
    rng = np.random.default_rng(0)
    middle = rng.normal(0, 1, 100)
    faces = [
        fit(f"{n}.jpg", f"P{n}", yaw=rng.normal(0, 0.2), identity=middle + rng.normal(0, 0.3, 100))
        for n in range(600)
    ]
    found = identities_of(faces, lfm)
    even = lfm.mirror.identity_sign > 0
    np.testing.assert_allclose(found.mean[even], middle[even], atol=0.08)
    assert (found.mean[~even] == 0).all()


def test_a_damaged_file_is_named(tmp_path):
    write_fits(tmp_path / "ytf_00000.npz", PartFits((fit("a.jpg", "Ann"),), ()), "key")
    with np.load(tmp_path / "ytf_00000.npz") as data:
        arrays = {name: data[name] for name in data.files if name != "scale"}
    np.savez(tmp_path / "ytf_00000.npz", **arrays)
    with pytest.raises(DataError, match="ytf_00000"):
        chosen_fits(tmp_path, "ytf")
