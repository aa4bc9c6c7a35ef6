"""A WordPiece vocabulary learned from the corpus."""

from typing import TYPE_CHECKING

from models.text.counts import Vocabulary
from models.text.wordpieces import SPECIAL

if TYPE_CHECKING:
    from models.analyzer import Facts
    from models.text.term_counts import TermCounts
    from models.text.term_table import TermTable

_MOST_WORDS = 200_000
"""Different words that pieces are learned from, the most frequent."""

_MOST_CHARACTERS = 5_000
"""Characters that are pieces of their own, once at the beginning of a word and once within; words of others are
unknown."""


class WordPieceVocabulary(Vocabulary):
    """Fact `vocabulary`: special pieces, characters and word pieces, so that frequent words stay whole.

    Learned from the counts of words as BERT splits them, by the top-down algorithm of TensorFlow Text
    (https://www.tensorflow.org/text/guide/subwords_tokenizer).
    """

    def extract(self, accumulator: "TermCounts | TermTable") -> "Facts":
        from tensorflow_text.tools.wordpiece_vocab.wordpiece_tokenizer_learner_lib import learn

        counts = [(word.decode("utf-8"), count) for word, count in accumulator.frequent(_MOST_WORDS, 1)]
        if not counts:  # which the learner cannot do without
            return {"vocabulary": list(SPECIAL)}
        # Those of the characters come before those of words, which are in the order of their frequency.
        room = max(1, (self._size - len(SPECIAL)) // 2)
        pieces = learn(
            counts,
            vocab_size=self._size,
            reserved_tokens=list(SPECIAL),
            lower_thresh=self._min_count,
            max_unique_chars=min(_MOST_CHARACTERS, room),
        )
        return {"vocabulary": list(pieces)[: self._size]}
