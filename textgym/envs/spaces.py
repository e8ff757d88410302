"""The space of token ids: a Box that says so where its numbers are about to be taken for quantities."""

from __future__ import annotations

import warnings

from gymnasium import spaces
from gymnasium.spaces.utils import flatdim


class TokenIds(spaces.Box):
    """Names of tokens, by number: between 7 and 8 there is nothing, and 8 is not more than 7.

    It is a Box in all things. Who asks for the size of its vector, as SB3's ``MultiInputPolicy`` and ``MlpPolicy`` do
    for their extractors, is about to multiply ids by weights, and is warned: `gymnasium.spaces.utils.flatdim`.
    """


@flatdim.register(TokenIds)
def _flatdim_of_token_ids(space: TokenIds) -> int:
    warnings.warn(
        "Token ids are about to be read as if they were quantities, as SB3's MultiInputPolicy and MlpPolicy read them. "
        "Use textgym.sb3.TransformerPolicy, a features extractor of your own that embeds them, or "
        "textgym.wrappers.Shortlist, whose observations are codes.",
        stacklevel=2,
    )
    return flatdim.dispatch(spaces.Box)(space)
