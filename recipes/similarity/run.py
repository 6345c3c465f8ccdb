"""Rank texts in several spaces: `python recipes/similarity/run.py recipes/similarity/similarity.yaml [key=value ...]`.

Two uses: a question to its FAQ entry, and a new item to the users who may like it. The spaces are the cosine of the
encoder, also less the mean of the examples, fewtext's h (a text by the examples that it resembles), cosine and h
added up, and the vote. `--help` lists the settings.
"""

import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import cosine_similarity

from fewtext import FewShotClassifier
from fewtext.commands.arguments import describe, parse
from fewtext.evaluation.statistics import mean_interval
from fewtext.models.encoders import DEFAULT_ENCODER

Row = dict[str, str]
Scores = dict[str, dict[str, NDArray[np.float64]]]
"""Of each method and metric the values whose mean is reported: one a question, or one a seed."""


@dataclass
class SimilarityArguments:
    """What to compare.

    Args:
        models: Name of each in the table, and its folder or id; by default all-MiniLM-L6-v2 as it comes.
        faq: Table of FAQ entries and of what users asked; those of `split` test are new and have no such examples.
        items: Table of items, each with its taste, the shelf it stands on.
        answers: Whether an entry is its question and answer, or its question alone.
        shot: Users' questions of each entry that are examples, beside the entry itself.
        warm: Items of each shelf that have buyers already; the others are new and are ranked.
        users: Users a seed.
        liked: Warm items that each user likes.
        noise: Chance of each of them to come from a shelf that is not the user's.
        seeds: Draws of examples, of new items and of users.
        output: CSV file of the results.
    """

    models: dict[str, str] = field(default_factory=lambda: {"untrained": DEFAULT_ENCODER})
    faq: str = "recipes/similarity/faq.csv"
    items: str = "recipes/similarity/items.csv"
    answers: bool = True
    shot: int = 3
    warm: int = 5
    users: int = 100
    liked: int = 3
    noise: float = 0.2
    seeds: int = 10
    output: str = "runs/similarity.csv"


def spaces(
    classifier: FewShotClassifier, texts: list[str], vectors: NDArray[np.float32], support: NDArray
) -> dict[str, NDArray[np.floating]]:
    """Return how similar all pairs of texts are, `(n_texts, n_texts)`, in each space; `support` are the examples."""
    cosine, centred = cosine_similarity(vectors), cosine_similarity(vectors - vectors[support].mean(0))
    h = classifier.similarity(texts, texts)
    return {"cosine": cosine, "centred cosine": centred, "h": h, "cosine + h": cosine + h}


def match_questions(classifier: FewShotClassifier, rows: list[Row], settings: SimilarityArguments) -> Scores:
    """Return accuracy@1 and reciprocal rank of each question, means over the seeds in which it is no example."""
    answers = {row["entry"]: f" {row['text']}" for row in rows if row["role"] == "answer" and settings.answers}
    rows = [row for row in rows if row["role"] != "answer"]
    texts = [row["text"] + (answers.get(row["entry"], "") if row["role"] == "question" else "") for row in rows]
    entries = np.array([row["entry"] for row in rows])
    vectors = classifier.network.embed(texts, show_progress=False).cpu().numpy()
    is_asked = np.array([row["role"] == "asked" for row in rows])
    is_new = np.array([row["split"] == "test" for row in rows])
    names, entry = np.unique(entries, return_inverse=True)
    ranks: dict[str, list[NDArray[np.float64]]] = {}
    for seed in range(settings.seeds):
        rng = np.random.default_rng(seed)
        known = ~is_asked
        for name in names:
            asked = np.flatnonzero((entries == name) & is_asked & ~is_new)
            known[rng.permutation(asked)[: settings.shot]] = True
        classifier.fit([text for text, i in zip(texts, known, strict=True) if i], entries[known].tolist())
        scores = {}
        for space, similar in spaces(classifier, texts, vectors, known).items():
            for suffix, among in ((" to the entry", ~is_asked), ("", known)):
                best = [similar[:, among & (entries == name)].max(1) for name in names]
                scores[space + suffix] = np.stack(best, axis=1)
        scores["vote"] = classifier.predict_proba(texts)  # its columns are sorted, as names are
        for method, score in scores.items():
            rank = (score >= score[np.arange(len(texts)), entry][:, None]).sum(1)  # a tie counts against
            ranks.setdefault(method, []).append(np.where(known, np.nan, rank))
    results: Scores = {}
    for method, by_seed in ranks.items():
        rank = np.ma.masked_invalid(by_seed)
        for group, members in (("known", ~is_new), ("new", is_new)):
            for metric, values in (("accuracy@1", rank == 1), ("MRR", 1 / rank)):
                results.setdefault(method, {})[f"{group}: {metric}"] = values[:, members].mean(0).compressed()
    return results


