import numpy as np

from lineament.models.basel import load_basel_table
from lineament.models.builtin import load_builtin
from shared import shared_path


def test_the_table_is_affine():
    table, vertices = load_basel_table(), load_builtin().neutral_model
    moved = table.carry(2 * vertices + 5)
    np.testing.assert_allclose(moved, 2 * table.carry(vertices) + 5, atol=1e-3)


def test_lfm_carried_to_basels_topology_looks_like_its_mean_face():
    from lineament.geometry.similarity import fit_similarity

    with np.load(shared_path("bfm_reference") / "bfm_reference.npz") as data:
        mean = data["mean_shape"][data["no_neck_vertices"]].astype(float) / 1000
    carried = load_basel_table().carry(load_builtin().neutral_model).astype(float)
    distance = np.linalg.norm(fit_similarity(mean, carried).apply(mean) - carried, axis=1)
    assert np.median(distance) < 1.0  # mm: two mean faces of different populations
