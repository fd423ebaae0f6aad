"""Small language models that stay with the judge, and searches to compare with."""

import itertools
import math

import torch

from grader.checks import check, clue

MOST = 4000  # tokens and lists of them in one call: each list costs us a row
CLOSE = 1e-4  # sums and scores that decide something differ by more than this


def validate(sequences, V):
    """Raise ValueError unless log_prob_fn was called with a list of token lists."""
    if not isinstance(sequences, list | tuple) or not sequences:
        raise ValueError(
            "log_prob_fn takes a list of at least one token list",
            "log_prob_fn 的参数应为至少含一个 token 列表的列表",
        )
    for tokens in sequences:
        if not isinstance(tokens, list | tuple) or not tokens:
            raise ValueError(
                "log_prob_fn takes a list of token lists", "log_prob_fn 的参数应为 token 列表的列表"
            )
        if not all(type(token) is int and 0 <= token < V for token in tokens):
            raise ValueError(
                "token lists hold Python ints inside the vocabulary",
                "token 列表中应为词表范围内的 Python int",
            )


class Model:
    """A language model over V tokens that counts its calls. `row(new)` gives logits [V] after new tokens."""

    def __init__(self, V, prefix, row, eos=None):
        self.V, self.prefix, self.row, self.eos = V, prefix, row, eos
        self.calls = []  # every call's sequences
        self.longest = 0  # new tokens a sequence may hold when its next one is asked for

    def __call__(self, sequences):
        """Return log-probabilities [n, V] of the next token of n sequences."""
        self.calls.append([list(tokens) for tokens in sequences])
        return torch.stack([self.log_probs(tokens) for tokens in sequences])

    def log_probs(self, tokens):
        """Return log-probabilities [V] of the token after `tokens`."""
        return self.row(tuple(tokens[len(self.prefix) :])).log_softmax(-1)

    def total(self, new):
        """Sum the log-probabilities of a continuation in float64."""
        steps = (self.row(tuple(new[:i])).double().log_softmax(-1)[token] for i, token in enumerate(new))
        return float(sum(steps))

    def validate(self, sequences):
        """Raise ValueError unless these are continuations of the prefix that may still grow."""
        validate(sequences, self.V)
        for tokens in sequences:
            if list(tokens[: len(self.prefix)]) != self.prefix:
                raise ValueError(
                    "every sequence given to log_prob_fn must begin with the prefix",
                    "传给 log_prob_fn 的每个序列都应以 prefix 开头",
                )
            if len(tokens) - len(self.prefix) > len(self.calls):
                clue("a sequence grew by more than one token in a step")
            if len(tokens) - len(self.prefix) > self.longest:
                raise ValueError(
                    "log_prob_fn was asked to go beyond max_new_tokens",
                    "对 log_prob_fn 的调用超出了 max_new_tokens",
                )


def random_model(rng, V, length, eos=None, scale=1.5):
    """Make a model whose distribution depends on all tokens so far: one table of V ** i rows per depth i."""
    tables = [scale * rng.normal(*([V] * (depth + 1))) for depth in range(length)]
    prefix = rng.integers(0, V, (rng.integer(1, 6),)).tolist()
    return Model(V, prefix, lambda new: tables[len(new)][new], eos)


def story_model(rng, letters, story):
    """Make a model from {continuation: {token: probability}}; E is EOS, `letters` name the tokens.

    Probability not spoken for, and continuations not mentioned, are spread almost evenly.
    """
    ids = dict(zip(letters, rng.permutation(len(letters)).tolist(), strict=True))
    uneven = 1 + 0.01 * torch.arange(len(letters), dtype=torch.float64)  # no ties
    rows = {}
    for context, given in story.items():
        rest = (1 - sum(given.values())) / max(len(letters) - len(given), 1)
        row = max(rest, 0.0) * uneven
        for letter, probability in given.items():
            row[ids[letter]] = probability
        rows[tuple(ids[letter] for letter in context)] = row.log().float()
    elsewhere = uneven.log().float()
    prefix = rng.integers(0, len(letters), (rng.integer(2, 6),)).tolist()
    model = Model(len(letters), prefix, lambda new: rows.get(new, elsewhere), ids.get("E"))
    return model, ids


class HashModel:
    """A language model over 7 tokens for prefixes of any length; counts its calls."""

    def __init__(self, rng):
        self.table = (1.5 * rng.normal(997, 7)).log_softmax(-1)
        self.calls = []

    def __call__(self, sequences):
        """Return log-probabilities [n, 7] of the next token of n sequences."""
        self.calls.append([list(tokens) for tokens in sequences])
        return torch.stack([self.log_probs(tokens) for tokens in sequences])

    def log_probs(self, tokens):
        """Return log-probabilities [7] of the token after `tokens`: a row of the table, found by a hash."""
        key = 0
        for token in tokens:
            key = (31 * key + token + 1) % 997
        return self.table[key]

    def validate(self, sequences):
        """Raise ValueError unless log_prob_fn was called with a list of token lists."""
        validate(sequences, 7)


def well_formed(answer):
    """Fail unless this is (list of int, float)."""
    check(
        isinstance(answer, tuple | list)
        and len(answer) == 2
        and isinstance(answer[0], list | tuple)
        and all(type(token) is int for token in answer[0])
        and isinstance(answer[1], float),
        "beam search must return (list of Python ints, Python float)",
        "束搜索应返回（Python int 列表，Python float）",
    )
    return answer[0], answer[1]


def all_sequences(model, length, length_penalty):
    """Score every continuation (ended by EOS, or of full length) and return them, best first."""
    found = []
    for n in range(1, length + 1):
        for new in itertools.product(range(model.V), repeat=n):
            ended = model.eos is not None and new[-1] == model.eos
            if model.eos not in new[:-1] and (ended or n == length):
                found.append((model.prefix + list(new), model.total(new) / n**length_penalty))
    return sorted(found, key=lambda pair: -pair[1])


def plain_search(model, prefix, beams, steps, eos, penalty=0.0):
    """Search in float64; return (tokens, score, steps taken), or None where a correct search may differ.

    That is where sums are too close to call, and where the last step completes `beams` finished beams and
    a live one has the better score: the handout leaves open whether it may win.
    """
    live, finished, taken = [((), 0.0)], [], 0
    while live and len(finished) < beams and taken < steps:
        candidates = [
            ((*new, token), total + log_prob)
            for new, total in live
            for token, log_prob in enumerate(model.log_probs([*prefix, *new]).double().tolist())
        ]
        candidates.sort(key=lambda beam: -beam[1])
        if _too_close([total for _, total in candidates[: 2 * beams + 1]]):
            return None
        finished += [beam for beam in candidates[:beams] if beam[0][-1] == eos]
        live = [beam for beam in candidates if beam[0][-1] != eos][:beams]
        taken += 1
    pools = [finished] if len(finished) >= beams else [finished + live]
    if taken == steps:
        pools.append(finished + live)
    winners = set()
    for pool in pools:
        scores = sorted(((total / len(new) ** penalty, new) for new, total in pool), reverse=True)
        if _too_close([score for score, _ in scores[:2]]):
            return None
        winners.add(scores[0])
    if len(winners) > 1:
        return None
    score, new = winners.pop()
    return [*prefix, *new], score, taken


def _too_close(ordered):
    return any(a - b < CLOSE for a, b in itertools.pairwise(ordered) if b > -math.inf)
