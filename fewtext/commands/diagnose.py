"""Tell from examples alone how good they are.

fewtext diagnose examples.csv
fewtext diagnose --model runs/bot --pool unlabelled.csv --html report.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fewtext.commands.arguments import SupportArguments
from fewtext.commands.fitted import fitted_classifier
from fewtext.commands.output import refuse_existing
from fewtext.data.streaming import text_blocks


@dataclass
class DiagnoseArguments(SupportArguments):
    """What to judge, and where the report goes.

    Args:
        model: A saved classifier or model, or an encoder; by default fewtext/minilm, which is meta-trained.
        support: File of examples (text, label), which replace those of a saved classifier.
        text_column: Column of the texts, in `support` and `pool`; found by its name where not given.
        label_column: Column of the labels; found likewise.
        pool: File of unlabelled texts, of which the report names those to label next.
        n_next: How many of them.
        html: File for the report as a page with pictures.
    """

    POSITIONAL = "support"

    pool: str | None = None
    n_next: int = 10
    html: str | None = None


ARGUMENTS = (DiagnoseArguments,)


def diagnose(arguments: DiagnoseArguments) -> None:
    """Print the report, and write it as a page where `html` says so.

    Raises `FileExistsError` where `html` is there already.
    """
    if arguments.html is not None:
        refuse_existing(arguments.html, "file for html")
        if not Path(arguments.html).absolute().parent.is_dir():
            raise FileNotFoundError(f"html is {arguments.html}, whose folder is not there.")
    blocks = [] if arguments.pool is None else text_blocks(arguments.pool, arguments.text_column)
    pool = [text for block in blocks for text in block]
    report = fitted_classifier(arguments).diagnose(pool, arguments.n_next)
    print(report)
    if arguments.html is not None:
        print(f"\nreport in {report.to_html(arguments.html)}")
