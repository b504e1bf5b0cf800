"""Keys of configurations and recipes that have other names than in December 2026."""

import dataclasses

import pytest

from lineament.config_file import RENAMED, from_table, read_config
from lineament.data.crops.augment import AugmentConfig
from lineament.data.mosaics.composites import CompositeConfig
from lineament.data.samples.recipe import (
    BuildRecipe,
    EditedOptions,
    OccludedOptions,
    PhotoOptions,
    RotatedOptions,
    read_recipe,
)
from lineament.errors import ConfigError
from lineament.train.detector.training import DetectorTrainConfig
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.synergynet import SynergyConfig
from lineament.train.regressor.training import TrainConfig
from lineament.train.synergynet.loss import SynergyLossConfig
from lineament.train.synergynet.training import SynergyTrainConfig

KINDS = {
    kind.__name__: kind
    for kind in (
        *(AugmentConfig, BuildRecipe, CompositeConfig, DetectorTrainConfig, EditedOptions, LoopConfig),
        *(OccludedOptions, PhotoOptions, RotatedOptions, SynergyConfig, SynergyLossConfig),
        SynergyTrainConfig,
    )
}


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [(kind, old, new) for kind, names in RENAMED.items() for old, new in names.items()],
)
def test_a_former_key_is_refused_with_its_present_name_and_read_from_records(kind, old, new):
    fields = {field.name for field in dataclasses.fields(KINDS[kind])}
    assert new in fields
    assert old not in fields
    table = dataclasses.asdict(KINDS[kind]())
    with pytest.raises(ConfigError, match=f"{old!r}, which is called {new!r} now"):
        from_table(KINDS[kind], {old: table[new]})
    assert from_table(KINDS[kind], {old: table[new]}, former=True) == KINDS[kind]()


def test_former_keys_of_nested_tables_are_found_too(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[loop]\naverage = 0.99\n")
    with pytest.raises(ConfigError, match="'average', which is called 'ema_decay' now"):
        read_config(path, TrainConfig)
    table = {"loop": {"average": 0.99}, "augment": {"occluder_share": 0.25}}
    found = from_table(TrainConfig, table, former=True)
    assert (found.loop.ema_decay, found.augment.occluder_probability) == (0.99, 0.25)


def test_a_recipe_with_the_former_table_says_what_it_is_called(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[turned]\ncount = 2\n")
    with pytest.raises(ConfigError, match="'turned', which is called 'rotated' now"):
        read_recipe(path)
