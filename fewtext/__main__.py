"""`python -m fewtext`, which is the command `fewtext`."""

import sys

from fewtext.cli import main

sys.exit(main())
