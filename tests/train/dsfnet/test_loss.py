import numpy as np
import pytest
import torch

from lineament.data.labels.label_surface import LabelSurface
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of
from lineament.train.dsfnet.loss import DsfLoss, DsfLossConfig, confidence_target, consistency
from lineament.train.dsfnet.method import DSFNET
from lineament.train.dsfnet.training import DsfTrainConfig, new_network, position_weights, prepare
from lineament.train.networks.dsfnet.cloud import Cloud
from lineament.train.networks.dsfnet.config import tiny
from lineament.train.networks.dsfnet.faces import DsfOutput, ImageBranch
from lineament.train.networks.dsfnet.heads import CropMaps
from tests.train.dsfnet.painted import painted_folder
from tests.train.dsfnet.setups import tiny_config

SMALL = tiny()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return tiny_config(painted_folder(tmp_path_factory.mktemp("painted"), 4))


@pytest.fixture(scope="module")
def network(config, lfm):
    torch.manual_seed(0)
    network = new_network(config, lfm)
    prepare(network, config, DSFNET.source(config))
    return network


@pytest.fixture(scope="module")
def truth(config):
    arrays = arrays_of(DSFNET.source(config).sampler(validation=False).plain_batch(np.arange(4)))
    return LabelBatch.of({name: torch.as_tensor(array) for name, array in arrays.items()})


@pytest.fixture
def perfect(network, truth):
    """What a network would say that knows the truth."""
    expected = network.standardised(network.coefficients_of_labels(truth.face))
    face = network.posed_by_numbers(expected)
    seen = truth.targets["face_mask"]
    maps = CropMaps(
        truth.targets["correspondence"].clone(),
        truth.targets["depth"].clone(),
        torch.where(seen, 20.0, -20.0),
        seen.float(),
    )
    nothing = torch.zeros(4, len(network.chart.texel))
    cloud = Cloud(torch.zeros(*nothing.shape, 3), nothing > 0, nothing)
    image = ImageBranch(expected, face, cloud, torch.ones(4, dtype=torch.bool))
    return DsfOutput(maps, None, expected, face, image, (face.offset.clone(), face.position.clone()))


def loss_of(network, **values):
    return DsfLoss(network, DsfLossConfig(**values), torch.as_tensor(position_weights(network.chart)))


def test_the_truth_costs_nothing_in_any_term(network, truth, perfect):
    terms = loss_of(network)(perfect, truth)
    for name in ("ms_identity", "ms_expression", "ms_pose", "is_identity", "is_expression"):
        assert float(terms[name]) < 0.01, name
    for name in ("correspondence", "depth", "segmentation", "confidence", "offset", "position"):
        assert float(terms[name]) < 0.02, name
    assert float(terms["cons"]) < 1e-4


def test_a_face_that_is_elsewhere_costs_consistency(network, truth, perfect):
    """As printed the term is zero whatever the coefficients are."""
    perfect.image.face.position[..., 0] += 0.1
    terms = loss_of(network)(perfect, truth)
    assert float(terms["cons"]) == pytest.approx(0.01, rel=0.15)


def test_consistency_has_the_gradient_that_differences_show():
    numbers = torch.Generator().manual_seed(0)
    size, side = 6, 4
    correspondence = (torch.rand(1, 2, side, side, generator=numbers) * 1.2 - 0.6).double()
    depth = torch.randn(1, side, side, generator=numbers).double()
    position = torch.randn(1, 4, size, size, generator=numbers).double()
    position[:, 3] = 1
    seen = torch.ones(1, side, side).double()

    def cost(correspondence, depth, places):
        maps = CropMaps(correspondence, depth, depth, depth)
        return consistency(maps, torch.cat([places, position[:, 3:]], dim=1), seen)

    inputs = (correspondence, depth, position[:, :3])
    assert torch.autograd.gradcheck(cost, [each.requires_grad_() for each in inputs])
    assert float(cost(*inputs).detach()) > 0


def test_confidence_is_one_for_no_error_and_learns_nothing_through_its_target():
    config = DsfLossConfig()
    zero = torch.zeros(1, 2, 2, requires_grad=True)
    found = confidence_target(zero, zero, config)
    assert torch.equal(found, torch.ones(1, 2, 2))
    assert not found.requires_grad
    off = torch.full((1, 1, 1), 0.05)
    assert float(confidence_target(off, off, config)) == pytest.approx(np.exp(-1))


def test_rows_without_coefficients_have_no_weight(network, truth, perfect):
    none = torch.zeros(4, dtype=torch.bool)
    unlabelled = LabelBatch(
        **{name: getattr(truth, name) for name in LabelBatch.__slots__ if name != "has_coefficients"},
        has_coefficients=none,
    )
    perfect.maps.depth.add_(1)
    assert float(loss_of(network)(perfect, unlabelled)["loss"]) == 0


def test_squares_are_the_squares_of_roots(network, truth, perfect):
    perfect.model_coefficients.identity.add_(0.3)
    root = loss_of(network)(perfect, truth)["ms_identity"]
    squares = loss_of(network, coefficients="squares")(perfect, truth)["ms_identity"]
    assert float(root) == pytest.approx(10 * 0.3, rel=1e-3)
    assert float(squares) == pytest.approx(10 * 0.09, rel=1e-3)


def test_targets_know_of_the_occluder_and_of_the_nose(truth, lfm):
    seen, depth = truth.targets["face_mask"], truth.targets["depth"]
    for row in range(4):
        assert 0.1 < float(seen[row].float().mean()) < 0.8
        assert -0.05 < float(depth[row][seen[row]].max()) < 0.12  # what lies before the tip of the nose
    surface = LabelSurface.of(lfm, size=SMALL.map_size)
    column, row = ((truth.targets["correspondence"][0] + 1) / 2 * SMALL.map_size).floor().long()
    hit = surface.mask[row[seen[0]].clamp(0, 31), column[seen[0]].clamp(0, 31)]
    assert hit.mean() > 0.95


def test_a_configuration_is_the_compact_preset_unless_something_else_is_said():
    assert DsfTrainConfig().network.crop_size == 112
