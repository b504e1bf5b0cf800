import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError, DataError, ExportError
from lineament.geometry.topology import MIRROR_68
from lineament.methods import Predictor
from lineament.methods.synergynet import SynergyNet as SynergyMethod
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import CropSource, Folders, crops_as_input
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.methods import export_run
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.networks.synergynet import (
    AS_RELEASED,
    LandmarksTo3dmmConfig,
    MafaConfig,
    SynergyConfig,
    SynergyNet,
    nearest_rotation,
)
from lineament.train.regressor.warm_start import ExportedNetwork, start_from, take_layers
from lineament.train.runs import method as run_methods
from lineament.train.runs.ablation import AblationTable, TablePlan, ablate
from lineament.train.runs.crop_method import begin_with_run
from lineament.train.synergynet import export as export_module
from lineament.train.synergynet.export import EXPORTER
from lineament.train.synergynet.loss import AS_PRINTED as PRINTED_LOSS
from lineament.train.synergynet.loss import AS_RELEASED as RELEASED_LOSS
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig, wing
from lineament.train.synergynet.method import SYNERGYNET, VARIANTS
from lineament.train.synergynet.training import (
    SynergyTrainConfig,
    standardise,
    synergy_net,
    take_heads,
)
from tests.train.exports import Given
from tests.train.exports import exported as export

SMALL = SynergyConfig(width=0.25, crop_size=32)
AUGMENT = AugmentConfig(crop_size=32)


