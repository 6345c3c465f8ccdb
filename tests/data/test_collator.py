import pytest
import torch

from fewtext.data.collator import PAD_QUERY, EpisodeCollator, VectorCollator, distinct_texts, index_episodes
from fewtext.data.episodes import Episode, EpisodeDataset, take_turns

ONE = Episode("t", ("x", "y"), ("a", "b"), (1, 0), ("c", "d"), (0, -1), names=("x", "y"), number=4)
TWO = Episode("t", ("x", "y", "z"), ("a", "e", "f"), (0, 1, 2), ("c",), (2,), number=5)


def test_indices_say_where_each_text_is():
    rows = distinct_texts([ONE, TWO])
    assert list(rows) == ["a", "b", "x", "y", "c", "d", "e", "f"]
    batch = index_episodes([ONE, TWO], rows, name_weight=0.5)
    assert batch["support"].tolist() == [[0, 1, 2, 3], [0, 6, 7, 0]]
    assert batch["support_labels"].argmax(-1).tolist() == [[1, 0, 0, 1], [0, 1, 2, 0]]
    assert batch["support_labels"].sum(-1).tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert batch["support_weights"].tolist() == [[1, 1, 0.5, 0.5], [1, 1, 1, 0]]
    assert batch["query"].tolist() == [[4, 5], [4, 0]]
    assert batch["query_labels"].tolist() == [[0, -1], [2, PAD_QUERY]]
    assert batch["episode_numbers"].tolist() == [4, 5]


def test_token_ids_are_those_of_the_tokenizer_padded_to_the_longest(model, intents):
    episodes = list(EpisodeDataset([intents], length=3, way=4, seed=1))
    batch = EpisodeCollator(model.tokenizer, 64)(episodes)
    texts = list(distinct_texts(episodes))
    expected = model.tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    assert torch.equal(batch["input_ids"], expected["input_ids"])
    assert torch.equal(batch["attention_mask"], expected["attention_mask"])
    assert (
        batch["input_ids"][batch["query"][1, 0]].tolist()[:3]
        == model.tokenizer(episodes[1].query_texts[0])["input_ids"][:3]
    )


def test_each_text_is_tokenized_once(model, intents):
    calls = []

    class Counting:
        pad_token_id = 0

        def __call__(self, texts, **options):
            calls.extend(texts)
            return model.tokenizer(texts, **options)

    collator = EpisodeCollator(Counting(), 512)  # longer than every text, so none is looked at again
    for episode in EpisodeDataset([intents], length=30, way=20, seed=1):
        collator([episode])
    assert len(calls) == len(set(calls))


def test_cut_texts_are_warned_about_once(model):
    long = Episode("t", ("x", "y"), ("word " * 100, "b"), (0, 1), ("more " * 90,), (0,))
    collator = EpisodeCollator(model.tokenizer, 16)
    with pytest.warns(UserWarning, match=r"2 text\(s\) are longer than 16 tokens"):
        assert collator([long])["input_ids"].shape[1] == 16


def test_cached_vectors_are_looked_up():
    rows = {text: i for i, text in enumerate("fedcbaxy")}
    table = torch.arange(8.0)[:, None]
    batch = VectorCollator(rows, table, -table)([ONE])
    assert batch["text_vectors"][:, 0].tolist() == [5, 4, 6, 7, 3, 2]
    assert torch.equal(batch["support_vectors"], -batch["text_vectors"])


def test_turns_are_episodes_of_texts_that_are_encoded_once(model, intents):
    episodes = list(EpisodeDataset([intents], length=2, way=4, shot=1, query=3, names=1, seed=1))
    once, turned = (EpisodeCollator(model.tokenizer, 64, turns=turns)(episodes) for turns in (1, 4))
    assert torch.equal(once["input_ids"], turned["input_ids"])
    assert torch.equal(once["support"], turned["support"][::4])
    assert turned["episode_numbers"].tolist() == [0] * 4 + [1] * 4
    for i in (0, 1):  # each of the 16 texts of an episode is an example once, and a query thrice
        rows = turned["support"][4 * i : 4 * i + 4, :4].flatten().tolist()
        assert sorted(rows) == sorted(set(once["support"][i, :4].tolist()) | set(once["query"][i].tolist()))
    whole = model(**_without_number(turned)).loss
    parts = [
        model(**_without_number(EpisodeCollator(model.tokenizer, 64)([turn]))).loss
        for episode in episodes
        for turn in take_turns(episode, 4)
    ]
    assert torch.allclose(whole, torch.stack(parts).mean(), atol=1e-5)


def test_prompts_go_by_the_role_of_a_turn(model):
    episode = Episode("t", ("x", "y"), ("a", "b"), (0, 1), ("c", "d"), (0, 1), names=("x", "y"))
    batch = EpisodeCollator(model.tokenizer, 64, query_prompt="ask: ", support_prompt="know: ", turns=2)([episode])

    def words(ids):
        return model.tokenizer.decode(ids, skip_special_tokens=True)

    def told(rows):
        return [words(batch["input_ids"][row]) for row in rows]

    asked, known = (
        [words(model.tokenizer(prompt + c)["input_ids"]) for c in "abcd"] for prompt in ("ask: ", "know: ")
    )
    assert told(batch["support"][0, :2].tolist()) == known[:2] and told(batch["query"][0].tolist()) == asked[2:]
    assert told(batch["support"][1, :2].tolist()) == known[2:] and told(batch["query"][1].tolist()) == asked[:2]


def test_vectors_take_turns_too():
    episode = Episode("t", ("x", "y"), ("a", "b"), (0, 1), ("c", "d"), (0, 1))
    rows = {text: row for row, text in enumerate("dcba")}
    batch = VectorCollator(rows, torch.arange(4.0)[:, None], 10 * torch.arange(4.0)[:, None], turns=2)([episode])
    assert batch["support_vectors"][batch["support"]][..., 0].tolist() == [[30, 20], [10, 0]]
    assert batch["text_vectors"][batch["query"]][..., 0].tolist() == [[1, 0], [3, 2]]


def _without_number(batch):
    return {name: tensor for name, tensor in batch.items() if name != "episode_numbers"}
