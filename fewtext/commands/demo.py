"""The whole of fewtext on the sample intents: meta-train, measure, save, classify, add a class, explain.

fewtext demo
fewtext demo output_dir=runs/demo n_episodes=40
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewtext.commands.arguments import DataArguments, ModelArguments, TestArguments
from fewtext.commands.train import train
from fewtext.evaluation.plots import plot_attention
from fewtext.inference.classifier import FewShotClassifier
from fewtext.training.arguments import EpisodicTrainingArguments

EXAMPLES = {
    "borrow a book": [
        "can i take two novels home at once",
        "How do I check out the cookbook I saw on your shelf?",
        "is The Glass Orchard on loan right now or could I have it",
    ],
    "overdue fine": [
        "why do I owe 4.20 for a dvd i brought back",
        "Could you waive the late fee, I was in hospital",
        "what does it cost if the book is a week late",
    ],
    "reserve a study room": [
        "need a quiet room for four people on thursday",
        "Is the group room with the whiteboard free after five?",
        "book me a desk on the second floor please",
    ],
}
QUERIES = [
    "hi, may I bring the atlas home for the weekend?",
    "you charged me for returning it two days late",
    "we are six students and want to practise our talk somewhere, tomorrow at 3",
    "the self-service machine swallowed my card",
]
NEW_CLASS = "lost library card"
NEW_EXAMPLES = [
    "my card fell out of my wallet somewhere",
    "I can't find my library card anymore",
    "need a replacement card, mine is gone",
]


@dataclass
class DemoArguments:
    """How long the demo trains, and where it writes.

    Args:
        output_dir: Folder for the model and the pictures; those of an earlier demo are replaced.
        n_episodes: Training episodes.
        test_episodes: Test episodes of each setting.
        seed: Seed of everything.
    """

    output_dir: str = "demo-output"
    n_episodes: int = 100
    test_episodes: int = 600
    seed: int = 0


ARGUMENTS = (DemoArguments,)


def demo(arguments: DemoArguments) -> None:
    """Run the demo; under five minutes on two cores."""
    folder = Path(arguments.output_dir)
    _clear(folder)
    _title("1. Meta-training on half of the sample intents, measured on others that it never sees")
    train(
        DataArguments(data="fewtext/intents", split_by="classes", split_seed=arguments.seed),
        ModelArguments(model_settings={"context": "lstm", "context_size": 64}),
        EpisodicTrainingArguments(
            output_dir=str(folder),
            n_episodes=arguments.n_episodes,
            way=10,
            shot=1,
            query=3,
            names=0.5,
            warmup_steps=10,
            eval_strategy="steps",
            eval_steps=max(arguments.n_episodes // 4, 1),
            eval_episodes=100,
            logging_steps=5,
            save_strategy="no",
            seed=arguments.seed,
        ),
        TestArguments(test_episodes=arguments.test_episodes, test_seed=arguments.seed),
    )
    _title("2. A classifier from three examples a class, of a subject it was not trained on")
    classifier = FewShotClassifier.from_pretrained(folder / "model")
    texts = [text for examples in EXAMPLES.values() for text in examples]
    classifier.fit(texts, [label for label, examples in EXAMPLES.items() for _ in examples])
    _show(classifier)
    _title(f"3. A class more, {NEW_CLASS!r}, without training")
    classifier.add(NEW_EXAMPLES, NEW_CLASS)
    _show(classifier)
    _title("4. Which examples decided")
    print(classifier.explain(QUERIES[-1]))
    classifier.save_pretrained(folder / "classifier")
    again = FewShotClassifier.from_pretrained(folder / "classifier")
    same = np.allclose(again.predict_proba(QUERIES), classifier.predict_proba(QUERIES), rtol=0, atol=1e-6)
    print(f"\nsaved in {folder / 'classifier'} and loaded again: {'the same answers' if same else 'OTHER ANSWERS'}")
    print(f"attention in {draw_attention(classifier, folder / 'attention.png')}")


def _clear(folder: Path) -> None:
    """Make way for a new demo: take away what an earlier one wrote, and nothing else."""
    marker = folder / ".fewtext-demo"
    if folder.exists() and any(folder.iterdir()) and not marker.is_file():
        raise FileExistsError(f"{folder} holds files that are not a demo's; choose another output_dir.")
    for name in ("model", "classifier"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("results.json", "learning_curve.png", "attention.png"):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()


def draw_attention(classifier: FewShotClassifier, file: Path) -> Path:
    """Draw how much each example decided in each of the demo's queries."""
    explanations = [classifier.explain(query) for query in QUERIES]
    columns = sorted({(e.label, e.text) for e in explanations[0].evidence})
    shares = [[{(e.label, e.text): e.attention for e in x.evidence}[key] for key in columns] for x in explanations]
    return plot_attention(QUERIES, [text for _, text in columns], [label for label, _ in columns], shares, file)


def _show(classifier: FewShotClassifier) -> None:
    for query in QUERIES:
        [[best]] = classifier.top_classes([query], 1)
        print(f"  {best['score']:5.1%}  {best['label']:<22}{query}")


def _title(text: str) -> None:
    print(f"\n{text}\n", flush=True)