@pytest.fixture(scope="module")
def batch(samples):
    source = CropSource(Folders((samples,)), AugmentConfig(crop_size=32))
    arrays = source.open().rows([np.random.default_rng(row) for row in range(6)])
    return {name: torch.as_tensor(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def network(samples, lfm, batch, settled):
    """Random weights, standardisation of the views, and refinements of some pixels."""
    torch.manual_seed(0)
    network = synergy_net(SMALL, lfm)
    standardise(network, CropSource(Folders((samples,)), AugmentConfig(crop_size=32)), 32)
    torch.nn.init.normal_(network.mafa.last[0].weight, std=0.1)
    for head in network.heads:
        torch.nn.init.normal_(head[1].weight, std=0.02)
    return settled(network, batch["crop"])


def test_true_parameters_give_the_models_own_landmarks(network, batch, lfm):
    truth = LabelBatch.of(batch)
    found = network.landmarks_of(network.standardised(network.parameters_of(truth.face))).detach().numpy()
    points = lfm.landmark_points("300w-lp")
    for row in range(6):
        model = points.vertices_model(batch["identity"][row].numpy(), batch["expression"][row].numpy())
        rotated = model @ batch["rotation"][row].numpy().T * [1, -1, -1]
        expected = float(batch["scale"][row]) * rotated + [*batch["translation"][row].numpy(), 0]
        np.testing.assert_allclose(found[row], expected, atol=2e-3)


def test_standardised_parameters_are_of_the_order_of_one(network, batch):
    standardised = network.standardised(network.parameters_of(LabelBatch.of(batch).face))
    assert 0.3 < float(standardised[:, :11].std()) < 2
    assert (standardised[:, 11] == 0).all()  # labels say nothing about depth


def test_a_camera_goes_into_twelve_numbers_and_back(network, batch):
    truth = LabelBatch.of(batch)
    face = network.face_of(network.standardised(network.parameters_of(truth.face)))
    for name in ("rotation", "scale", "translation", "identity", "expression"):
        torch.testing.assert_close(getattr(face, name), getattr(truth, name), atol=2e-4, rtol=1e-4)


def test_the_nearest_rotation_is_proper_and_prefers_neither_row():
    matrix = torch.randn(5, 3, 3, generator=torch.Generator().manual_seed(0)) + 2 * torch.eye(3)
    rotation, scale = nearest_rotation(matrix)
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(5, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(5))
    torch.testing.assert_close(scale, matrix[:, :2].norm(dim=2).mean(1))
    rows = matrix[:, :2] / matrix[:, :2].norm(dim=2, keepdim=True)
    first, second = (rotation[:, :2] * rows).sum(2).unbind(1)
    torch.testing.assert_close(first, second)


def test_refinement_starts_at_the_coarse_landmarks(lfm):
    output = synergy_net(SMALL, lfm).eval()(torch.rand(2, 3, 32, 32) * 255)
    torch.testing.assert_close(output.refined, output.coarse)
    assert output.landmarks_to_3dmm is None  # only in training


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_the_table_learns_something_everywhere(name, lfm, batch):
    whole = run_methods.changed(SynergyTrainConfig(network=SMALL, augment=AUGMENT), VARIANTS[name].changes)
    config = whole.network
    torch.manual_seed(0)
    changed = synergy_net(config, lfm).train()
    changed.std[:9] = 0.3
    changed.mean[9:11] = 16
    terms = SynergyLoss(changed, whole.loss)(
        changed(batch["crop"].permute(0, 3, 1, 2).float()), LabelBatch.of(batch)
    )
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert ("refined" in terms) == config.mafa.enabled
    assert ("landmarks_to_3dmm" in terms) == config.landmarks_to_3dmm.enabled
    # A last layer of zeros passes nothing on at first, and a ReLU may be shut.
    missing = [key for key, p in changed.named_parameters() if p.grad is None]
    assert not missing


def test_perfect_answers_cost_nothing_but_what_keeps_the_root_smooth(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face))
    landmarks = network.landmarks_of(right)
    output = replace(
        network(batch["crop"].permute(0, 3, 1, 2).float()),
        parameters=right,
        coarse=landmarks,
        refined=landmarks,
        landmarks_to_3dmm=right,
    )
    assert float(SynergyLoss(network, SynergyLossConfig())(output, truth)["loss"]) < 1e-4
    # The released code compares the first values of the landmark-to-3DMM network with the last of the truth.
    assert float(SynergyLoss(network, RELEASED_LOSS)(output, truth)["landmarks_to_3dmm"].detach()) > 1e-3


def test_the_loss_is_in_units_of_a_120_px_crop(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face))
    landmarks = network.landmarks_of(right)
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    moved = replace(output, parameters=right, coarse=landmarks, refined=landmarks + 32 / 120)
    terms = SynergyLoss(network, SynergyLossConfig(landmarks="smooth-l1"))(moved, truth)
    assert float(terms["refined"]) == pytest.approx(0.05 * 0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    # Per point: 1.5 of an error of 2 px, 0.125 of half a pixel; two faces, of which one is right.
    [("sum", 0.03 * (1.5 + 0.125 + 3 * 1.5) / 2), ("mean", 0.03 * (1.5 + 0.125 + 3 * 1.5) / 2 / 204)],
)
def test_the_printed_landmark_loss_sums_over_points_and_the_released_one_averages(lfm, reduction, expected):
    whole = synergy_net(SynergyConfig(width=0.25), lfm)  # crops of 120 px: the paper's unit
    loss = SynergyLoss(whole, replace(PRINTED_LOSS, landmark_reduction=reduction))
    found = torch.zeros(2, 68, 3)
    found[0, 0, 0], found[0, 1, 1] = 2.0, -0.5
    found[0, 67] = 2.0
    cost = PRINTED_LOSS.refined * loss._landmark_loss(found, torch.zeros(2, 68, 3), torch.ones(2, 68, 3))
    assert float(cost) == pytest.approx(expected, rel=1e-6)


def test_the_printed_loss_is_a_sum_of_squares_and_of_smooth_l1(network, batch):
    truth = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(truth.face)).detach()
    landmarks = network.landmarks_of(right).detach()
    wrong = right.clone()
    wrong[:, 0] += 2  # pose: a square of 4
    wrong[:, 12] += 1  # identity: 1
    output = replace(
        network(batch["crop"].permute(0, 3, 1, 2).float()),
        parameters=wrong,
        coarse=landmarks + 7,  # no term of the paper's
        refined=landmarks + 3 * 32 / 120,  # 3 px of 120 in each of 204 coordinates: 2.5 each
        landmarks_to_3dmm=right,
    )
    terms = SynergyLoss(network, PRINTED_LOSS)(output, truth)
    assert set(terms) == {"loss", "parameters", "refined", "landmarks_to_3dmm", "consistency"}
    assert float(terms["parameters"]) == pytest.approx(0.02 * 5, rel=1e-4)
    assert float(terms["refined"]) == pytest.approx(0.03 * 204 * 2.5, rel=1e-3)
    assert float(terms["landmarks_to_3dmm"]) == pytest.approx(0, abs=1e-6)
    assert float(terms["consistency"]) == pytest.approx(0.001 * 5, rel=1e-4)


