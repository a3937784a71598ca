"""What every source of a certificate gives."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import pulumi


@runtime_checkable
class Certificate(Protocol):
    """One RSA key and its certificate; all attributes are always there.

    One key serves TLS and signs tokens, as in the original image (seed.txt, "Secrets and certificates").
    """

    chain: pulumi.Output[str]
    """PEM, leaf first: what the servers present."""
    private_key: pulumi.Output[str]
    """PEM; secret."""
    trust: pulumi.Output[str]
    """PEM: what a client of Portus or the registry has to trust."""
    signing_bundle: pulumi.Output[str]
    """PEM: the registry's ``rootcertbundle``. Leaves, never a CA: the registry looks a token's key id up among exactly these."""
    key_id: pulumi.Output[str]
    """libtrust id of the signing key: a token's ``kid``."""
    is_private: bool
    """Whether clients have to be given ``trust``, because no public CA has signed."""
