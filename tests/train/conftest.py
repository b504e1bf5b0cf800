import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Batches of three, as tests train on, corrupt torch 2.13's heap in bf16 on two threads.

    Torch alone does it (8 channels, 32 px, backward: "double free or corruption"); batches of four do not.
    """
    torch.set_num_threads(1)
