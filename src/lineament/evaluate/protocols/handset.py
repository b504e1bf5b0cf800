"""The protocols of points that people set: one a kind of photograph, and of CFP with and without the jaw."""

from __future__ import annotations

from lineament.evaluate.protocols.protocol import Average, Normaliser, Points, Protocol, Quantity, YawList

_NOTE = (
    "Column raw: nothing is taken off. The columns of parts and the mean are after offsets. Points that "
    "people set scatter, so that no predictor reaches zero."
)


def _protocol(name: str, title: str, labels: str, points: Points, normaliser: Normaliser) -> Protocol:
    return Protocol(
        name=name,
        title=f"Points that people set: {title}",
        quantity=Quantity.HAND_SET,
        points=points,
        normaliser=normaliser,
        average=Average.IMAGES,
        yaw_list=YawList.NONE,
        labels=labels,
        note=_NOTE,
    )


_EYES, _BOX = Normaliser.INTEROCULAR, Normaliser.BOX_OF_POINTS

HAND_SET_PROTOCOLS = (
    _protocol("handset-fgnet", "FG-NET 061-070, 13 points", "fgnet", Points.HAND_SET, _EYES),
    _protocol(
        "handset-profiles", "CFP 401-450, profiles, inner points", "cfp-profile", Points.HAND_SET_INNER, _BOX
    ),
    _protocol(
        "handset-profiles-all", "CFP 401-450, profiles, all 30 points", "cfp-profile", Points.HAND_SET, _BOX
    ),
    _protocol(
        "handset-frontals", "CFP 401-450, frontals, inner points", "cfp-frontal", Points.HAND_SET_INNER, _BOX
    ),
    _protocol(
        "handset-frontals-all", "CFP 401-450, frontals, all 30 points", "cfp-frontal", Points.HAND_SET, _BOX
    ),
    _protocol("handset-london", "London, 31 people, 23 points", "london", Points.HAND_SET, _EYES),
)
