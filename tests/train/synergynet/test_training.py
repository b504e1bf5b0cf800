import json
from dataclasses import replace

import pytest
import torch

from lineament.errors import ConfigError
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.synergynet import LandmarksTo3dmmConfig, MafaConfig
from lineament.train.runs.ablation import AblationTable, TablePlan, ablate
from lineament.train.synergynet.method import SYNERGYNET
from tests.train.synergynet.setups import SMALL, config


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
