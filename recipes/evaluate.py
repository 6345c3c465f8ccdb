"""Measure a model: `python recipes/evaluate.py recipes/intent/banking77/lstm.yaml model=FOLDER [key=value ...]`.

The settings are the typed arguments of `fewtext.commands.arguments`, read from the YAML file and overridden
by key=value; `--help` lists them. `fewtext evaluate` is the same function.
"""

import sys

from fewtext.cli import run

if __name__ == "__main__":
    sys.exit(run("evaluate", sys.argv[1:]))