def test_wing_is_continuous_and_steepest_at_zero():
    values = wing(torch.tensor([0.0, 0.1, 9.999, 10.001, 20.0]))
    assert values[0] == 0
    assert values[1] == pytest.approx(10 * np.log(1.05), rel=1e-5)
    assert float(values[3] - values[2]) == pytest.approx(0, abs=0.01)
    assert float(values[4] - values[3]) == pytest.approx(10, abs=0.01)


def test_the_released_network_has_the_published_size(lfm):
    network = SynergyNet(AS_RELEASED, lfm.landmark_points("300w-lp"))
    count = lambda module: sum(p.numel() for p in module.parameters()) / 1e6  # noqa: E731
    assert count(network) == pytest.approx(4.08, abs=0.01)
    assert count(network.backbone) == pytest.approx(2.224, abs=0.001)
    assert count(network.mafa) == pytest.approx(1.557, abs=0.001)
    assert count(network.landmarks_to_3dmm) == pytest.approx(0.215, abs=0.001)


def test_the_larger_baseline_has_layers_after_the_image_feature_and_the_papers_size(lfm):
    changes = VARIANTS["larger-baseline"].changes["network"]
    larger, baseline = (
        SynergyNet(replace(AS_RELEASED, landmarks="coarse", **more), lfm.landmark_points("300w-lp"))
        for more in (changes, {name: changes[name] for name in ("mafa", "landmarks_to_3dmm")})
    )
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert count(larger.backbone) == count(baseline.backbone)
    # Two fully connected layers of 752 with normalisation, and heads of 62 outputs on them.
    assert count(larger) - count(larger.backbone) == 752 * (1280 + 752) + 2 * 3 * 752 + 62 * 753
    assert count(larger) / 1e6 == pytest.approx(3.80, abs=0.005)
    assert count(baseline) / 1e6 == pytest.approx(2.30, abs=0.005)
    assert larger.eval()(torch.zeros(2, 3, 120, 120)).parameters.shape == (2, 62)


def test_landmark_geometry_alone_is_the_whole_answer(network, batch, lfm, tmp_path):
    crops = batch["crop"].permute(0, 3, 1, 2).float()
    geometry = synergy_net(replace(SMALL, landmarks="geometry"), lfm)
    geometry.load_state_dict(network.state_dict())
    geometry.eval()
    torch.nn.init.normal_(geometry.landmarks_to_3dmm.heads[0][0].weight, std=0.02)
    with torch.inference_mode():
        output = geometry(crops)
    way_back = output.landmarks_to_3dmm
    assert (way_back - output.parameters).abs().mean() > 0.1
    torch.testing.assert_close(geometry.result_landmarks(output), geometry.landmarks_of(way_back))
    torch.testing.assert_close(output.parameters, network(crops).parameters)
    crops = batch["crop"].numpy()
    path = export(EXPORTER, geometry, tmp_path / "geometry.lineament", pictures=Given(crops, crops))
    found, face = Bundle.open(path).network(threads=1)(crop=crops), geometry.face_of(way_back)
    np.testing.assert_allclose(found["landmarks"], geometry.landmarks_of(way_back).numpy(), atol=1e-2)
    for name in ("rotation", "identity", "expression"):
        np.testing.assert_allclose(found[name], getattr(face, name).numpy(), atol=1e-3)


def test_geometry_needs_a_way_back_that_is_trained_on_everything():
    with pytest.raises(ConfigError, match="landmarks_to_3dmm gives, which is not enabled"):
        replace(SMALL, landmarks="geometry", landmarks_to_3dmm=LandmarksTo3dmmConfig(enabled=False))
    asked = replace(SMALL, landmarks="geometry")
    with pytest.raises(ConfigError, match=r"loss\.targets leaves pose out"):
        SynergyTrainConfig(
            network=asked, augment=AUGMENT, loss=SynergyLossConfig(targets=("shape", "expression"))
        )


def test_a_run_is_exported_with_the_answer_that_is_asked_for(samples, tmp_path):
    run = SYNERGYNET.train(config(samples, face_swap=0.0), tmp_path / "run")
    network = SYNERGYNET.trained(run)
    path = export_run(run, tmp_path / "geometry.lineament", changes=["landmarks=geometry"])
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found = Bundle.open(path).network(threads=1)(crop=crops)["landmarks"]
    network.config = replace(SMALL, landmarks="geometry")
    with torch.inference_mode():
        output = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    np.testing.assert_allclose(found, network.result_landmarks(output).numpy(), atol=1e-2)
    with pytest.raises(ConfigError, match=r"--set width: only landmarks of a synergynet"):
        export_run(run, tmp_path / "wide.lineament", changes=["width=2.0"])


