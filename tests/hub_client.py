"""Code run in a process of its own, whose Hub is the one of hub_server.py."""

import json
import os

from processes import run_python


def run(server, tmp_path, code, *, cache="cache", fails=False, **more):
    environment = {key: value for key, value in os.environ.items() if key != "HF_HUB_OFFLINE"}
    environment |= {
        "HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / cache), "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "secret", **more,
    }  # fmt: skip
    prelude = "import json, sys, time\ntime.sleep = lambda seconds: None\nfrom fewtext import *\n"
    done = run_python(prelude + code, environment=environment)
    assert (done.returncode != 0) == fails, done.stderr[-3000:]
    if fails:  # a progress bar may come after it
        return next(line for line in reversed(done.stderr.splitlines()) if "Error: " in line)
    return json.loads(done.stdout.strip().splitlines()[-1])


TEXTS, LABELS = ["where is it", "not here yet", "money back", "a return"], ["track", "track", "refund", "refund"]
MAKE = f"clf = FewShotClassifier.from_pretrained({{encoder!r}}).fit({TEXTS}, {LABELS})\n"
SHOWN = "[clf.classes_.tolist(), clf.predict_proba(['hello there', 'a return']).tolist()]"
SHOW = f"print(json.dumps({SHOWN}))"
