"""The row of CPRFA: maps are trained on crops, rounds on what trained maps show of crops."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.data.crops.sampler import CropSampler
from lineament.train.batches.crop_run import begin_folder
from lineament.train.batches.samples import CropSource, batches_of, on_device, plain_batches
from lineament.train.cprfa.detections import detection_figures
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.loss import MapLoss, UpdateLoss
from lineament.train.cprfa.observations import (
    ObservationSource,
    observations_of,
    seen_faces,
    write_observations,
)
from lineament.train.cprfa.targets import CprfaTargets
from lineament.train.cprfa.training import (
    STAGES,
    CprfaTrainConfig,
    Estimator,
    landmark_detector,
    new_network,
    path_count,
    prepare,
)
from lineament.train.engine.face_model_record import record_of
from lineament.train.engine.loop import ALONE, Run, Terms, is_finished
from lineament.train.engine.processes import Processes
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.runs.crop_method import CropMethod

OBSERVATIONS = "observations"
NO_LIMIT = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class CprfaMethod(CropMethod[CprfaTrainConfig]):
    """Crops to maps to vertices to faces; one network, trained in three stages."""

    def train(
        self,
        config: CprfaTrainConfig,
        out: Path,
        *,
        processes: Processes = ALONE,
        seconds: float | None = None,
    ) -> Path:
        """See :class:`CropMethod`; the rounds' runs keep what they learn on in files of their folder.

        Of a run of all stages each has a folder of its own in `out`, and begins when the one before has
        ended.
        """
        until = time.monotonic() + (NO_LIMIT if seconds is None else seconds)
        if config.stage != "all":
            return self._train_stage(config, out, processes, until)
        start = config.start
        for stage in STAGES[: 1 + config.network.updates.rounds]:
            run = out / stage
            own = replace(config, stage=stage, start=start)
            if not processes.first_says(is_finished(run, own.loop_of_stage)):
                self._train_stage(own, run, processes, until)
            if not processes.first_says(is_finished(run, own.loop_of_stage)):
                break
            start = str(run)
        return out

    def _train_stage(self, config: CprfaTrainConfig, out: Path, processes: Processes, until: float) -> Path:
        """One stage, until it or the time is at its end."""
        if config.stage == "maps":
            left = None if until == NO_LIMIT else max(until - time.monotonic(), 0.0)
            return CropMethod.train(self, config, out, processes=processes, seconds=left)
        return self._train_round(config, out, processes, until)

    def _train_round(self, config: CprfaTrainConfig, out: Path, processes: Processes, until: float) -> Path:
        """The updates of a round, on what trained maps show of crops."""
        plain, loop = CropSource(config.data, config.augment, config.face_model), config.round_loop
        held_out, known = (plain.sampler(validation=validation) for validation in (True, False))
        model, device = held_out.model, processes.device
        network = self.begun_network(config, out, plain, model, seed=loop.seed, device=device)
        run = Run(out, network, loop, processes=processes)
        detector = landmark_detector(config)
        complete = True
        if processes.is_first:
            begin_folder(run, config, about={"method": self.name, "face_model": record_of(model)})
            complete = run.step >= loop.steps or write_observations(
                out / OBSERVATIONS,
                run.ema,
                plain,
                config.observe,
                seed=loop.seed,
                detector=detector,
                device=device,
                workers=config.workers,
                until=until,
            )
        if not processes.first_says(complete):  # the others wait for the files
            run.folder.close()
            return out
        loss = UpdateLoss(config.update_loss, run.network).to(device)

        def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> Terms:
            batch = on_device(batch, device)
            with loop.autocast(device):
                found = network(observations_of(batch))
            return loss(found, batch)

        def validate(ema_network: nn.Module) -> dict[str, float]:
            return self.figures_of_both(ema_network, held_out, known, config.validation_crops, device)

        source = ObservationSource(
            str(out / OBSERVATIONS),
            tuple(run.network.chosen.tolist()),
            len(network.codes),
            path_count(network),
            config.corruption,
            detector is None,
            config.network.unet.depth,
        )
        batches = batches_of(source, loop, run.step, processes=processes, workers=config.workers)
        left = None if until == NO_LIMIT else max(until - time.monotonic(), 0.0)
        run.train(batches, terms_of, validate, seconds=left)
        return out

    def figures(
        self, network: nn.Module, sampler: CropSampler, count: int, device: torch.device
    ) -> dict[str, float]:
        """See :class:`CropMethod`; with the detection table."""
        plain = CropMethod.figures(self, _Crops(network, sampler), sampler, count, device)
        faces = seen_faces(network, sampler.model, plain_batches(sampler, count, device))
        return plain | detection_figures(faces, network.chosen.cpu().numpy())


class _Crops(nn.Module):
    """What makes a face of crops: no network's output, but all that follows."""

    def __init__(self, network: CprfaNet, sampler: CropSampler) -> None:
        super().__init__()
        self.estimator = Estimator(network, sampler.model)

    def forward(self, crops: Tensor) -> Tensor:
        return crops


CPRFA = CprfaMethod(
    name="cprfa",
    config=CprfaTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=lambda config, network, model: MapLoss(config.loss),
    targets=lambda config: CprfaTargets(config.network.unet.depth, config.network.crop_margin, config.region),
    estimate=lambda crops, found, landmarks: crops.estimator(found.permute(0, 2, 3, 1)),
    exporter=EXPORTER,
)