def test_a_resnet_and_a_model_of_other_sizes_will_do(tiny_model, lfm):
    network = synergy_net(replace(SMALL, backbone="resnet-50", width=0.1), lfm).eval()
    assert network(torch.zeros(1, 3, 32, 32)).refined.shape == (1, 68, 3)
    with pytest.raises(ConfigError, match=r"network\.identity"):
        synergy_net(SMALL, tiny_model)
    with pytest.raises(ConfigError, match="make them equal"):
        SynergyTrainConfig(network=SMALL)


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory, batch):
    path = tmp_path_factory.mktemp("export") / "synergynet.lineament"
    crops = batch["crop"].numpy()
    return export(EXPORTER, network, path, pictures=Given(crops, crops))


@pytest.mark.parametrize("count", [1, 5])
def test_the_graph_says_what_torch_says(exported, network, count):
    crops = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), np.uint8)
    found = Bundle.open(exported).network(threads=1)(crop=crops)
    with torch.inference_mode():
        output = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
        face = network.face_of(output.parameters)
    assert (output.refined - output.coarse).abs().mean() > 0.1
    np.testing.assert_allclose(found["landmarks"], output.refined.numpy(), atol=1e-2)
    np.testing.assert_allclose(found["rotation"], face.rotation.numpy(), atol=1e-4)
    np.testing.assert_allclose(found["expression"], face.expression.numpy(), atol=1e-3)


def test_both_ways_the_landmarks_of_a_mirrored_crop_are_the_mirrored_ones(network, batch, tmp_path):
    path = export(EXPORTER, network, tmp_path / "both.lineament", flip=True)
    graph, crops = Bundle.open(path).network(threads=1), batch["crop"].numpy()
    assert graph.output_names[-2:] == ("landmarks", "uncertainty")
    here, there = (graph(crop=np.ascontiguousarray(seen))["landmarks"] for seen in (crops, crops[:, :, ::-1]))
    expected = there[:, list(MIRROR_68)] * [-1, 1, 1] + [32, 0, 0]
    np.testing.assert_allclose(here, expected, atol=1e-3)
    with torch.inference_mode():
        alone = network(batch["crop"].permute(0, 3, 1, 2).float()).refined.numpy()
    assert np.abs(here - alone).max() > 0.05


def test_a_graph_that_differs_is_not_written(network, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "TOLERANCE", dict.fromkeys(export_module.TOLERANCE, -1.0))
    with pytest.raises(ExportError, match="differs from torch"):
        export(EXPORTER, network, tmp_path / "wrong.lineament")
    assert list(tmp_path.iterdir()) == []


def test_the_aligner_takes_the_file(exported, network, batch):
    aligner = FaceAligner.from_pretrained(exported, threads=1)
    assert isinstance(aligner.method, SynergyMethod)
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[16:48, 16:48] = batch["crop"][0].numpy()
    box = CropBox(center_xy=(32.0, 32.0), side=32.0, size=32)
    (face,) = Predictor(aligner.method).predict(photo, [box])
    with torch.inference_mode():
        output = network(batch["crop"][:1].permute(0, 3, 1, 2).float())
    expected = output.refined[0].numpy() + np.array([16, 16, 0])
    np.testing.assert_allclose(face.landmarks_image, expected, atol=2e-2)
    assert face.vertices_image.shape == (9163, 3)
    assert len(Predictor(aligner.method).predict(photo, [box, box], passes=2)) == 2


def config(samples, **changes):
    loop = LoopConfig(
        steps=2,
        batch=4,
        log_every=1,
        save_every=1,
        optimiser=OptimiserConfig(kind="sgd", learning_rate=1e-3),
        schedule=ScheduleConfig(shape="constant", warm_up=0),
    )
    base = SynergyTrainConfig(
        loop=loop,
        network=SMALL,
        augment=AugmentConfig(crop_size=32),
        data=Folders((samples,)),
        face_swap=0.5,
        workers=0,
        standardisation_crops=8,
        validation_crops=4,
    )
    return replace(base, **changes)


