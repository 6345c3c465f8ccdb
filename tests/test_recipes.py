"""Every recipe parses into its typed arguments, and the scripts are the commands."""

import csv
import json
import math
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from processes import ONE_GROUP, run_python, run_script

from fewtext.commands.arguments import parse
from fewtext.commands.train import ARGUMENTS
from fewtext.data.collator import EpisodeCollator
from fewtext.data.episodes import EpisodeDataset
from fewtext.inference.classifier import FewShotClassifier
from fewtext.models.configuration import MatchingNetworkConfig
from fewtext.models.modeling import MatchingNetwork
from fewtext.models.packaged import read_packaged

RECIPES = Path(__file__).parents[1] / "recipes"
YAMLS = sorted(path for path in RECIPES.glob("*/*/*.yaml"))


@pytest.mark.parametrize("file", YAMLS, ids=lambda f: str(f.relative_to(RECIPES)))
def test_every_recipe_parses(file, tmp_path):
    data, model, training, test = parse([str(file), "use_cpu=true", f"output_dir={tmp_path}"], *ARGUMENTS)
    MatchingNetworkConfig(**model.model_settings)
    assert training.n_episodes % training.episodes_per_step == 0
    assert data.data and test.test_episodes == 600
    assert "fewtext train" in (file.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((RECIPES / "accelerate").glob("*.yaml")), ids=lambda f: f.name)
def test_every_launch_file_is_yaml_of_accelerate(file):
    from accelerate.commands.config.config_args import load_config_from_file

    config = load_config_from_file(str(file))
    assert config.num_processes == yaml.safe_load(file.read_text())["num_processes"]


def test_two_cpu_processes_start_from_the_launch_file(encoder_folder, tmp_path):
    command = [
        sys.executable, "-m", "accelerate.commands.launch",
        "--config_file", str(RECIPES / "accelerate" / "cpu_2.yaml"),
        str(RECIPES / "train.py"), str(RECIPES / "intent" / "samples" / "lstm.yaml"), f"model={encoder_folder}",
        "n_episodes=4", "save_strategy=no", "eval_steps=2", "test_episodes=10", "eval_episodes=6",
        f"output_dir={tmp_path}",
    ]  # fmt: skip
    with ONE_GROUP:  # nothing else says CPU
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "5-way 1-shot" in done.stdout and done.stdout.count("before") == 1
    assert (tmp_path / "model" / "model.safetensors").is_file()


@pytest.mark.parametrize("script", ["train", "evaluate", "classify"])
def test_scripts_are_thin(script):
    lines = (RECIPES / f"{script}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 40
    done = run_python(RECIPES / f"{script}.py", "--help")
    assert done.returncode == 0 and "Defaults:" in done.stdout


def test_a_siamese_encoder_is_saved_as_a_model_and_texts_are_ranked_with_it(encoder_folder, tmp_path):
    shown = run_script(
        "baselines/siamese/train.py", RECIPES / "baselines" / "siamese" / "siamese.yaml", f"model={encoder_folder}",
        "n_episodes=4", "save_strategy=no", "eval_strategy=no", "test_shots=1", "test_names=true", "test_episodes=10",
        f"output_dir={tmp_path}",
    )  # fmt: skip
    assert "5-way 1-shot" in shown
    results = json.loads((tmp_path / "results.json").read_text())
    assert all(0 < row["accuracy"] < 1 for row in (*results["before"], *results["after"]))
    assert results["learned"]["scale"] != 13
    siamese = MatchingNetwork.from_pretrained(tmp_path / "model")
    start = MatchingNetwork.from_encoder(encoder_folder)
    assert type(siamese) is MatchingNetwork and set(siamese.state_dict()) == set(start.state_dict())
    assert not torch.allclose(siamese.embed(["where is it"]), start.embed(["where is it"]), atol=1e-6)

    output = tmp_path / "similarity.csv"
    shown = run_script(
        "similarity/run.py", RECIPES / "similarity" / "similarity.yaml", "seeds=2", "users=10", f"output={output}",
        f"models={{untrained: '{encoder_folder}', siamese: '{tmp_path / 'model'}'}}",
    )  # fmt: skip
    assert "siamese, centred cosine" in shown
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {(row["use"], row["model"]) for row in rows}
    assert kinds == {(use, model) for use in ("faq", "items") for model in ("untrained", "siamese")}
    assert len(rows) == 2 * (9 * 4 + 6 * 2)
    assert all(0 <= float(row["mean"]) <= 1 and float(row["interval"]) >= 0 for row in rows)
    assert rows[0]["method"] == "cosine to the entry" and float(rows[0]["over_first"]) == 0


def test_siamese_loss_is_that_of_a_plain_loop_over_the_pairs(encoder_folder, intents):
    siamese = runpy.run_path(str(RECIPES / "baselines" / "siamese" / "train.py"))["SiameseNetwork"]
    network = siamese.from_encoder(encoder_folder)
    episode = EpisodeDataset([intents], length=1, way=5, shot=2, query=2, n_unknown=1, names=1.0, seed=1)[0]
    batch = EpisodeCollator(network.tokenizer, network.max_length)([episode])
    del batch["episode_numbers"]
    loss = network(**batch).loss.item()

    examples = [
        *zip(episode.support_texts, episode.support_labels, strict=True),
        *zip(episode.names, range(5), strict=True),
    ]
    losses = {True: [], False: []}
    for query, label in zip(episode.query_texts, episode.query_labels, strict=True):
        for example, own in examples if label >= 0 else []:
            q, x = network.embed([query])[0].double(), network.embed([example])[0].double()
            probability = 1 / (1 + math.exp(-13 * (float(q @ x / (q.norm() * x.norm())) - 0.16)))
            losses[own == label].append(-math.log(probability if own == label else 1 - probability))
    expected = sum(sum(kind) / len(kind) for kind in losses.values()) / 2
    assert (len(losses[True]), len(losses[False])) == (30, 120) and loss == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("file", "texts"), [("faq", 288), ("items", 72)])
