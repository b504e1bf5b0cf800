import numpy as np
import pytest
import torch

from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches.samples import CropSource, Folders, arrays_of
from lineament.train.networks.sadrnet import SadrConfig
from lineament.train.sadrnet.targets import SadrTargets
from tests.train.sadrnet.faces_of_codes import coded_folder

SIZE = 64
SMALL = SadrConfig(crop_size=SIZE, width=4, attention_width=8, tail=8, momentum=0.1, begin="scaled")
AUGMENT = AugmentConfig(crop_size=SIZE)


@pytest.fixture(scope="session")
def coded(tmp_path_factory):
    """The path of a folder of twelve heads that are coloured by their parts; eight are trained on."""
    return coded_folder(tmp_path_factory.mktemp("codes") / "samples")


@pytest.fixture(scope="session")
def coded_batch(coded):
    """The eight heads, undisturbed, with their targets."""
    source = CropSource(Folders((coded,)), AUGMENT, targets=SadrTargets(SIZE))
    arrays = arrays_of(source.sampler(validation=False).plain_batch(np.arange(8)))
    return {name: torch.as_tensor(array) for name, array in arrays.items()}