def test_training_interrupted_ends_bit_for_bit_like_training_that_was_not(samples, tmp_path):
    whole = SYNERGYNET.train(config(samples), tmp_path / "whole")
    part = SYNERGYNET.train(config(samples), tmp_path / "part", seconds=0)
    assert torch.load(part / "checkpoint.pt", weights_only=True)["step"] == 1
    SYNERGYNET.train(config(samples), part)
    one, other = (torch.load(run / "checkpoint.pt", weights_only=True) for run in (whole, part))
    for name, tensor in one["network"].items():
        assert torch.equal(tensor, other["network"][name]), name
    figures = json.loads((whole / "figures.json").read_text())
    assert {"nme_percent", "yaw_error_deg", "coarse_nme_percent", "train_nme_percent"} <= set(figures)
    assert SYNERGYNET.trained(whole).config == SMALL


def test_where_faces_are_swapped_worker_processes_make_the_crops_and_it_is_said(samples, tmp_path, caplog):
    asked = config(samples, crops_by="device", face_swap=0.5)
    swapped = SYNERGYNET.train(asked, tmp_path / "device")
    assert (
        "Faces are swapped by worker processes only, so 0 of them make the crops, not the device"
        in caplog.text
    )
    plain = SYNERGYNET.train(replace(asked, crops_by="workers"), tmp_path / "workers")
    one, other = (torch.load(run / "checkpoint.pt", weights_only=True)["network"] for run in (swapped, plain))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    caplog.clear()
    SYNERGYNET.train(replace(asked, face_swap=0.0), tmp_path / "without")
    assert "swapped" not in caplog.text


def table_of(base, *variants, **plan):
    return AblationTable(SYNERGYNET, base, TablePlan(variants, **plan))


def test_the_ablation_table_is_made_by_one_call_and_gone_on_with(samples, tmp_path):
    rows = table_of(config(samples, face_swap=0.0), "baseline", "both")
    table = ablate(rows, tmp_path).read_text()
    assert "| baseline |" in table
    assert "| 3.88 |" in table
    assert "| pose mean | published |" in table
    row = next(line for line in table.splitlines() if line.startswith("| both |")).split("|")
    yaw, pitch, roll, mean, published = (row[i].strip() for i in (7, 8, 9, -3, -2))
    assert float(mean) == pytest.approx((float(yaw) + float(pitch) + float(roll)) / 3, abs=0.01)
    assert published == "3.35"
    before = (tmp_path / "both" / "1" / "log.jsonl").read_text()
    assert ablate(rows, tmp_path).read_text() == table
    assert (tmp_path / "both" / "1" / "log.jsonl").read_text() == before
    with pytest.raises(ConfigError, match="Unknown variants nothing"):
        table_of(config(samples), "nothing")


def test_rows_of_several_seeds_begin_with_one_pretraining_and_the_table_says_so(samples, tmp_path):
    base = config(samples, face_swap=0.0)
    before = replace(base.loop, steps=3)
    rows = table_of(base, "baseline", "both", seeds=(1, 2), pretraining=before)
    text = ablate(rows, tmp_path).read_text()
    assert text.startswith("Each row: 2 steps of 4 crops of 32 px, after 3 steps of 4 that all rows share")
    shared = SYNERGYNET.trained(tmp_path / "pretraining")
    assert shared.mafa is None
    assert shared.landmarks_to_3dmm is None
    started = json.loads((tmp_path / "both" / "2" / "config.json").read_text())
    assert (started["loop"]["seed"], started["start"]) == (2, str(tmp_path / "pretraining"))
    found = json.loads((tmp_path / "ablation.json").read_text())["rows"]
    one, two = (found["both"][seed]["nme_percent"] for seed in "12")
    assert one != two
    line = next(line for line in text.splitlines() if line.startswith("| both |"))
    assert f"{(one + two) / 2:.2f} ({one:.2f}, {two:.2f})" in line


def test_a_table_whose_time_is_up_begins_no_row_that_needs_an_unfinished_pretraining(samples, tmp_path):
    base = config(samples, face_swap=0.0)
    rows = table_of(base, "both", pretraining=replace(base.loop, steps=10**6, save_every=10**6))
    ablate(rows, tmp_path, seconds=0)
    assert not (tmp_path / "pretraining").exists()
    ablate(rows, tmp_path, seconds=0.3)
    assert json.loads((tmp_path / "pretraining" / "figures.json").read_text())["step"] < 10**6
    assert not (tmp_path / "both").exists()


