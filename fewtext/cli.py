"""The command line: `fewtext COMMAND [CONFIG.yaml] [key=value | --key value ...]`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from fewtext.version import __version__

COMMANDS = {
    "train": "meta-train a model on episodes and measure it on unseen classes",
    "evaluate": "measure a model or an encoder on episodes, or from given support sets",
    "classify": "classify the texts of a file from a file of examples",
    "diagnose": "tell from examples alone how good they are, and what to label next",
    "adapt": "fine-tune a classifier on its examples",
    "push": "push a saved classifier to the Hugging Face Hub",
    "card": "write the model card of a saved classifier",
    "demo": "all of it on the sample intents, in a few minutes",
}

USAGE = "usage: fewtext COMMAND [CONFIG.yaml] [key=value | --key value ...]\n\n" + "\n".join(
    f"  {name:<10}{what}" for name, what in COMMANDS.items()
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns 2 with one sentence on the screen where the input is at fault."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in ("--version", "-V"):
        print(f"fewtext {__version__}")
        return 0
    if not words or words[0] in ("--help", "-h", "help"):
        print(f"{USAGE}\n\n`fewtext COMMAND --help` lists the settings of a command.")
        return 0
    if words[0] not in COMMANDS:
        print(f"fewtext: there is no command {words[0]!r}.\n\n{USAGE}", file=sys.stderr)
        return 2
    return run(words[0], words[1:])


def run(command: str, words: Sequence[str]) -> int:
    """Run one command with its words; what the recipes call."""
    logging.basicConfig(format="%(message)s")
    module = import_module(f"fewtext.commands.{command}")
    from fewtext.commands.arguments import describe, parse

    try:
        if "--help" in words or "-h" in words:
            examples = (module.__doc__ or "").partition("\n\n")[2].rstrip()
            print(f"fewtext {command}: {COMMANDS[command]}\n\n{examples}\n\n{describe(*module.ARGUMENTS)}", flush=True)
            return 0
        if not words and (needs := getattr(module, "NEEDS", None)):
            raise ValueError(f"give {needs}; `fewtext {command} --help` lists the settings.")
        function: Callable[..., Any] = getattr(module, command)
        function(*parse(words, *module.ARGUMENTS, ignored=getattr(module, "IGNORED", ())))
    except (ValueError, TypeError, OSError, KeyError, ImportError) as error:
        if os.environ.get("FEWTEXT_TRACEBACK"):  # for whoever looks for the fault in fewtext itself
            raise
        print(f"fewtext {command}: {error.args[0] if isinstance(error, KeyError) else error}", file=sys.stderr)
        if isinstance(error, BrokenPipeError):  # else Python complains again when it ends: whoever reads has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
