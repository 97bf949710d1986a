"""Peers of the judges that compare frames: package lpips with given trunk weights, and plain numpy."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import torch
from torchvision import models

_NAMES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def _package(network, trunk):
    """Package lpips, with these weights instead of downloaded or newly drawn ones."""
    import lpips

    with torch.device("meta"):
        ready = torch.nn.Module()
        ready.features = getattr(models, _NAMES[network])(weights=None).features
    names = {name.removeprefix("features."): tensor.clone() for name, tensor in trunk.items()}
    ready.features.load_state_dict(names, assign=True)
    with patch.object(lpips.pretrained_networks.tv, _NAMES[network], lambda pretrained: ready):
        return lpips.LPIPS(net=network, pnet_rand=True, verbose=False)


def _distance(network, trunk, made, real, scaled=True):
    fed = [torch.from_numpy(x).permute(2, 0, 1)[None].float() / 255 for x in (made, real)]
    with torch.inference_mode():
        return float(_package(network, trunk)(*fed, normalize=scaled))


def lpips_alex(trunk, made, real):
    return _distance("alex", trunk, made, real)


def lpips_squeeze(trunk, made, real):
    return _distance("squeeze", trunk, made, real)


def lpips_vgg(trunk, made, real):
    return _distance("vgg", trunk, made, real)


def lpips_vgg_unscaled(trunk, made, real):
    return _distance("vgg", trunk, made, real, scaled=False)


def perceptual(made, real):
    """From two lists of maps (C, h, w): place by place."""
    levels = []
    for a, b in zip(made, real, strict=True):
        a, b = (np.asarray(maps, np.float64).reshape(len(maps), -1).T for maps in (a, b))
        places = [x / (np.linalg.norm(x) + 1e-10) - y / (np.linalg.norm(y) + 1e-10) for x, y in zip(a, b, strict=True)]
        levels.append(np.mean([difference @ difference for difference in places]))
    return float(np.mean(levels))