def test_a_run_begins_with_the_averaged_weights_and_the_standardisation_of_another(samples, tmp_path, lfm):
    first = SYNERGYNET.train(
        config(samples, network=replace(SMALL, mafa=MafaConfig(enabled=False))), tmp_path / "first"
    )
    before = SYNERGYNET.trained(first).state_dict()
    network = synergy_net(SMALL, lfm)
    begin_with_run(network, first, config(samples))
    for name, tensor in network.state_dict().items():
        assert name.startswith("mafa") or torch.equal(tensor, before[name]), name
    # Without a step's change: a rate of nothing leaves the weights, and standardisation is not measured
    # again.
    still = replace(config(samples).loop, optimiser=OptimiserConfig(kind="sgd", learning_rate=0.0))
    second = SYNERGYNET.train(config(samples, loop=still, start=str(first)), tmp_path / "second")
    after = SYNERGYNET.trained(second).state_dict()
    for name in ("mean", "std", "backbone.features.0.0.weight", "heads.1.1.weight"):
        assert torch.equal(after[name], before[name]), name
    # To go on, the first run is not needed any more.
    SYNERGYNET.train(config(samples, loop=replace(still, steps=3), start="nowhere"), second)
    assert torch.load(second / "checkpoint.pt", weights_only=True)["step"] == 3


def test_the_residual_backbone_begins_with_pose_and_coefficients_of_the_compact_regressor(samples, lfm):
    torch.manual_seed(3)
    sizes = SynergyConfig(backbone="residual", pose="rotation", crop_size=112)
    network = synergy_net(sizes, lfm).eval()
    source = CropSource(Folders((samples,)), AugmentConfig(crop_size=112))
    standardise(network, source, 16)
    exported = ExportedNetwork.read("lfm-regressor")
    crops = source.open().rows([np.random.default_rng(row) for row in range(4)])["crop"]
    pictures = crops_as_input(torch.as_tensor(crops))
    take_layers(network.backbone, exported, [pictures])
    take_heads(network, exported)
    regressor = Regressor(RegressorConfig()).eval()
    start_from(regressor, exported, [pictures])
    with torch.inference_mode():
        found, expected = network.face_of(network(pictures).parameters), regressor(pictures)
    for name in ("rotation", "scale", "translation", "identity", "expression"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=2e-3, rtol=2e-3)


def test_a_frozen_backbone_stays_as_it_began(samples, tmp_path):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    again = config(samples, network=replace(SMALL, frozen=True), start=str(first))
    before, after = (
        SYNERGYNET.trained(run).state_dict() for run in (first, SYNERGYNET.train(again, tmp_path / "again"))
    )
    same = {name for name in after if torch.equal(after[name], before[name])}
    assert {name for name in after if name.startswith("backbone.")} <= same
    assert not {"heads.0.1.weight", "mafa.rest.0.weight"} & same
    with pytest.raises(ConfigError, match="give a start"):
        SYNERGYNET.train(replace(again, start=""), tmp_path / "without")


@pytest.mark.parametrize(
    "network", [SMALL, SynergyConfig(backbone="residual", crop_size=32, feature_layers=(8,))]
)
def test_other_networks_cannot_begin_with_the_compact_regressor(samples, tmp_path, network):
    with pytest.raises(ConfigError, match="only a network with"):
        SYNERGYNET.train(config(samples, network=network, start="lfm-regressor"), tmp_path / "run")


def test_the_residual_backbone_has_one_width():
    with pytest.raises(ConfigError, match="leave it at 1"):
        SynergyConfig(backbone="residual", width=0.5)


def test_a_run_cannot_begin_with_a_network_that_does_not_fit(samples, tmp_path, lfm):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    for other, message in [
        (replace(SMALL, width=0.5), "do not fit"),
        (replace(SMALL, mafa=MafaConfig(enabled=False)), r"do not fit \(mafa"),
    ]:
        new = SynergyTrainConfig(network=other, augment=AugmentConfig(crop_size=other.crop_size))
        with pytest.raises(ConfigError, match=message):
            begin_with_run(synergy_net(other, lfm), first, new)
    with pytest.raises(DataError, match="no run folder"):
        begin_with_run(synergy_net(SMALL, lfm), tmp_path / "nothing", config(samples))


