"""Docstrings begin with a line that stands alone, and texts use the words of the field."""

import ast
import re

import pytest
from helpers.compose import ROOT

# Words with which a first line depends on the name above it.
_FRAGMENTS = {
    *("As", "How", "In", "Of", "Than", "What", "When", "Where", "Whether", "Which", "Who"),
}
# Home-made words, and what to write instead.
_BANNED = {
    "banks?": "OU processes",
    "begun|beginnings?": "initial state",
    "laws?": "distribution",
    "legs?": "segment",
    "looked at": "plotted, sampled, used",
    "of nobody": "unconditional",
    "of one's own": "separate, your own",
    "told|tells?": "conditioned on, logged, passed",
    "which see": "see",
    "whoever|whatever|whichever": "any",
    "(?<!Brownian )motions?": "process, path",
    "(?<!standard )deviations?": "standard deviation",
    "pictures?": "figure, image",
    "withheld|withhold": "dropped",
}
# Uses that are right: a part of the text, by file.
_ALLOWED: dict[str, str] = {
    "interpolants/utils/files.py": "is left, whatever `write` raises",
}


def _documented(tree):
    """Classes, functions and the module, with their docstrings."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield node, text


def _trees(root):
    for path in sorted((root / "interpolants").rglob("*.py")):
        yield path.relative_to(root).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def first_line_faults(root):
    """Docstrings whose first line does not stand alone."""
    return [
        f"{name}:{getattr(node, 'lineno', 1)}: {text.splitlines()[0]}"
        for name, tree in _trees(root)
        for node, text in _documented(tree)
        if text.split(maxsplit=1)[0].rstrip(",:") in _FRAGMENTS
    ]


def word_faults(root):
    """Docstrings and messages with a home-made word, and what to write instead."""
    return [
        f"{name}:{node.lineno}: {found[0]!r}; write {better}"
        for name, tree in _trees(root)
        for node in ast.walk(tree)
        # A single word may be a name.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value
        for text in [" ".join(node.value.split()).replace(_ALLOWED.get(name, "\0"), "")]
        for word, better in _BANNED.items()
        if (found := re.search(rf"\b({word})\b", text, re.IGNORECASE))
    ]


def test_first_lines_of_docstrings_stand_alone():
    assert first_line_faults(ROOT) == []


def test_docstrings_and_messages_use_the_words_of_the_field():
    assert word_faults(ROOT) == []


def test_allowed_uses_are_there():
    for name, text in _ALLOWED.items():
        assert text in " ".join((ROOT / name).read_text(encoding="utf-8").split())


def _write(root, text):
    path = root / "interpolants" / "metric" / "a.py"
    path.parent.mkdir(parents=True)
    path.write_text(text)


@pytest.mark.parametrize("line", ["Of each path.", "What is drawn.", "As `a`, but slowly."])
def test_first_line_check_finds_a_planted_fragment(line, tmp_path):
    _write(tmp_path, f'"""Parts."""\n\n\ndef f():\n    """{line}\n\n    More.\n    """\n')
    assert first_line_faults(tmp_path) == [f"interpolants/metric/a.py:4: {line}"]


@pytest.mark.parametrize("line", ["Office hours.", "Values of x.", "Inverse of the map."])
def test_first_line_check_passes_a_line_that_stands_alone(line, tmp_path):
    _write(tmp_path, f'"""{line}"""\n')
    assert first_line_faults(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The law of x0.", "law"),
        ("A network that is told its label.", "told"),
        ("Labels,\nwhatever they are.", "whatever"),
        ("Mean and deviation.", "deviation"),
        ("A motion in time.", "motion"),
    ],
)
def test_word_check_finds_a_planted_word(text, word, tmp_path):
    _write(tmp_path, f'"""Parts."""\n\nMESSAGE = {text!r}\n')
    (fault,) = word_faults(tmp_path)
    assert fault.startswith(f"interpolants/metric/a.py:3: {word!r}; write ")


def test_word_check_passes_terms_of_the_field_and_names(tmp_path):
    _write(
        tmp_path, '"""Brownian motion and its standard deviation."""\n\nKEYS = ["law", "told"]\n'
    )
    assert word_faults(tmp_path) == []
