"""Names of files, with the settings that decide their content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable

# Settings that decide no sample.
_ELSEWHERE = {
    *("ckpt", "out", "stem", "n", "chunk_size", "device", "threads", "traceback", "trust", "data"),
    *("animation", "output", "metric", "likelihood", "features", "hydra"),
}
_MOST = 100


def stem_of(sampler: str, overrides: Iterable[str], decide: Collection[str] = ()) -> str:
    """Stem of the files of a request, such as `ode_label_3_num_steps_64`.

    Args:
        sampler: name of the sampler.
        overrides: words of the command line. Those that decide the samples are in the stem, but
            not their number, for more samples continue the same stream.
        decide: settings that are in the stem though they decide no sample.
    """
    parts, elsewhere = [], _ELSEWHERE - {*decide}
    for word in sorted(overrides):
        key, _, value = word.lstrip("+~").partition("=")
        if key != "sampler" and value != "null" and re.split(r"[./@]", key)[0] not in elsewhere:
            parts.append(f"{re.sub('^sampler[./]', '', key)}_{value}")
    return file_name("_".join([sampler, *parts]))


def file_name(text: str) -> str:
    """Name of letters, digits and few signs, none of which a command line gives a meaning.

    The end of a name of more than 100 characters is replaced by a hash.
    """
    name = re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")
    if len(name) <= _MOST:
        return name
    short = hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[:_MOST]}_{short}"