@pytest.mark.parametrize("changes", [{}, {"points": "pixels"}, {"mafa": MafaConfig(last="code", step=0.05)}])
def test_a_state_for_larger_crops_finds_the_same_face_in_more_px(lfm, changes):
    torch.manual_seed(0)
    small = synergy_net(replace(SMALL, **changes), lfm)
    small.mean[9:11], small.mean[:9] = 16.0, 0.1 * torch.eye(3).flatten()
    small.std[:12] = torch.rand(12) * 0.05
    for tensor in (small.mafa.last[0].weight, *([small.mafa.last[1].weight] if "mafa" in changes else [])):
        torch.nn.init.uniform_(tensor, 0.1, 1.0)
    large = synergy_net(replace(SMALL, crop_size=48, **changes), lfm)
    state = small.state_dict()
    large.at_other_size(state, 48 / 32)
    large.load_state_dict(state)
    features, parameters = torch.randn(3, small.backbone.channels), torch.randn(3, sum(small.sizes))
    for network in (small, large):
        network.eval()
        network.config = replace(network.config, landmarks="geometry")  # both ways of the cycle
    with torch.inference_mode():
        before, after = (network._with_landmarks(parameters, features) for network in (small, large))
        assert (before.refined - before.coarse).abs().max() > 0.01
        for name in ("coarse", "refined"):
            torch.testing.assert_close(
                getattr(after, name), 1.5 * getattr(before, name), atol=1e-3, rtol=1e-5
            )
        torch.testing.assert_close(after.landmarks_to_3dmm, before.landmarks_to_3dmm, atol=1e-4, rtol=1e-4)
        faces = [network.face_of(parameters) for network in (small, large)]
    torch.testing.assert_close(faces[1].scale, 1.5 * faces[0].scale)
    torch.testing.assert_close(faces[1].translation, 1.5 * faces[0].translation)
    torch.testing.assert_close(faces[1].rotation, faces[0].rotation)
    assert torch.equal(faces[1].identity, faces[0].identity)


