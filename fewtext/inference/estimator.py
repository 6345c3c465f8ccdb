"""What scikit-learn asks of an estimator. It is imported where it is used: it takes half a second and 40 MB."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn.utils import Tags
    from sklearn.utils.metadata_routing import MetadataRequest
    from typing_extensions import Self


class Estimator:
    """The part of `FewShotClassifier` that scikit-learn knows it by: parameters, clones and tags."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; none of them has parameters of its own, so `deep` changes nothing."""
        known = signature(type(self)).parameters.values()
        return {own.name: getattr(self, own.name) for own in known if own.kind is not own.VAR_KEYWORD}

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters, which the next `fit` checks; raises `ValueError` naming those there are for another."""
        known = self.get_params()
        if unknown := sorted(parameters.keys() - known.keys()):
            raise ValueError(f"there is no parameter {unknown[0]!r}; the parameters are {', '.join(known)}.")
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __sklearn_clone__(self) -> Self:
        """A new one with the same parameters; it shares the model, which nothing changes."""
        return type(self)(**self.get_params())

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags("classifier", TargetTags(required=True), classifier_tags=ClassifierTags(multi_label=True))

    def get_metadata_routing(self) -> MetadataRequest:
        """What a Pipeline may route here where that is switched on: nothing that was not asked for by name."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        request.fit.add_request(param="unknown", alias=None)
        request.score.add_request(param="sample_weight", alias=None)
        return request
