"""Python in processes of their own, forked from one that holds what takes longest to import.

torch, scikit-learn and their like read nothing that the tests change, so a fork server imports them once. The rest
(transformers, huggingface_hub, datasets, fewtext) reads HF_ENDPOINT, HF_HOME and the like when it is imported, so
every process imports that for itself, with the environment it was given.
"""

import multiprocessing
import os
import runpy
import socket
import sys
import tempfile
import time
import types
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

from filelock import FileLock

SHARED = ["torch", "torch._dynamo", "torch.distributed.tensor", "sklearn.metrics", "scipy.optimize", "scipy.stats"]
SHARED += ["pandas", "pyarrow.dataset", "yaml", "jinja2", "fsspec"]

server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(SHARED)

ONE_GROUP = FileLock(Path(tempfile.gettempdir()) / "fewtext-two-processes.lock")
"""Held while a group of processes runs: two groups of two at once are four on the two cores of CI."""


class Python:
    """A running process, with the arguments of `python -c CODE ...` or `python SCRIPT.py ...`."""

    def __init__(self, code, *arguments, environment=None, cwd=None):
        self.folder = tempfile.TemporaryDirectory()
        self.arguments = [str(code), *map(str, arguments)]
        environment = dict(os.environ if environment is None else environment)
        given = (self.arguments, environment, str(cwd or Path.cwd()), self.folder.name)
        self.process = server.Process(target=_run, args=given)
        self.process.start()

    def wait(self, timeout=300):
        """Return what it printed and its exit status, as `subprocess.run(..., text=True)` does."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise TimeoutExpired(self.arguments, timeout, *self._printed())
        done = CompletedProcess(self.arguments, self.process.exitcode, *self._printed())
        self.folder.cleanup()
        return done

    def _printed(self):
        return [Path(self.folder.name, name).read_text(encoding="utf-8") for name in ("stdout", "stderr")]


def run_python(code, *arguments, timeout=300, **options):
    """Run code, or the script of a path that ends in `.py`, to its end."""
    return Python(code, *arguments, **options).wait(timeout)


def run_group(size, code, *arguments, environment, timeout=300):
    """Run as many processes as torchrun would start them; where one fails, the others have a moment to end.

    Raises `TimeoutExpired` where they hang, and so would look as if they had been killed.
    """
    started = []
    with ONE_GROUP:
        group = {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": _free_port()}
        group = environment | {name: str(value) for name, value in group.items()}
        for rank in map(str, range(size)):
            started.append(Python(code, *arguments, environment=group | {"RANK": rank, "LOCAL_RANK": rank}))
        end, failed = time.monotonic() + timeout, None
        while any(one.process.exitcode is None for one in started) and time.monotonic() < end:
            time.sleep(0.05)
            if failed is None and any(one.process.exitcode for one in started):
                failed = [one.process.exitcode for one in started]
                end = time.monotonic() + 10
        for one in started:
            one.process.kill()
        done = [one.wait() for one in started]
        if failed is None and any(process.returncode for process in done):
            raise TimeoutExpired(done[0].args, timeout, stderr="\n".join(process.stderr for process in done))
        return done


def _free_port():
    """A port below those that connections are given: nobody takes it between here and where it is listened on."""
    for port in range(20_000, 30_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise OSError("no port is free")


def _run(arguments, environment, cwd, folder):
    for number, name in ((1, "stdout"), (2, "stderr")):
        with Path(folder, name).open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    code = arguments[0]
    if code.endswith(".py"):
        sys.argv = arguments
        sys.path.insert(0, str(Path(code).parent))
        runpy.run_path(code, run_name="__main__")
    else:
        sys.argv = ["-c", *arguments[1:]]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), vars(main))


RECIPES = Path(__file__).parents[1] / "recipes"


def run_script(script: str, *arguments: object) -> str:
    """Run a recipe's script from the root of the checkout, and return what it printed."""
    done = run_python(RECIPES / script, *arguments, cwd=RECIPES.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