def test_a_run_begins_with_one_on_smaller_crops_and_the_standardisation_is_that_of_larger_ones(
    samples, tmp_path, lfm
):
    first = SYNERGYNET.train(config(samples, face_swap=0.0), tmp_path / "first")
    larger = replace(SMALL, crop_size=64)
    new = config(samples, face_swap=0.0, network=larger, augment=AugmentConfig(crop_size=64))
    network = synergy_net(larger, lfm)
    begin_with_run(network, first, new)
    measured = synergy_net(larger, lfm)
    source = CropSource(new.data, new.augment)
    standardise(measured, source, new.standardisation_crops, seed=new.loop.seed)
    # The same crops, drawn at 64 px.
    torch.testing.assert_close(network.mean, measured.mean, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(network.std, measured.std, atol=1e-3, rtol=1e-4)
    assert network.point_origin.tolist() == [32, 32, 0]
    assert network.point_scale[0] == pytest.approx(1 / 32)
    run = SYNERGYNET.train(replace(new, start=str(first)), tmp_path / "second")
    assert SYNERGYNET.trained(run).config.crop_size == 64


def test_a_table_without_rows_or_with_another_backbone_is_refused(samples):
    with pytest.raises(ConfigError, match="no rows"):
        table_of(config(samples), seeds=())
    with pytest.raises(ConfigError, match="larger-baseline has another network"):
        table_of(config(samples), pretraining=LoopConfig())


def test_variants_change_what_their_name_says(samples):
    rows = table_of(config(samples))
    assert rows.variant("baseline").network.mafa == MafaConfig(enabled=False)
    assert rows.variant("MAFA").network.landmarks_to_3dmm == LandmarksTo3dmmConfig(enabled=False)
    assert rows.variant("reverse-pose").loss.targets == ("pose",)
    assert rows.variant("both") == rows.base


def stale(state):
    """A state dict as checkpoints of before December 2026 have it, of another face model."""
    former = {"std": "spread"} | {
        name: name.replace("landmarks_to_3dmm.", "reverser.").replace("mafa.", "refiner.")
        for name in state
        if name.startswith(("landmarks_to_3dmm.", "mafa."))
    }
    return {former.get(name, name): tensor for name, tensor in state.items()} | {
        "rest": torch.full((68, 3), 7.0),
        "identity_basis": torch.zeros(100, 204),
        "expression_basis": torch.zeros(53, 204),
        "axes": torch.ones(3),
    }


def test_what_the_face_model_says_is_no_part_of_a_checkpoint_and_an_old_one_does_not_bring_it_back(lfm):
    network, before = synergy_net(SMALL, lfm), synergy_net(SMALL, lfm)
    assert not {"rest", "identity_basis", "expression_basis"} & network.state_dict().keys()
    network.load_state_dict(stale(before.state_dict()))
    torch.testing.assert_close(network.rest, before.rest)
    torch.testing.assert_close(network.identity_basis, before.identity_basis)
    assert network.axes.tolist() == [1, -1, -1]


def test_a_run_that_goes_on_or_begins_with_an_old_one_has_the_landmarks_of_today(samples, tmp_path, lfm):
    first = SYNERGYNET.train(config(samples), tmp_path / "first")
    state = torch.load(first / "checkpoint.pt", weights_only=True)
    state |= {name: stale(state[name]) for name in ("network", "average")}
    torch.save(state, first / "checkpoint.pt")
    (first / "run.json").unlink()  # old runs have none
    settings = json.loads((first / "config.json").read_text())
    settings["network"]["reverse"] = settings["network"].pop("landmarks_to_3dmm")
    settings["loop"]["average"] = settings["loop"].pop("ema_decay")
    (first / "config.json").write_text(json.dumps(settings))
    today = synergy_net(SMALL, lfm).rest
    fresh = synergy_net(SMALL, lfm)
    begin_with_run(fresh, first, config(samples))
    torch.testing.assert_close(fresh.rest, today)
    longer = replace(config(samples).loop, steps=3)
    torch.testing.assert_close(
        SYNERGYNET.trained(SYNERGYNET.train(config(samples, loop=longer), first)).rest, today
    )


def test_a_run_of_another_face_model_is_not_gone_on_with(samples, tmp_path):
    run = SYNERGYNET.train(config(samples), tmp_path)
    about = json.loads((run / "run.json").read_text())
    assert about["method"] == "synergynet"
    about["face_model"]["sha256"] = 64 * "0"
    (run / "run.json").write_text(json.dumps(about))
    with pytest.raises(ConfigError, match=r"trained on the face model 'lfm' \(checksum 000000000000\)"):
        SYNERGYNET.train(config(samples), run)
    with pytest.raises(ConfigError, match="Its coefficients would mean other faces"):
        SYNERGYNET.trained(run)


def some_annotated(batch, network, rows):
    """The labels of a batch of which some rows are points alone, of right landmarks 10 to 39."""
    labels = LabelBatch.of(batch)
    landmarks = network.landmarks_of(network.standardised(network.parameters_of(labels.face))).detach()
    known = torch.ones(6, dtype=torch.bool)
    known[rows] = False
    weights = torch.zeros(6, 68)
    weights[rows, 10:40] = 1
    return replace(
        labels,
        identity=labels.identity * known[:, None],
        translation=labels.translation * known[:, None],
        has_coefficients=known,
        point_weights=weights,
        points=landmarks * weights[..., None],
    )


@pytest.mark.parametrize(
    "config", [SynergyLossConfig(), RELEASED_LOSS, PRINTED_LOSS], ids=["default", "released", "printed"]
)
def test_rows_of_points_alone_count_by_their_landmarks(network, batch, config):
    labels = LabelBatch.of(batch)
    right = network.standardised(network.parameters_of(labels.face)).detach()
    landmarks = network.landmarks_of(right).detach()
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    loss, mixed = SynergyLoss(network, config), some_annotated(batch, network, [1, 4])
    parameters, refined = right.clone().requires_grad_(), (landmarks + 2).requires_grad_()
    answer = replace(output, parameters=parameters, coarse=landmarks, refined=refined, landmarks_to_3dmm=None)
    terms = loss(answer, mixed)
    terms["loss"].backward()
    assert torch.isfinite(parameters.grad).all()
    assert not parameters.grad[[1, 4]].any()
    assert (refined.grad[[1, 4], 10:40, :2] != 0).all()
    assert not refined.grad[[1, 4], :10].any()
    assert not refined.grad[[1, 4], 10:40, 2].any()
    # Thirty points wrong by so much cost what sixty-eight would.
    expected = loss(answer, labels)["refined"].item()
    assert terms["refined"].item() == pytest.approx(expected, rel=1e-4)


def test_a_row_without_any_label_costs_nothing(network, batch):
    labels = some_annotated(batch, network, [0, 1, 2, 3, 4, 5])
    labels = replace(labels, point_weights=torch.zeros(6, 68))
    output = network(batch["crop"].permute(0, 3, 1, 2).float())
    terms = SynergyLoss(network, SynergyLossConfig())(output, labels)
    assert terms["parameters"] == terms["coarse"] == terms["refined"] == 0
