"""Corpora in, episodes out."""

from fewtext.lazy import lazy_names

_NAMES = {
    "Task": "fewtext.data.tasks",
    "load_tasks": "fewtext.data.tasks",
    "split_classes": "fewtext.data.splits",
    "split_tasks": "fewtext.data.splits",
    "Episode": "fewtext.data.episodes",
    "EpisodeDataset": "fewtext.data.episodes",
    "EpisodeCollator": "fewtext.data.collator",
}
__getattr__, __dir__ = lazy_names(__name__, _NAMES)
__all__ = list(_NAMES)
