"""Tables of any method; SynergyNet's own are tested beside it."""

from dataclasses import replace

import pytest

from lineament.errors import ConfigError
from lineament.train.methods import METHODS
from lineament.train.regressor.method import REGRESSOR
from lineament.train.runs.ablation import AblationTable, TablePlan, markdown, read_ablation
from lineament.train.runs.method import changed

TABLES = [name for name, row in METHODS.items() if row.ablation is not None]


@pytest.mark.parametrize("name", TABLES)
def test_every_variant_of_every_method_is_a_configuration_and_only_one_is_the_base(name):
    method = METHODS[name]
    table = AblationTable(method, method.ablation.base)
    configs = {variant: table.variant(variant) for variant in table.variants}
    base = replace(table.base, loop=replace(table.base.loop, seed=1))
    assert sum(config == base for config in configs.values()) == 1
    assert len({repr(config) for config in configs.values()}) == len(configs)


def test_nested_changes_leave_the_rest():
    base = REGRESSOR.ablation.base
    found = changed(base, {"loss": {"lids": 0.0}})
    assert (found.loss.lids, found.loss.lips, found.loop) == (0.0, base.loss.lips, base.loop)


def test_a_file_names_rows_seeds_and_a_base(tmp_path):
    path = tmp_path / "table.toml"
    path.write_text('variants = ["whole", "no-shape"]\nseeds = [3]\n[base.loop]\nsteps = 7\n')
    table = read_ablation(REGRESSOR, path, changes=["base.loop.batch=5"])
    assert (table.variants, table.plan.seeds) == (("whole", "no-shape"), (3,))
    assert (table.base.loop.steps, table.base.loop.batch) == (7, 5)
    assert table.variant("no-shape", seed=3).loss.shape == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('variants = ["nothing"]', "Unknown variants nothing; known are whole, "),
        ("rows = 3", "table.toml has a key 'rows'"),
        ("base = 3", "base must be a table"),
        ("[base.loop]\nstep = 3", "base: loop has a key 'step'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, text, message):
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_ablation(REGRESSOR, path)


def test_a_method_whose_rows_share_nothing_has_no_pretraining():
    alone = replace(REGRESSOR, ablation=replace(REGRESSOR.ablation, shared=None))
    base = REGRESSOR.ablation.base
    with pytest.raises(ConfigError, match="share no network"):
        AblationTable(alone, base, TablePlan(pretraining=base.loop))


def test_a_table_has_every_figure_and_marks_what_is_not_finished():
    table = AblationTable(REGRESSOR, REGRESSOR.ablation.base)
    rows = {"whole": {"1": {"step": 1500, "nme_percent": 3.0}, "2": {"step": 700, "nme_percent": 4.0}}}
    line = markdown(table, rows).splitlines()[-1]
    assert line.startswith("| whole (step 700 of 1500) | - | - | - | 3.50 (3.00, 4.00) | - |")
