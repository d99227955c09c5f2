"""Item vectors: where items stand to each other in sessions, and in words for those that sessions do not know yet."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from origin.training.arrays import Bools, Floats, Longs, Sparse
from origin.training.lists import row_of

TRUSTED_CLICKS = 10
"""Clicks at which an item's vector comes half from sessions, half from its title."""
TEXT_DIMS = 128
_RIDGE = 1.0
_MAX_TERMS = 60_000
_WORD = r"(?u)\b\w+\b"  # also words of one letter or digit, which the library's default skips


def embed(counts: Sparse, clicks: Longs, text: Floats, dims: int, seed: int) -> Floats:
    """Unit vectors, items x dims; a zero row for an item with neither pairs nor words.

    ``text`` is what :func:`text_vectors` returns. With ``v_i`` from sessions and ``u_i`` from the title, both of
    length one and in one space::

        e_i = n / (n + TRUSTED_CLICKS) * v_i + TRUSTED_CLICKS / (n + TRUSTED_CLICKS) * u_i,   n = clicks of i
    """
    sessions = session_vectors(counts, dims, seed)
    worded: Bools = np.any(text != 0, axis=1)
    if not worded.any():
        return sessions
    known: Bools = np.any(sessions != 0, axis=1)
    words = _mapped(text, sessions, clicks, worded & known, dims)
    share = np.where(known, clicks / (clicks + TRUSTED_CLICKS), 0.0)
    share[known & ~worded] = 1.0
    return _unit(share[:, None] * sessions + (1 - share[:, None]) * words)


def session_vectors(counts: Sparse, dims: int, seed: int) -> Floats:
    """Truncated SVD of the pair graph: ``M = U S V^T``, rows of ``U sqrt(S)`` of length one.

    ``M_ij = log(1 + C_ij * SUM(C) / (r_i * c_j))`` with C symmetric: shifted positive pointwise mutual information
    without its cut at zero, which keeps the pairs of rare items apart (after Levy and Goldberg, 2014).
    """
    both = (counts + counts.T).tocsr()
    both.data[row_of(both) == both.indices] = 0
    both.eliminate_zeros()
    sums = np.asarray(both.sum(axis=1), np.float64)
    if not both.nnz:
        return np.zeros((both.shape[0], dims))
    expected = sums[row_of(both)] * sums[both.indices] / sums.sum()
    graph = csr_array((np.log1p(both.data / expected), both.indices, both.indptr), shape=both.shape)
    return _unit(_svd(graph, dims, seed))


def text_vectors(titles: Sequence[str], seed: int) -> Floats:
    """TF-IDF of words, word pairs and letter groups within words, reduced by SVD; items x TEXT_DIMS, unit rows.

    Titles without a letter say nothing: their rows are zero, and so are all rows if no title has words.
    """
    said = [title if any(c.isalpha() for c in title) else "" for title in titles]
    if not any(said):
        return np.zeros((len(said), TEXT_DIMS))
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=_WORD, sublinear_tf=True, max_features=_MAX_TERMS)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=_MAX_TERMS)
    terms = hstack([words.fit_transform(said), 0.5 * letters.fit_transform(said)], format="csr")
    return _unit(_svd(csr_array(terms, dtype=np.float64), TEXT_DIMS, seed))


def _mapped(text: Floats, sessions: Floats, clicks: Longs, both: Bools, dims: int) -> Floats:
    """Text vectors carried into the space of the session vectors by ridge regression over items that have ``both``.

    Each item weighs as much as its session vector is trusted. Without such items the text vectors stay as they are.
    """
    if both.sum() < 2:
        return _unit(np.pad(text, ((0, 0), (0, max(dims - TEXT_DIMS, 0))))[:, :dims])
    trust = np.sqrt(clicks[both] / (clicks[both] + TRUSTED_CLICKS))[:, None]
    x, y = text[both] * trust, sessions[both] * trust
    return _unit(text @ np.linalg.solve(x.T @ x + _RIDGE * np.eye(text.shape[1]), x.T @ y))


def _svd(matrix: Sparse, dims: int, seed: int) -> Floats:
    """``U sqrt(S)`` with exactly ``dims`` columns; zeros where the matrix has fewer."""
    rank = min(dims, *(side - 1 for side in matrix.shape))
    result = np.zeros((matrix.shape[0], dims))
    if rank > 0:
        u, s, _ = randomized_svd(matrix, rank, n_iter=4, random_state=seed)
        result[:, :rank] = u * np.sqrt(s)
    return result


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 1e-12, lengths, np.inf)
