"""Critics of the codes that modules of the user's make, trained together."""

import copy

import torch
from torch import nn

from skmi.critics._batched import encoded

__all__ = ["EncodedCritic"]


class EncodedCritic:
    """A critic of the codes of modules of the user's, trained together with them."""

    def __init__(self, critic, encoder_x, encoder_y):
        self.critic = critic
        self.encoders = encoder_x, encoder_y

    def build(self, n_x, n_y):
        """Make the network: a copy of each encoder, and a critic of their codes."""
        encoders = [
            nn.Identity() if encoder is None else copy.deepcopy(encoder).float()
            for encoder in self.encoders
        ]
        names = ("encoder_x", "encoder_y")
        sizes = [
            count_codes(encoder, size, name)
            for encoder, size, name in zip(encoders, (n_x, n_y), names, strict=True)
        ]
        if isinstance(self.critic, nn.Module):
            return EncodedNetwork(*encoders, copy.deepcopy(self.critic))
        build = getattr(self.critic, "build", self.critic)
        return EncodedNetwork(*encoders, build(*sizes))


class EncodedNetwork(nn.Module):
    """Encoders before a critic."""

    def __init__(self, encoder_x, encoder_y, network):
        super().__init__()
        self.encoder_x, self.encoder_y = encoder_x, encoder_y
        self.network = network
        self.takes_partners = getattr(network, "takes_partners", False)

    def forward(self, x, y, *partners):
        codes_x, codes_y = self.encoder_x(x), self.encoder_y(y)
        return self.network(codes_x.flatten(1), codes_y.flatten(1), *partners)


@torch.no_grad()
def count_codes(encoder, n_columns, name):
    """Return the number of columns of an encoder's codes."""
    weights = next(iter(encoder.parameters()), torch.zeros(()))
    encoder.eval()
    codes = encoded(encoder, torch.zeros(2, n_columns, device=weights.device), name)
    encoder.train()
    return codes.flatten(1).shape[1]
