import numpy as np
import tensorflow as tf

from models.text.tfidf import IDS, WEIGHTS, TfIdf

IDF = np.array([1.0, 2.0, 3.0], np.float32)


def tfidf(terms: list[str] | None = ["cat", "dog", "the cat"]) -> TfIdf:  # noqa: B006
    return TfIdf(terms, IDF, ["text"], (1, 2))


def test_weights_are_those_of_the_formula() -> None:
    found = tfidf()({"text": tf.constant(["The cat: cat dog!", "nothing known", ""])})
    assert found[IDS].to_list() == [[1, 2, 3], [], []]
    raw = np.array([(1 + np.log(2)) * 1, 2, 3])
    np.testing.assert_allclose(found[WEIGHTS][0], raw / np.linalg.norm(raw), rtol=1e-6)


def test_hashed_ids_lie_in_their_buckets_and_have_unit_length() -> None:
    found = tfidf(terms=None)({"text": tf.constant(["a b c d e f g", "x"])})
    assert set(found[IDS].values.numpy()) <= {1, 2, 3}
    norms = tf.reduce_sum(found[WEIGHTS] ** 2, axis=1)
    np.testing.assert_allclose(norms, [1, 1], rtol=1e-6)


def test_an_empty_batch_stays_empty() -> None:
    found = tfidf()({"text": tf.constant([], tf.string)})
    assert found[IDS].shape[0] == found[WEIGHTS].shape[0] == 0


def test_the_graph_gives_what_eager_gives() -> None:
    texts = tf.constant(["the cat the cat dog", "dog dog"])
    transform = tfidf()
    graph = tf.function(transform)({"text": texts})
    eager = transform({"text": texts})
    assert graph[IDS].to_list() == eager[IDS].to_list()
    assert graph[WEIGHTS].to_list() == eager[WEIGHTS].to_list()


def test_occurrences_of_a_term_share_its_weight() -> None:
    batch = {"text": tf.constant(["The cat: cat dog!", ""])}
    transform = tfidf()
    taken, terms = transform(batch), transform.terms(transform.tokens(batch).words)
    assert terms.ids.to_list() == [[0, 1, 0, 1, 2, 0, 3, 0, 0, 0, 0], []]
    assert terms.firsts.to_list() == [[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4], []]
    assert terms.lengths.to_list() == [[1] * 6 + [2] * 5, []]
    cat, dog, the_cat = taken[WEIGHTS].to_list()[0]
    weights = [0, cat / 2, 0, cat / 2, dog, 0, the_cat, 0, 0, 0, 0]
    np.testing.assert_allclose(terms.weights.to_list()[0], weights, rtol=1e-6)
