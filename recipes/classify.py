"""Classify a file: `python recipes/classify.py model=FOLDER support=examples.csv input=texts.csv output=labels.csv`.

The settings are the typed arguments of `fewtext.commands.arguments`, read from the YAML file and overridden
by key=value; `--help` lists them. `fewtext classify` is the same function.
"""

import sys

from fewtext.cli import run

if __name__ == "__main__":
    sys.exit(run("classify", sys.argv[1:]))
