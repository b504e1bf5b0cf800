"""ResNet-50 and its kin (He et al. 2016), features only."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 512)
EXPANSION = 4


class ResNet(nn.Module):
    """(B, 3, S, S) to (B, 2048): the average of the last map.

    Args:
        blocks: bottlenecks of the four stages; (3, 4, 6, 3) is ResNet-50.
        width: factor of all channels.
    """

    def __init__(self, blocks: tuple[int, int, int, int] = (3, 4, 6, 3), width: float = 1.0) -> None:
        super().__init__()
        widths = [max(8, round(channels * width)) for channels in WIDTHS]
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 7, 2, 3, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        layers: list[nn.Module] = []
        before = widths[0]
        for stage, (inner, count) in enumerate(zip(widths, blocks)):
            for number in range(count):
                layers.append(Bottleneck(before, inner, 2 if stage and number == 0 else 1))
                before = inner * EXPANSION
        self.stages = nn.Sequential(*layers)
        self.channels = before

    def forward(self, picture: Tensor) -> Tensor:
        """Features of pictures around zero."""
        return self.stages(self.stem(picture)).mean((2, 3))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the 3x3 has the stride."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        after = inner * EXPANSION
        self.moved = nn.Sequential(
            nn.Conv2d(before, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, features: Tensor) -> Tensor:
        """(B, before, H, W) to (B, 4 inner, H / stride, W / stride)."""
        return functional.relu(self.moved(features) + self.shortcut(features))
