import numpy as np
import pytest
import torch

from lineament.geometry import harmonics as numpy_harmonics
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.perspective import Perspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.train.dff.rasterisers import ScatterRasteriser, ZBuffer
from lineament.train.dff.reference_renderer import render_face
from lineament.train.dff.renderer import (
    ProjectedMesh,
    Renderer,
    VertexNormals,
    harmonics,
    perspective_weights,
)

SIZE = 24
SPHERE_MM = 80.0


def sphere(rings=7, sectors=10):
    """Vertices and outward triangles of a sphere about the origin."""
    vertices, triangles = [], []
    for ring in range(rings):
        for sector in range(sectors):
            lat, lon = np.pi * (ring + 0.5) / rings, 2 * np.pi * (sector + 0.3) / sectors
            vertices.append([np.sin(lat) * np.cos(lon), np.cos(lat), np.sin(lat) * np.sin(lon)])
            if ring + 1 < rings:
                a, b = ring * sectors + sector, ring * sectors + (sector + 1) % sectors
                triangles += [(a, b, a + sectors), (b, b + sectors, a + sectors)]
    vertices, triangles = SPHERE_MM * np.array(vertices), np.array(triangles)
    a, b, c = (vertices[triangles[:, n]] for n in range(3))
    outward = (np.cross(b - a, c - a) * a).sum(1) > 0
    triangles[~outward] = triangles[~outward][:, ::-1]
    return vertices, triangles


@pytest.fixture(scope="module")
def scene():
    """A sphere close to the camera, with random colours, in a random light."""
    rng = np.random.default_rng(3)
    vertices, triangles = sphere()
    camera = Perspective(
        matrix_from_angles(0.3, -0.2, 0.1), np.array([4.0, -3.0, 320.0]), 1.5 * SIZE, np.full(2, SIZE / 2)
    )
    light = 0.1 * rng.standard_normal((9, 3))
    light[0] = 1.0
    return vertices, triangles, rng.uniform(0.2, 0.8, (len(vertices), 3)), light, camera


def drawn(vertices, triangles, albedo, light, camera, rasteriser=None):
    """The scene by torch, in double precision; what is a tensor has a gradient."""
    parts = (vertices, albedo, light, camera.rotation, camera.translation)
    vertices, albedo, light, rotation, translation = (torch.as_tensor(part) for part in parts)
    triangles = torch.as_tensor(triangles.copy())
    turned = vertices @ rotation.T
    x, y, z = (turned * torch.tensor([1.0, -1.0, -1.0]) + translation).unbind(1)
    xy = torch.stack([x, y], 1) * camera.focal_px / z[:, None] + torch.as_tensor(camera.center_xy)
    normals = VertexNormals(triangles, len(vertices))(turned[None])
    colors = albedo * (harmonics(normals) @ light)
    mesh = ProjectedMesh(xy[None], 1 / z[None], -1 / z[None])
    return Renderer(triangles, rasteriser)(mesh, colors, SIZE)


def with_camera(camera, **changes):
    values = {name: getattr(camera, name) for name in ("rotation", "translation", "focal_px", "center_xy")}
    return Perspective(**values | changes)


@pytest.mark.parametrize("rasteriser", [ZBuffer(), ScatterRasteriser()])
def test_it_draws_what_the_reference_draws(scene, rasteriser):
    picture, mask, _ = render_face(*scene, size=SIZE)
    found = drawn(*scene, rasteriser)
    assert 0.2 < mask.mean() < 0.8
    np.testing.assert_array_equal(found.mask[0], mask)
    np.testing.assert_allclose(found.rgb[0].permute(1, 2, 0), picture, atol=1e-9)


@pytest.mark.parametrize("part", ["vertices", "albedo", "light", "rotation", "translation"])
def test_gradients_are_those_of_finite_differences_while_nothing_becomes_hidden(scene, part):
    vertices, triangles, albedo, light, camera = scene
    rng = np.random.default_rng(5)
    picture, _, visible = render_face(*scene, size=SIZE)
    weights = rng.standard_normal(picture.shape)
    inputs = {
        "vertices": vertices,
        "albedo": albedo,
        "light": light,
        "rotation": np.array(camera.rotation),
        "translation": camera.translation,
    }

    def split(values):
        moved = with_camera(camera, rotation=values["rotation"], translation=values["translation"])
        return values["vertices"], triangles, values["albedo"], values["light"], moved

    tensors = {name: torch.tensor(value, requires_grad=name == part) for name, value in inputs.items()}
    found = drawn(*split(tensors))
    (found.rgb[0].permute(1, 2, 0) * torch.as_tensor(weights)).sum().backward()
    gradient = tensors[part].grad.numpy()
    for _ in range(3):
        step = rng.standard_normal(inputs[part].shape) * 1e-5 * np.abs(inputs[part]).max()
        there, here = (
            render_face(*split(inputs | {part: inputs[part] + sign * step}), size=SIZE, visible=visible)[0]
            for sign in (1, -1)
        )
        wanted = ((there - here) * weights).sum() / 2
        np.testing.assert_allclose((gradient * step).sum(), wanted, rtol=2e-4, atol=1e-8)


def test_weights_are_those_of_the_surface_and_not_of_the_picture():
    corners = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]])
    # An edge runs from depth 1 to depth 3: half way in the picture is a quarter of the way in space.
    depth = torch.tensor([[1.0, 3.0, 1.0]])
    weights, solid = perspective_weights(corners, 1 / depth, torch.tensor([[5.0, 0.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25, 0.0]]))
    assert solid.all()


def test_slivers_are_left_out_and_have_no_gradient():
    corners = torch.tensor([[[0.0, 0.0], [1.0, 1e-9], [2.0, 0.0]]], requires_grad=True)
    weights, solid = perspective_weights(corners, torch.ones(1, 3), torch.tensor([[1.0, 0.0]]))
    assert not solid.any()
    weights.sum().backward()
    assert torch.isfinite(corners.grad).all()


def test_normals_and_harmonics_are_those_of_numpy(scene):
    vertices, triangles = scene[:2]
    found = VertexNormals(torch.as_tensor(triangles.copy()), len(vertices))(torch.as_tensor(vertices)[None])
    wanted = vertex_normals(vertices, triangles)
    np.testing.assert_allclose(found[0], wanted, atol=1e-12)
    np.testing.assert_allclose(harmonics(found)[0], numpy_harmonics.harmonics(wanted), atol=1e-12)


def test_both_rasterisers_see_the_same_of_a_head(lfm):
    rng = np.random.default_rng(0)
    rotations = [matrix_from_angles(*rng.uniform(-1, 1, 3)) for _ in range(2)]
    heads = np.stack([40 + 0.4 * (lfm.neutral_model @ r.T) * [1, -1, -1] for r in rotations])
    triangles = torch.as_tensor(lfm.triangles[: lfm.parts["face"][1]]).long()
    one, other = (found(torch.as_tensor(heads), triangles, 80) for found in (ZBuffer(), ScatterRasteriser()))
    assert ((one >= 0).float().mean() > 0.2) & ((one >= 0).float().mean() < 0.9)
    assert (one != other).float().mean() < 2e-3  # places where two triangles are equally near
    assert ((one >= 0) != (other >= 0)).float().mean() < 1e-3
