"""What a pretrained encoder says of the words that are hidden in a text: the contract of its export and its judge."""

from typing import Final

SCORES: Final = ("masked_tokens", "masked_correct", "masked_log_loss", "unigram_correct", "unigram_log_loss")
"""Names of its outputs: hidden pieces, those it tells, the sum of their negative log-likelihoods (in nats), and the
last two of one who only knows how often each piece comes."""
