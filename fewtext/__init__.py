"""Few-shot text classification with Matching Networks on pretrained transformers."""

from fewtext.lazy import lazy_names
from fewtext.registration import register_when_imported
from fewtext.version import __version__ as __version__

_NAMES = {
    "Task": "fewtext.data.tasks",
    "load_tasks": "fewtext.data.tasks",
    "split_classes": "fewtext.data.splits",
    "split_tasks": "fewtext.data.splits",
    "Episode": "fewtext.data.episodes",
    "EpisodeDataset": "fewtext.data.episodes",
    "EpisodeCollator": "fewtext.data.collator",
    "MatchingNetworkConfig": "fewtext.models.configuration",
    "MatchingNetwork": "fewtext.models.modeling",
    "allow_code": "fewtext.models.remote_code",
    "EpisodeSetting": "fewtext.evaluation.episodic",
    "evaluate_episodes": "fewtext.evaluation.episodic",
    "evaluate_support": "fewtext.evaluation.fixed",
    "EpisodicTrainer": "fewtext.training.trainer",
    "EpisodicTrainingArguments": "fewtext.training.arguments",
    "SupportSet": "fewtext.inference.support",
    "FewShotClassifier": "fewtext.inference.classifier",
    "FewShotTextClassificationPipeline": "fewtext.inference.pipeline",
}
__getattr__, __dir__ = lazy_names(__name__, _NAMES)
__all__ = list(_NAMES)

register_when_imported()
