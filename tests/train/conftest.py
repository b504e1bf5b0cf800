import numpy as np
import pytest
import torch

from lineament.geometry.rotation import matrix_from_angles


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Batches of three, as tests train on, corrupt torch 2.13's heap in bf16 on two threads.

    Torch alone does it (8 channels, 32 px, backward: "double free or corruption"); batches of four do not.
    """
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def views(tmp_path_factory):
    """A shard of twelve views of noise, every third for validation."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(0)
    np.save(folder / "ytf_00000_images.npy", rng.integers(0, 256, (12, 160, 160, 3), np.uint8))
    np.savez(
        folder / "ytf_00000_labels.npz",
        rotation=matrix_from_angles(*rng.uniform(-0.5, 0.5, (3, 12))).astype(np.float32),
        scale=rng.uniform(0.5, 0.7, 12).astype(np.float32),
        translation=rng.uniform(75, 85, (12, 2)).astype(np.float32),
        identity=rng.normal(0, 0.5, (12, 100)).astype(np.float32),
        expression=rng.uniform(0, 0.3, (12, 53)).astype(np.float32),
        photo=np.arange(12),
        validation=np.arange(12) % 3 == 0,
    )
    return folder
