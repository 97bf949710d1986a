"""Body2Frame (section 3.2): image and blending mask of a person from a label map and an appearance vector."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.dance.config import DanceConfig, SpadeConfig
from methods.dance.crops import colour_table
from methods.dance.inputs import Annotated
from methods.dance.labels import person_of, rendering_classes, without_hands
from methods.dance.spade import SpadeBlock
from methods.dance.surface import surface_colours
from methods.layers.discriminators import SLOPE

#: Side of the tensor that the fully connected layer makes (section 3.2).
START = 4
#: Colours are kept so far from 0 and 1 where the image is made a change of them.
_EDGE = 0.02
#: Log-odds of the blending mask that a map begins with in that case.
_CERTAIN = 3.0


class Body2Frame(nn.Module):
    """A fully connected layer to 4 x 4, then doublings with SPADE blocks between; heads for image and mask.

    Frames of another shape than square begin with the 4 x 4 tensor resized to theirs over 2^ups.
    """

    def __init__(self, config: DanceConfig) -> None:
        super().__init__()
        self.settings = c = config.body2frame
        labels = rendering_classes(config.classes, c.hands) + (3 if c.base == "surface" else 0)
        widths = [min(c.max_width, c.width * 2**i) for i in range(c.ups, -1, -1)]
        self.first_width = widths[0]
        self.project = nn.Linear(config.appearance_width, widths[0] * START * START)
        self.head = SpadeBlock(widths[0], widths[0], labels, c)
        self.blocks = nn.ModuleList(SpadeBlock(a, b, labels, c) for a, b in pairwise(widths))
        self.image = nn.Conv2d(widths[-1], 3, 3, padding=1)
        self.mask = nn.Conv2d(widths[-1], 1, 3, padding=1)
        if c.base != "none":  # so that it begins with the base
            for head in (self.image, self.mask):
                nn.init.normal_(head.weight, 0.0, 1e-3)

    def start(self, appearance: Tensor) -> Tensor:
        """e_z (B, width) -> (B, C, 4, 4); constant for a person, so it is made once (section 3.2)."""
        projected: Tensor = self.project(appearance.to(self.project.weight.dtype))
        return projected.view(-1, self.first_width, START, START)

    def forward(self, start: Tensor, body: Tensor, face: Tensor, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Image z and mask m of eq. 6.

        Args:
            start: (B, C, 4, 4) of :meth:`start`. body: (B, 20 or 22, H, W) map. face: (B, 5, H, W) face labels.
            base: (B, 3, H, W) in [0, 1] that the image is made a change of; see :func:`base_image`.

        Returns:
            (B, 3, H, W) and (B, 1, H, W), both in [0, 1], float32.
        """
        c = self.settings
        kind = start.dtype
        labels = torch.cat([body if c.hands else without_hands(body), face], 1)
        if c.base == "surface" and base is not None:
            labels = torch.cat([labels, base * 2 - 1], 1)
        size = labels.shape[-2:]
        if c.reduction > 1:
            labels = F.avg_pool2d(labels, c.reduction)
        step = 2**c.ups
        small = (labels.shape[-2] // step, labels.shape[-1] // step)
        x = start if small == (START, START) else F.interpolate(start, small, mode="bilinear", align_corners=False)
        labels = labels.to(kind).contiguous(memory_format=torch.channels_last)
        x = self.head(x.contiguous(memory_format=torch.channels_last), labels)
        for block in self.blocks:
            x = block(F.interpolate(x, scale_factor=2, mode="nearest"), labels)
        x = F.leaky_relu(x, SLOPE)
        image, mask = self.image(x).float(), self.mask(x).float()
        if c.reduction > 1:
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
            mask = F.interpolate(mask, size, mode="bilinear", align_corners=False)
        person = person_of(body)
        if base is not None:
            mask = mask + _CERTAIN * (2 * person - 1)
        blend = mask.sigmoid() if c.mask else (person > 0.5).float()
        # tanh brought to [0, 1], or a change of the base in log-odds
        return (
            (image.tanh() + 1) / 2 if base is None else (base.clamp(_EDGE, 1 - _EDGE).logit() + image).sigmoid()
        ), blend


def base_image(config: SpadeConfig, photo: Annotated, body: Tensor, iuv: Tensor) -> Tensor | None:
    """What the image is made a change of under a map (B, C, H, W) and a driving IUV map (ours; None in the paper)."""
    if config.base == "none":
        return None
    painted = paint(body, colour_table(photo.rgb, photo.labels, body.shape[1]))
    return painted if config.base == "colours" else surface_colours(photo.rgb, photo.iuv, iuv, painted)


def paint(body: Tensor, colours: Tensor) -> Tensor:
    """Each pixel in the colour of its labels: (B, C, H, W) map, (B, C, 3) colours -> (B, 3, H, W) in [0, 1]."""
    person = body[:, 1:]
    weight = person.sum(1, keepdim=True)
    mixed = torch.einsum("bchw,bcd->bdhw", person, colours[:, 1:]) / weight.clamp(min=1e-6)
    return torch.where(weight > 1e-6, mixed, colours[:, 1:].mean(1)[..., None, None])


def compose(image: Tensor, mask: Tensor, background: Tensor) -> Tensor:
    """Eq. 7: z m + b (1 - m)."""
    return image * mask + background * (1 - mask)
