"""Any method, followed by close-ups of eyes and mouth that other weights bring."""

from __future__ import annotations

from collections.abc import Sequence

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.image import Picture
from lineament.methods.closeup_networks import CloseUpNetworks, moved_by
from lineament.methods.estimate import Estimate
from lineament.methods.method import Crops, FinishingMethod, Method
from lineament.models import load_model


class BorrowedCloseUps:
    """A :class:`FinishingMethod` whose faces close-ups of other weights move.

    Attributes:
        method: whose faces they are.
        close_ups: of eyes and mouth.
    """

    def __init__(self, method: Method, close_ups: CloseUpNetworks) -> None:
        """Join both; the face model must be the same."""
        self.method, self.close_ups = method, close_ups

    def __repr__(self) -> str:
        """The method."""
        return f"BorrowedCloseUps({self.method!r})"

    @classmethod
    def from_bundle(
        cls, bundle: Bundle, method: Method, *, threads: int | None = None, device: str = "cpu"
    ) -> Method:
        """A method with the close-ups that its weights name.

        Args:
            bundle: the method's.
            method: opened.
            threads: as in :meth:`Method.from_bundle`.
            device: as there.

        Raises:
            WeightsError: there are no such weights, they have no close-ups, or another face model.
        """
        name, own_model = bundle.manifest.close_ups, bundle.manifest.face_model
        assert name is not None
        lender = Bundle.open(name)
        model = lender.manifest.face_model
        if model is None or own_model is None or model.name != own_model.name:
            raise WeightsError(
                f"{bundle.path.name} looks closer with {name}, whose face model is another one. Get the file "
                f"again."
            )
        close_ups = CloseUpNetworks.from_bundle(
            lender, load_model(model.name), threads=threads, device=device
        )
        if not close_ups.parts:
            raise WeightsError(
                f"{bundle.path.name} looks closer with {name}, which has no close-ups. Get the file again, "
                f"or install the version of lineament that it was exported by."
            )
        return cls(method, close_ups)

    @property
    def crop_rule(self) -> CropRule:
        """See :class:`Method`."""
        return self.method.crop_rule

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Sequence[Estimate]:
        """See :class:`Method`."""
        return self.method.estimate(crops, crop_boxes)

    def finish(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """See :class:`FinishingMethod`; the method's own last look comes first."""
        found = list(estimates)
        if isinstance(self.method, FinishingMethod):
            found = self.method.finish(image, found)
        return moved_by(self.close_ups, image, found)
