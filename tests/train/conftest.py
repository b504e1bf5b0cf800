import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks of a few pixels, as tests train them, corrupt torch 2.13's heap in bf16 on two threads.

    Seen with a map of 1 x 1 px in the backward pass ("free(): invalid next size"); not at real sizes.
    """
    torch.set_num_threads(1)
