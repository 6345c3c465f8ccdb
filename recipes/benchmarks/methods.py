"""The methods that are compared: fewtext, and its peers as libraries, unchanged, on the same encoder."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fewtext import FewShotClassifier, MatchingNetwork
from fewtext.data.names import readable_name
from fewtext.models.encoders import default_encoder
from fewtext.models.loading import load_network


class Method(Protocol):
    """What is measured; made once for many problems."""

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Learn from the examples."""

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return the class of each text."""

    def belonging(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return how much speaks for each text being of any class, `(n_texts,)`."""


@dataclass
class VectorTable:
    """Vectors of texts that came before, with the CPU seconds that they took.

    Draws share most of their texts. What is looked up is charged what encoding it cost, so that the reported
    seconds are those of a run without the table.
    """

    encode: Callable[[list[str]], NDArray[np.float32]]
    table: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    encoding_seconds: float = 0.0
    charged: float = 0.0

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return `(n_texts, dim)`."""
        new = [text for text in dict.fromkeys(texts) if text not in self.table]
        started = time.process_time()
        if new:
            self.table.update(zip(new, self.encode(new), strict=True))
        spent = time.process_time() - started
        self.encoding_seconds += spent
        self.charged += len(texts) * self.encoding_seconds / len(self.table) - spent
        return np.stack([self.table[text] for text in texts])


def sentence_vectors() -> VectorTable:
    """The vectors of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(default_encoder()), device="cpu")
    return VectorTable(lambda texts: encoder.encode(texts, show_progress_bar=False))


class Frozen:
    """A classifier of scikit-learn on the vectors of sentence-transformers."""

    def __init__(self, make: Callable[[], Any], names: bool) -> None:
        self.make = make
        self.names = names
        self.vectors = sentence_vectors()

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Fit it; with `names` the name of each class is one more example."""
        texts, labels = with_names(texts, labels) if self.names else (texts, labels)
        self.classifier = self.make().fit(self.vectors(texts), list(labels))

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return its predictions."""
        return self.classifier.predict(self.vectors(texts)).tolist()

    def belonging(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return the largest probabilities; of neighbours, how near they are."""
        if hasattr(self.classifier, "kneighbors"):
            return -self.classifier.kneighbors(self.vectors(texts))[0].min(1)
        return self.classifier.predict_proba(self.vectors(texts)).max(1)


class SetFit:
    """SetFit with its defaults but for `num_iterations`; names are one more example of their class."""

    def __init__(self, names: bool, num_iterations: int | None = 5) -> None:
        from setfit import SetFitModel

        self.names = names
        self.num_iterations = num_iterations
        self.start = SetFitModel.from_pretrained(str(default_encoder()), device="cpu")

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Train a copy of the encoder."""
        from datasets import Dataset
        from setfit import Trainer, TrainingArguments

        texts, labels = with_names(texts, labels) if self.names else (texts, labels)
        self.model = copy.deepcopy(self.start)
        self.model.labels = sorted(set(labels))
        arguments = TrainingArguments(
            num_iterations=self.num_iterations, seed=seed, save_strategy="no", report_to="none"
        )
        data = Dataset.from_dict({"text": list(texts), "label": list(labels)})
        Trainer(model=self.model, args=arguments, train_dataset=data).train()

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return its predictions."""
        return list(self.model.predict(list(texts), show_progress_bar=False))

    def belonging(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return the largest probabilities."""
        return self.model.predict_proba(list(texts), as_numpy=True, show_progress_bar=False).max(1)


class Tabled(MatchingNetwork):
    """A Matching Network that embeds through a `VectorTable`."""

    vectors: VectorTable

    def embed(self, texts: Any, *, support: bool = False, **options: Any) -> torch.Tensor:
        """Look the embeddings up; an example is embedded as a query is."""
        return torch.from_numpy(self.vectors(texts)).to(self.device) if len(texts) else super().embed(texts)

    @classmethod
    def of(cls, network: MatchingNetwork) -> Tabled:
        """Return the network with a table."""
        tabled = cls(network.config, network.encoder).eval()
        tabled.load_state_dict(network.state_dict())
        tabled.tokenizer = network.tokenizer
        tabled.vectors = VectorTable(lambda texts: network.embed(texts, show_progress=False).cpu().numpy())
        return tabled


class Fewtext:
    """fewtext, adapted or not, on a model of its own or on the untrained encoder."""

    def __init__(self, names: bool, *adaptations: str, model: str | None = None) -> None:
        network = MatchingNetwork.from_encoder() if model is None else load_network(model)[0]
        self.network = network if "encoder" in adaptations else Tabled.of(network)
        self.adaptations = adaptations
        self.names = names

    @property
    def vectors(self) -> VectorTable | None:
        """Where its vectors come from, unless the encoder changes."""
        return self.network.vectors if isinstance(self.network, Tabled) else None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Fit, and adapt."""
        self.classifier = FewShotClassifier(self.network, label_names=self.names).fit(texts, labels)
        for adaptation in self.adaptations:
            self.classifier.adapt(adaptation, seed=seed, show_progress=False)
        _ = self.classifier.confidence  # part of the cost: the first answer would fit it

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Return its predictions."""
        return self.classifier.predict(texts).tolist()

    def belonging(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return the familiarity."""
        return self.classifier.familiarity(texts)


class Int8(Fewtext):
    """fewtext on the int8 encoder that `export` writes for onnxruntime, not adapted."""

    def __init__(self, names: bool, model: str | None = None) -> None:
        super().__init__(names, model=model)
        self.folder = TemporaryDirectory()  # onnxruntime reads from it as long as the method lives
        FewShotClassifier(self.network).export("onnx", self.folder.name, quantize="int8")
        self.network = FewShotClassifier.from_pretrained(self.folder.name, backend="onnx").base_network()


def with_names(texts: Sequence[str], labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Add the name of each class as an example."""
    classes = sorted(set(labels))
    return [*texts, *map(readable_name, classes)], [*labels, *classes]


def logistic_regression(c: float) -> Callable[[], Any]:
    """Return what makes a logistic regression of inverse penalty `c`."""
    from sklearn.linear_model import LogisticRegression

    return lambda: LogisticRegression(C=c, max_iter=1000)


def nearest_centroid() -> Any:
    """Return the classifier by the nearest mean."""
    from sklearn.neighbors import NearestCentroid

    return NearestCentroid()


def nearest_neighbour() -> Any:
    """Return the classifier by the nearest example."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1, metric="cosine")