def recommend(classifier: FewShotClassifier, rows: list[Row], settings: SimilarityArguments) -> Scores:
    """Return recall@5 and nDCG@5 of each seed, means over its users, who like what stands on one shelf, with noise."""
    texts, shelf = [row["text"] for row in rows], np.array([row["taste"] for row in rows])
    vectors = classifier.network.embed(texts, show_progress=False).cpu().numpy()
    values: dict[str, dict[str, list[float]]] = {}
    for seed in range(settings.seeds):
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(len(rows))
        warm = np.concatenate([shuffled[shelf[shuffled] == name][: settings.warm] for name in np.unique(shelf)])
        new = np.setdiff1d(shuffled, warm)
        tastes = rng.choice(np.unique(shelf), settings.users)
        likes = [_likes(rng, warm[shelf[warm] == t], warm[shelf[warm] != t], settings) for t in tastes]
        examples = [texts[i] for i in warm]
        unsorted = classifier.fit(examples, warm.tolist()).similarity(texts, texts)  # each item is a class of its own
        similar = spaces(classifier.fit(examples, shelf[warm].tolist()), texts, vectors, warm)
        votes = classifier.predict_proba(texts)
        similar |= {"h, items without shelves": unsorted, "vote": votes @ votes.T}
        relevant = shelf[new] == tastes[:, None]
        for method, by_item in similar.items():
            scores = np.stack([by_item[liked][:, new].mean(0) for liked in likes])
            for metric, value in _at_five(scores, relevant).items():
                values.setdefault(method, {}).setdefault(metric, []).append(value)
    return {method: {metric: np.array(v) for metric, v in found.items()} for method, found in values.items()}


def _at_five(scores: NDArray[np.floating], relevant: NDArray[np.bool_]) -> dict[str, float]:
    """Return the means over users of recall and of the discounted gain of the five items ranked first."""
    top = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    found, best = np.take_along_axis(relevant, top, 1), -np.sort(-relevant.astype(int), axis=1)[:, :5]
    discount = 1 / np.log2(np.arange(2, 7))[: top.shape[1]]
    recall = found.sum(1) / relevant.sum(1)
    return {"recall@5": recall.mean(), "nDCG@5": (found @ discount / (best @ discount)).mean()}


def _likes(
    rng: np.random.Generator, own: NDArray[np.int64], others: NDArray[np.int64], settings: SimilarityArguments
) -> NDArray[np.int64]:
    astray = rng.binomial(settings.liked, settings.noise)
    return np.append(rng.permutation(own)[: settings.liked - astray], rng.permutation(others)[:astray])


def run(settings: SimilarityArguments) -> list[dict[str, object]]:
    """Print a table of each use, in percent with 95 % intervals; write all, and the differences to the first row."""
    results: list[dict[str, object]] = []
    for use, measure in ((settings.faq, match_questions), (settings.items, recommend)):
        with Path(use).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        first: dict[str, NDArray[np.float64]] = {}
        for model, folder in settings.models.items():
            classifier = FewShotClassifier.from_pretrained(folder, label_names=False)
            scores = measure(classifier, rows, settings)
            first = first or next(iter(scores.values()))
            if model == next(iter(settings.models)):
                print(f"\n{Path(use).stem:<42}" + "".join(f"{metric:>19}" for metric in first))
            for method, by_metric in scores.items():
                print(f"{model + ', ' + method:<42}", end="")
                for metric, values in by_metric.items():
                    mean, gain = mean_interval(values), mean_interval(values - first[metric])
                    print(f"{mean!s:>19}", end="")
                    row = {"use": Path(use).stem, "model": model, "method": method, "metric": metric, "n": len(values)}
                    row |= {"mean": mean.mean, "interval": mean.half_width}
                    results.append(row | {"over_first": gain.mean, "over_first_interval": gain.half_width})
                print(flush=True)
    output = Path(settings.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(results[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(results)
    return results


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(describe(SimilarityArguments))
    else:
        run(*parse(sys.argv[1:], SimilarityArguments))
