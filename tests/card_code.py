"""The code of a model card, run as printed."""

import re

from processes import run_python


def run_code_of(card, folder):
    """Run the sample as printed, but for the name of the repository, which is a folder here."""
    [code] = re.findall(r"```python\n(.*?)```", card.text, re.DOTALL)
    name = re.search(r'from_pretrained\("(.*?)"\)', code).group(1)
    done = run_python(code.replace(f'"{name}"', repr(str(folder))))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
