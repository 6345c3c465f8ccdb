"""Pushing a folder to the Hugging Face Hub: one commit, only what belongs, and errors that say what to do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, HfApi, ModelCard, try_to_load_from_cache
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from fewtext.folders import MODEL_PARTS, OWN_FILES

CARD_FILE, HANDLER_FILE, REQUIREMENTS_FILE = "README.md", "handler.py", "requirements.txt"
TEMPLATES = Path(__file__).parent / "templates"


def push_saved(save: Callable[[Path], object], card: ModelCard, repo_id: str, **options: Any) -> CommitInfo:
    """Push what `save` writes to a folder, with its card; options and errors are those of `push_folder`."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        save(folder)
        (folder / CARD_FILE).write_text(str(card), encoding="utf-8")
        return push_folder(folder, repo_id, **options)


def push_folder(
    folder: Path,
    repo_id: str,
    *,
    private: bool | None = None,
    commit_message: str | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    token: str | None = None,
    endpoint_handler: bool = False,
) -> CommitInfo:
    """Upload a model folder in one commit, which also removes files of an earlier model that this one lacks.

    Args:
        folder: What to upload; of it only the files of a model, its card, and what the handler needs.
        repo_id: `OWNER/NAME`; created if it is not there.
        private: Whether a new repository is private.
        commit_message: The message of the commit.
        revision: A branch; created if it is not there.
        create_pr: Whether to open a pull request instead.
        token: Access token; by default the one that `hf auth login` stored.
        endpoint_handler: Whether to add `handler.py` for Inference Endpoints.

    Raises:
        PermissionError: no token, one that may not write there, or `private` for a repository that is public.
        FileNotFoundError: no such repository or revision.
        ConnectionError: the connection was cut; nothing changed there, and the same call may be tried again.
    """
    if endpoint_handler:
        (folder / HANDLER_FILE).write_text((TEMPLATES / "handler.txt").read_text(encoding="utf-8"), encoding="utf-8")
        (folder / REQUIREMENTS_FILE).write_text("fewtext\n", encoding="utf-8")
    api = HfApi(token=token)
    with explained(repo_id, revision):
        full_name = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if private and not api.model_info(full_name).private:
            raise PermissionError(
                f"{full_name} is there already and is public, so nothing was pushed: make it private in its settings "
                "on the Hub, or push to a new name."
            )
        if revision is not None and not create_pr:
            api.create_branch(full_name, branch=revision, exist_ok=True)
        return api.upload_folder(
            repo_id=full_name,
            folder_path=folder,
            commit_message=commit_message or "Push a fewtext model",
            revision=revision,
            create_pr=create_pr,
            allow_patterns=[*OWN_FILES, MODEL_PARTS, CARD_FILE, HANDLER_FILE, REQUIREMENTS_FILE],
            delete_patterns=[*sorted(OWN_FILES), MODEL_PARTS],
        )


def has_file(repo_id: str, name: str, revision: str | None = None, token: str | None = None) -> bool:
    """Tell whether a model on the Hub has a file; where the Hub may not be asked, whether the local cache has it.

    Raises `ConnectionError` where the Hub does not answer.
    """
    try:
        with explained(repo_id, revision):
            return HfApi(token=token).file_exists(repo_id, name, revision=revision)
    except ConnectionError as error:
        if isinstance(error.__cause__, OfflineModeIsEnabled):
            return isinstance(try_to_load_from_cache(repo_id, name, revision=revision), str)
        raise


@contextmanager
def explained(repo_id: str, revision: str | None = None) -> Iterator[None]:
    """Turn what the client raises into errors that say what to do."""
    try:
        yield
    except LocalTokenNotFoundError as error:
        raise PermissionError("no access token: run `hf auth login`, or pass token=.") from error
    except RevisionNotFoundError as error:
        raise FileNotFoundError(f"{repo_id} has no revision {revision!r} on the Hub.") from error
    except RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"there is no {repo_id} on the Hub, or it is private and the token may not see it."
        ) from error
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            raise PermissionError(
                f"the Hub refused the access token for {repo_id}: pass token=, or run `hf auth login` with one that "
                "may write."
            ) from error
        raise ConnectionError(f"the Hub answered {error.response.status_code} for {repo_id}: {error}") from error
    except (PermissionError, FileNotFoundError, ValueError):
        raise
    except (ImportError, SyntaxError, NameError, AttributeError, TypeError):  # faults of the code that was fetched
        raise
    except Exception as error:  # the transport's own errors share no public base class
        raise ConnectionError(
            f"the connection to the Hub failed over {repo_id} ({type(error).__name__}: {error}); nothing was changed "
            "there, try again."
        ) from error
