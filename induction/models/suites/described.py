"""What a suite is, from its settings and file sizes alone: no weights are read or fetched."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx2

from induction.config.errors import StageError, visible
from induction.config.suites import STEP, Suite
from induction.models.flops import Sizes
from induction.models.suites.files import CONFIG, weight_files
from induction.models.suites.local import LocalSource

TIMEOUT = 5.0  # seconds; who asks what something costs does not wait as long as who fetches it


@dataclass(frozen=True)
class Described:
    """`download` is the bytes of one checkpoint of a hub, 0 for what lies on this machine."""

    sizes: Sizes
    checkpoints: int
    download: int = 0


def describe(name: str, suite: Suite, kept: Path) -> Described:
    """By its first checkpoint, of whose size the others are; `kept` is the folder of weights that
    were fetched to stay. Raises StageError where it cannot be found out."""
    if suite.source == "hub":
        fetched = next(iter(sorted(kept.glob(f"step_*/{CONFIG}"))), None)
        if fetched is not None:
            return Described(_sizes(fetched.parent, name), len(suite.steps))
        return _of_hub(name, suite)
    # The record of commits, and the folder of downloads, are for hubs.
    revisions = LocalSource(name, suite, Path(), Path()).revisions()
    path = Path(suite.at) / revisions[0].name
    if suite.source == "nanogpt":
        from induction.models.suites.nanogpt import read_nanogpt

        config, _ = read_nanogpt(path, f"suites.{name}", suite.pickle)
        return Described(_sizes_of(config), len(revisions))
    return Described(_sizes(path, name), len(revisions))


def _of_hub(name: str, suite: Suite) -> Described:
    # The client of the hub takes a second to import.
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    revision = suite.revision.replace(STEP, str(suite.steps[0])) or "main"
    endpoint = os.environ.get("HF_ENDPOINT") or constants.ENDPOINT

    def ask(url: str) -> httpx2.Response:
        answer = get_session().get(
            url, headers=build_hf_headers(), timeout=TIMEOUT, follow_redirects=True
        )
        hf_raise_for_status(answer)
        return answer

    try:
        commit = ask(f"{endpoint}/api/models/{suite.at}/revision/{revision}").json()["sha"]
        tree = ask(f"{endpoint}/api/models/{suite.at}/tree/{commit}").json()
        files = {entry["path"]: int(entry["size"]) for entry in tree if entry["type"] == "file"}
        config = ask(hf_hub_url(suite.at, CONFIG, revision=commit, endpoint=endpoint)).content
    except (OSError, httpx2.HTTPError, HfHubHTTPError, ValueError, LookupError, TypeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise StageError(
            f"suites.{name}: found no answer from the hub about {suite.at} at {revision} "
            f"({visible(lines[0], 120)}), so what it costs is not known"
        ) from None
    wanted = [CONFIG, *weight_files(files, f"suites.{name}: {suite.at}", suite.pickle)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CONFIG).write_bytes(config)
        sizes = _sizes(Path(folder), name)
    return Described(sizes, len(suite.steps), sum(files[each] for each in wanted))


def _sizes(folder: Path, name: str) -> Sizes:
    # transformers takes seconds to import.
    from induction.models.suites.architectures import read_config

    _, config = read_config(folder, f"suites.{name}")
    return _sizes_of(config)


def _sizes_of(config: object) -> Sizes:
    """Of the settings of a model of `transformers`, whose names for them differ by kind."""

    def value(*names: str, default: int = 0) -> int:
        values = (getattr(config, name, None) for name in names)
        return next((each for each in values if each), default)

    d_model, n_heads = value("hidden_size"), value("num_attention_heads")
    is_llama = value("num_key_value_heads") > 0
    return Sizes(
        value("num_hidden_layers"),
        n_heads,
        value("head_dim", default=d_model // n_heads),
        d_model,
        value("intermediate_size", "n_inner", default=4 * d_model),
        value("vocab_size"),
        n_kv_heads=value("num_key_value_heads", default=n_heads),
        mlp_matrices=3 if is_llama else 2,
        is_parallel=bool(getattr(config, "use_parallel_residual", False)),
    )
