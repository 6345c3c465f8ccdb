"""Make transformers know fewtext's model type and task after `import fewtext`, which loads neither of them.

transformers has no entry points for this, and its registries are reached only by importing it, which takes seconds.
So a finder waits until the module with a registry is imported by whoever needs it, and then imports the module of
fewtext that registers there. It changes nothing about how a module is loaded and leaves once it is no longer needed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

REGISTERING = {
    "transformers.models.auto.configuration_auto": "fewtext.models.configuration",
    "transformers.pipelines": "fewtext.inference.pipeline",
}
"""For each module with a registry the one that registers there. The latter must not need other modules of upper
floors at import: it is imported in the midst of whatever import reached for the registry."""


def register_when_imported() -> None:
    """Register with what is imported already, and with the rest when it is."""
    finder = Finder()
    for name in REGISTERING:
        if name in sys.modules:
            finder.register(name)
    if finder.waiting:
        sys.meta_path.insert(0, finder)


class Finder:
    """A finder of `sys.meta_path` that finds nothing by itself; see the module."""

    def __init__(self) -> None:
        self.waiting = set(REGISTERING)

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec that the other finders give, with a loader that registers afterwards."""
        if name not in self.waiting:
            return None
        for finder in [finder for finder in sys.meta_path if finder is not self]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = Loader(spec.loader, self)  # type: ignore[assignment]
                return spec
        return None

    def register(self, name: str) -> None:
        """Import what registers in a module; where that fails, transformers works on without fewtext."""
        self.waiting.discard(name)
        if not self.waiting and self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            import_module(REGISTERING[name])
        except Exception as error:
            warnings.warn(f"fewtext could not register with {name}: {error!r}", stacklevel=2)


class Loader:
    """A module's own loader, and a word to the finder when the module is whole."""

    def __init__(self, loader: Any, finder: Finder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as its own loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Load the module with its own loader, which is the only one it will know of, then register."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._finder.register(module.__name__)

    def __getattr__(self, name: str) -> Any:  # for those who look at a spec without importing
        return getattr(self._loader, name)
