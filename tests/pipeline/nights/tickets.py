"""Support requests that a seed makes: four topics, each with words of its own among those of everyday."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Ticket = tuple[str, ...]
"""A text and its topic; what is broken may lack one."""

Words = Mapping[str, str]
"""Topic to its words."""

EVERYDAY: Final = """\
I you we it the a my your this that please again since today yesterday still now and but when after before for with not
never always hello thanks help want need can could would should tell know why how what somebody nobody week
"""
WORDS: Final[Words] = {
    "account": "password login email profile username verification signin settings locked registered",
    "billing": "charged invoice refund payment card subscription fee price receipt discount",
    "delivery": "parcel courier shipment address tracking box warehouse customs postman doorstep",
    "technical": "crash error page browser timeout sync server button screen update",
}
LAUNCHED: Final[Words] = {
    **WORDS,
    "technical": "watch strap heartbeat pairing bluetooth firmware battery dial gesture steps",
}
"""After a watch was put on the market, which is what technical requests are about."""


@dataclass
class Tickets:
    """Requests as they come, drawn from a seed.

    Args:
        seed: the same one gives the same requests, in the same order.
    """

    seed: int
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def rows(self, count: int, words: Words = WORDS, *, shares: Mapping[str, float] | None = None) -> list[Ticket]:
        """Texts with their topics.

        Args:
            shares: of topics; equal ones unless given.
        """
        topics = list(words)
        weights = [shares[topic] for topic in topics] if shares else None
        return [(self._text(topic, words), topic) for topic in self._rng.choices(topics, weights, k=count)]

    def mislabelled(self, rows: list[Ticket], share: float) -> list[Ticket]:
        """The same texts; a share of them stands under the next topic."""
        topics = sorted(WORDS)
        following = dict(zip(topics, [*topics[1:], topics[0]], strict=True))
        return [(text, following[topic] if self._rng.random() < share else topic) for text, topic in rows]

    def _text(self, topic: str, words: Words) -> str:
        others = " ".join(its for other, its in words.items() if other != topic)
        return " ".join(self._word(words[topic], others) for _ in range(self._rng.randint(7, 12)))

    def _word(self, own: str, others: str) -> str:
        chance = self._rng.random()
        return self._rng.choice((own if chance < 0.25 else others if chance < 0.33 else EVERYDAY).split())
