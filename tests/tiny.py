"""Tiny random encoders with tokenizers of the words of the sample intents."""

from collections import Counter
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from fewtext.data.tasks import load_tasks

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Make a tokenizer of the commonest words and all letters; a trainer would break ties anew in every process."""
    [task] = load_tasks("fewtext/intents")
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = [word for text in task.texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))]
    counts = Counter(words)
    letters = sorted({letter for word in counts for letter in word})
    pieces = dict.fromkeys([*SPECIAL, *letters, *(f"##{letter}" for letter in letters)])
    pieces |= dict.fromkeys(sorted(counts, key=lambda word: (-counts[word], word)))
    vocabulary = {piece: number for number, piece in enumerate(list(pieces)[:1000])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def bert_config(vocab_size: int, **changes) -> BertConfig:
    settings = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    }
    return BertConfig(**{**settings, **changes})


def make_bert(folder: Path) -> None:
    tokenizer = make_tokenizer()
    torch.manual_seed(1)
    BertModel(bert_config(len(tokenizer), initializer_range=0.2)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