def test_the_texts_of_the_similarity_recipe_are_distinct_and_complete(file, texts):
    with (RECIPES / "similarity" / f"{file}.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len({row["text"] for row in rows}) == len(rows) == texts
    assert all(value == value.strip() != "" for row in rows for value in row.values())
    groups = Counter(row["entry"] if file == "faq" else row["taste"] for row in rows)
    assert set(groups.values()) == {8} and len(groups) == texts / 8
    assert file == "items" or Counter(row["role"] for row in rows) == {"question": 36, "answer": 36, "asked": 216}


def test_what_a_support_set_tells_is_measured(corpora, encoder_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    file = tmp_path / "figures.json"
    run_script(
        "support/measure.py", f"data={corpora / 'clinc150' / 'full'}", f"unknown={corpora / 'clinc150' / 'oos'}",
        "shots=[1, 4]", "draws=2", f"output={file}",
    )  # fmt: skip
    figures = json.loads(file.read_text())
    assert {key.split(" ")[0] for key in figures} == {"1-shot", "4-shot"}
    for key, (mean, interval) in figures.items():
        assert 0 <= mean <= 100 and interval >= 0, key
    assert "4-shot wrong labels, average precision" in figures and "4-shot memory FPR95" in figures
    assert {"4-shot centroid AUROC", "4-shot logistic regression AUROC"} <= set(figures)


def test_the_benchmark_goes_on_where_it_stopped(corpora, encoder_folder, tmp_path, monkeypatch):
    pytest.importorskip("sentence_transformers")
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    monkeypatch.setenv("FEWTEXT_DATA", str(corpora))
    monkeypatch.syspath_prepend(RECIPES)
    from benchmarks.jobs import Job, measure

    measure(Job("clinc150-oos", "nearest centroid", True, [1], 1, str(tmp_path / "results.jsonl")))
    [first] = (tmp_path / "results.jsonl").read_text().splitlines()
    run_script(
        "benchmark.py", "suites=[clinc150-oos]", "methods=[nearest centroid, fewtext fit]", "names=true", "shots=[1]",
        "draws=2", f"output={tmp_path}",
    )  # fmt: skip
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert lines[0] == first and len(lines) == 4
    peer, ours = sorted(json.loads((tmp_path / "table.json").read_text()), key=lambda row: row["method"], reverse=True)
    assert (peer["method"], ours["method"]) == ("nearest centroid, names", "fewtext fit, names")
    assert peer["setting"] == "1 example a class" and peer["draws"] == ours["draws"] == 2
    found = [json.loads(line) for line in lines]
    apart = [found[2 + draw]["accuracy"] - found[draw]["accuracy"] for draw in range(2)]
    assert peer["to the best peer"] == [0, 0] and ours["to the best peer"][0] == pytest.approx(sum(apart) / 2)
    assert 0 < ours["AUROC"] <= 100 and ours["peak MB"] > 100 and ours["CPU ms a text"] > 0
    assert "### clinc150-oos, 1 example a class" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "clinc150-oos.png").stat().st_size > 1000


def fold_of(intents, folder):
    """A fold: four classes to learn from, four to validate on, four to test on."""
    folder.mkdir(parents=True)
    for k, split in enumerate(("train", "validation", "test")):
        with (folder / f"{split}.csv").open("w", newline="") as file:
            rows = [(text, label) for label in intents.classes[4 * k : 4 * k + 4] for text in intents.texts_of[label]]
            csv.writer(file).writerows([("text", "label"), *rows])
    return folder


def test_trained_peers_learn_from_the_episodes_of_the_recipe(intents, encoder_folder, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    from benchmarks.catalog import META_TRAINED, METHODS
    from benchmarks.jobs import solve
    from benchmarks.problems import Problem
    from benchmarks.trained import KINDS, RECIPE_OF, MetaTrained

    fold = fold_of(intents, tmp_path / "01")
    texts = [intents.texts_of[label][i] for label in intents.classes[8:12] for i in range(2)]
    labels = [label for label in intents.classes[8:12] for _ in range(2)]
    problem = Problem("banking77-episodes", "4-way 2-shot", 0, texts, labels, texts, labels, str(fold))
    fast = ("n_episodes=2", "way=3", "eval_way=2", "eval_episodes=2", "save_strategy=no", f"model={encoder_folder}")
    method = MetaTrained(False, "prototypical", (*fast, "use_cpu=true"))
    for _ in range(2):  # the second time it is there already
        method.of = None
        method.prepare(problem, tmp_path)
    assert (method.network.config.class_vote, method.network.config.context) == ("prototype", "none")
    figures = solve(method, problem)
    network = MatchingNetwork.from_pretrained(tmp_path / "prototypical-banking77-episodes-01" / "model")
    score = FewShotClassifier(network, label_names=False).fit(texts, labels).score(texts, labels)
    assert figures["accuracy"] == pytest.approx(100 * score) and figures["meta-training seconds"] > 0
    with pytest.raises(ValueError, match="cr has no training classes; banking77-episodes, clinc150-episodes, arsc"):
        method.prepare(Problem("cr", "", 0, texts, labels, texts, labels), tmp_path)
    contexts = {"banking77-episodes": "lstm", "clinc150-episodes": "lstm", "arsc": "none"}
    assert contexts.keys() == RECIPE_OF.keys()
    for suite, own in contexts.items():
        runs = []
        for kind in KINDS:
            words = MetaTrained(False, kind).command(suite, fold, tmp_path)[1:]
            _, model, training, test = parse([*words, "use_cpu=true"], *ARGUMENTS)
            context = {"matching": own, "prototypical": "none", "siamese": "center"}[kind]
            assert model.model_settings["context"] == context and test.test_way == 2
            runs.append({key: value for key, value in training.to_dict().items() if key != "logging_dir"})
        assert all(run == runs[0] for run in runs)  # the same episodes, optimizer and seed
    assert set(META_TRAINED) <= set(METHODS)


def test_what_the_benchmark_charges_for_vectors_is_what_encoding_them_costs(monkeypatch):
    monkeypatch.syspath_prepend(RECIPES)
    from benchmarks.methods import VectorTable

    table = VectorTable(lambda texts: [[float(len(text))] for text in texts])
    assert table(["a", "bb"]).tolist() == [[1], [2]]
    table.encoding_seconds, table.charged = 2.0, 0.0
    assert table(["bb", "a", "bb"]).tolist() == [[2], [1], [2]]
    assert table.charged == pytest.approx(3.0, abs=0.01)  # three texts at a second each, looked up for nothing


def test_trained_adapters_are_averaged_and_packaged_with_their_card(encoder_folder, tmp_path):
    runs = [tmp_path / "run", tmp_path / "longer"]
    for run, n_episodes in zip(runs, (4, 8), strict=True):
        run_script(
            "train.py", str(RECIPES / "default" / "default.yaml"), "data=fewtext/intents", "split_by=classes",
            "test_tasks=null", f"model={encoder_folder}", "model_settings={context: lstm, context_size: 4}", "way=3",
            f"n_episodes={n_episodes}", "learning_rate=0.02", "warmup_steps=0", "save_strategy=no", "test_episodes=10",
            f"output_dir={run}",
        )  # fmt: skip
    row = {"suite": "cr", "setting": "8 examples a class", "draws": 3, "accuracy": [70.0, 2.5]}
    rows = [row | {"method": f"fewtext fit{model}, names"} for model in (" from fewtext/tiny", "")]
    (tmp_path / "table.json").write_text(json.dumps(rows))
    table = tmp_path / "table.json"
    given = f"runs=[{runs[0]},{runs[1]}]"
    run_script("default/package.py", given, "name=fewtext/tiny", f"output={tmp_path}", f"table={table}")
    packaged = read_packaged(tmp_path / "tiny", encoder_folder)
    short, longer = (MatchingNetwork.from_pretrained(run / "model").state_dict() for run in runs)
    changed = 0
    for key, tensor in packaged.state_dict().items():
        torch.testing.assert_close(tensor, (short[key] + longer[key]) / 2, atol=2e-3, rtol=0)
        changed += not torch.allclose(short[key], longer[key], atol=4e-3)
    assert changed > 3  # the runs differ by more than half precision does
    card = ModelCard.load(tmp_path / "tiny" / "README.md")
    assert card.data.license == "apache-2.0" and "`fewtext train recipes/default/default.yaml`" in card.text
    assert "- 4 episodes of" in card.text and "- 8 episodes of" in card.text and "turns at being examples" in card.text
    [benchmarked] = card.data.eval_results  # and none that one of the runs had
    assert benchmarked.metric_value == 70.0 and "fit, names, 3 draws" in benchmarked.metric_name


def test_the_benchmark_runs_the_int8_encoder(encoder_folder, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    monkeypatch.syspath_prepend(RECIPES)
    from benchmarks.catalog import METHODS

    texts, labels = ["where is my parcel", "it is late", "money back", "I want a refund"], ["a", "a", "b", "b"]
    plain, int8 = METHODS["fewtext fit"](False, None), METHODS["fewtext fit, int8"](False, None)
    for method in (plain, int8):
        method.fit(texts, labels, seed=0)
        assert method.predict(texts) == labels
    exact, rounded = (method.classifier.predict_proba(["where is it"]) for method in (plain, int8))
    assert 0 < abs(exact - rounded).max() < 0.2


def test_speed_is_measured_beside_sentence_transformers(encoder_folder, tmp_path, monkeypatch):
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FEWTEXT_ENCODER", str(encoder_folder))
    shown = run_script(
        "benchmark_speed.py", "n_texts=20", "shot=1", "repeats=2", "threads=[1]", "episodes=3",
        "backends=[torch, onnx]", f"output={tmp_path}",
    )  # fmt: skip
    assert "predict over embed" in shown
    figures = json.loads((tmp_path / "speed.json").read_text())["1 threads"]
    for backend in ("torch", "onnx"):
        speed = figures[f"speed over sentence-transformers, {backend}"]
        assert 0 < speed["min"] <= speed["median"] <= speed["max"] and speed["cpu"] > 0
        assert figures[f"largest difference to sentence-transformers, {backend}"] < 1e-5
    assert figures["evaluate over embed of the distinct texts"]["median"] > 0
    assert "| predict over embed |" in (tmp_path / "speed.md").read_text()
    assert (tmp_path / "speed.png").stat().st_size > 1000


@pytest.mark.parametrize("backend", ["packed", "onnx", "openvino", "else"])
def test_backends_compute_the_same(model, tmp_path, monkeypatch, backend):
    monkeypatch.syspath_prepend(RECIPES)
    from benchmarks.backends import network_of

    if backend == "else":
        with pytest.raises(
            ValueError, match="there is no backend 'else'; the backends are torch, compile, packed, onnx"
        ):
            network_of(backend, model, tmp_path)
        return
    pytest.importorskip({"onnx": "onnxruntime", "packed": "torch"}.get(backend, backend))
    texts = ["where is my parcel", "late", "I would like my money back, please"]
    torch.testing.assert_close(
        network_of(backend, model, tmp_path).embed(texts), model.embed(texts), atol=1e-5, rtol=0
    )
