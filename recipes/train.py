"""Meta-train a model: `accelerate launch recipes/train.py recipes/intent/banking77/lstm.yaml [key=value ...]`.

The settings are the typed arguments of `fewtext.commands.arguments`, read from the YAML file and overridden
by key=value; `--help` lists them. `fewtext train` is the same function.
"""

import sys

from fewtext.cli import run

if __name__ == "__main__":
    sys.exit(run("train", sys.argv[1:]))
